"""``homeport.run()`` takes what an IDE has at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cli_fakes
import pytest

import homeport
from homeport.cli.foreground import start as start_module
from homeport.cli.foreground.launch import RunOptions
from homeport.errors import UsageError

HERE = Path(__file__).resolve()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[RunOptions]:
    seen: list[RunOptions] = []

    def fake_start(options: RunOptions, surroundings: object) -> int:
        seen.append(options)
        return 7

    monkeypatch.setattr(start_module, "start", fake_start)
    return seen


@pytest.mark.parametrize(
    ("target", "spelt"),
    [
        ("examples/boutique", "examples/boutique"),
        ("orders:app", "orders:app"),
        (None, str(HERE.parent)),
        (cli_fakes, str(HERE.parent / "cli_fakes.py")),
        (cli_fakes.FakeNode, f"{HERE.parent / 'cli_fakes.py'}:FakeNode"),
        (homeport, str(Path(homeport.__file__).parent)),
    ],
    ids=str,
)
def test_a_target_becomes_what_the_command_takes(asked: list[RunOptions], target: Any, spelt: str) -> None:
    with pytest.raises(SystemExit) as caught:
        homeport.run(target)
    assert asked == [RunOptions(target=spelt)]
    assert caught.value.code == 7


def test_options_are_those_of_the_command(asked: list[RunOptions]) -> None:
    with pytest.raises(SystemExit):
        homeport.run("shop", reload=True, port=8080)
    assert asked == [RunOptions(target="shop", reload=True, port=8080)]


def test_an_option_that_does_not_exist_is_refused_by_name(asked: list[RunOptions]) -> None:
    with pytest.raises(UsageError, match="no option prot; it has layout"):
        homeport.run("shop", prot=8080)
    assert asked == []
