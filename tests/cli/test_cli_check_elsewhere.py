"""The pre-commit hook and the GitHub action call the command as it is."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from cli_fakes import Place

if TYPE_CHECKING:
    from conftest import Homeport

ROOT = Path(__file__).parents[2]
SHOP = "from homeport import service\n@service\nclass Cart:\n    async def buy(self): await self.bank.book()\n"


@pytest.fixture
def shop(place: Place, monkeypatch: pytest.MonkeyPatch) -> Path:
    (place.folder / "cart.py").write_text(SHOP)
    monkeypatch.chdir(place.folder)
    return place.folder


@pytest.mark.usefixtures("shop")
def test_the_hook_checks_the_whole_application(homeport: Homeport) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *arguments = shlex.split(hook["entry"])
    assert (hook["id"], program, hook["pass_filenames"]) == ("homeport-check", "homeport", False)
    ran = homeport(*arguments, "--format", "concise")
    assert ran.code == 1
    assert ran.out.startswith("cart.py:4:32: HP201 warning")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", ["check", "my shop", "--format", "github"]),
        ("--ignore HP302 --hash", ["check", "my shop", "--format", "github", "--ignore", "HP302", "--hash"]),
        ("; touch $(pwd)/here", ["check", "my shop", "--format", "github", ";", "touch", "$(pwd)/here"]),
    ],
)
def test_the_action_hands_its_inputs_on_and_runs_nothing_else(
    tmp_path: Path, arguments: str, expected: list[str]
) -> None:
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    (check,) = (step for step in steps if step.get("name") == "Check")
    assert "${{" not in check["run"]  # an input in a script could be anything
    program = tmp_path / "homeport" / "bin" / "homeport"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 1\n')
    program.chmod(0o755)
    environment = {**os.environ, "RUNNER_TEMP": str(tmp_path), "TARGET": "my shop", "ARGUMENTS": arguments}
    shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", check["run"]]
    ran = subprocess.run(shell, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.splitlines()) == (1, expected)
    assert [path.name for path in tmp_path.iterdir()] == ["homeport"]


def test_the_action_names_the_options_that_the_command_has(homeport: Homeport, shop: Path) -> None:
    assert homeport("check", str(shop), "--format", "github", "--ignore", "HP302", "--hash").code == 1
