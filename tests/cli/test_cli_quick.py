"""Reading what is typed without typer: the same arguments, or none at all."""

from __future__ import annotations

import subprocess
import sys
from functools import update_wrapper
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.cli.app import build
from homeport.cli.commands import COMMANDS, load
from homeport.cli.commands.call import call
from homeport.cli.commands.run import run
from homeport.cli.commands.why import why
from homeport.cli.main import run_typer
from homeport.cli.parameters import Command, Group, parameters
from homeport.cli.quick import read
from homeport.cli.surroundings import Surroundings

NAMES = [name for names in COMMANDS.values() for name in names]
SINGLE = [name for name in NAMES if not isinstance(load(name), Group)]
ODD = ["-1", "--", "-", "--help", "--json=1", "", "x", "3", "5m", "10%", "node.port=1", "--no"]


class Recorder:
    """Takes the place of a command, and notes what it is called with."""

    def __init__(self, command: Command) -> None:
        update_wrapper(self, command)
        self.__defaults__ = command.__defaults__
        self.given: list[dict[str, Any]] = []

    def __call__(self, surroundings: Surroundings, **given: Any) -> None:
        self.given.append(given)


def single(name: str) -> Command:
    command = load(name)
    assert not isinstance(command, Group)
    return command


def words_of(command: Command) -> st.SearchStrategy[list[str]]:
    known = parameters(command)
    names = [name for parameter in known if parameter.declared.option for name in parameter.names]
    choices = [word for one in known if get_origin(one.type) is Literal for word in get_args(one.type)]
    return st.lists(st.sampled_from([*names, *choices, *ODD]), max_size=6)


@pytest.mark.parametrize("name", SINGLE)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_the_quick_reading_never_differs_from_that_of_typer(name: str, data: st.DataObject) -> None:
    words = data.draw(words_of(single(name)))
    quick = read(single(name), words)
    if quick is None:
        return
    recorder = Recorder(single(name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[f"homeport.cli.commands.{name}"], name, recorder)
        assert run_typer([name, *words], Surroundings()) == 0
    assert recorder.given == [quick]


def test_what_is_typed_plainly_is_read_quickly() -> None:
    asked = read(run, ["shop", "-d", "--port", "0", "--ready-timeout", "250ms", "--set", "a.b=c", "--set", "d=e"])
    assert asked is not None
    changed = {name: value for name, value in asked.items() if value}
    assert changed == {"target": "shop", "detach": True, "ready_timeout": 0.25, "assignments": ["a.b=c", "d=e"]}
    assert asked["port"] == 0
    assert read(call, ["cart.add", "[1]", "--timeout", "2s", "--json"]) == {
        "target": "cart.add",
        "arguments": "[1]",
        "timeout": 2.0,
        "node": None,
        "as_json": True,
    }


@pytest.mark.parametrize("words", [[], ["a", "b"], ["a", "--last", "x"], ["a", "--last", "0"], ["a", "--last"], ["-h"]])
def test_mistakes_and_help_are_left_to_typer(words: list[str]) -> None:
    assert read(why, words) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_command_alone_is_what_it_is_among_all(name: str) -> None:
    import typer.main

    [alone] = typer.main.get_command(build([name])).commands  # type: ignore[attr-defined]
    assert alone == name


@pytest.mark.parametrize("words", [["--version"], ["explain", "HP302", "--json"], ["config", "show", "--json"]])
def test_plain_commands_import_neither_typer_nor_rich(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from homeport.cli.main import main\n"
        f"assert main({words!r}) == 0\n"
        "print(sorted({'typer', 'rich', 'pydantic', 'asyncio'} & sys.modules.keys()))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
