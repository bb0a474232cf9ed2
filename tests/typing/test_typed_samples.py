"""What mypy --strict and pyright say of services: typed handles pass without a plugin, mistakes are found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parent / "samples"
Findings = set[tuple[str, int]]


def marked() -> Findings:
    """The lines of the samples that are meant to be wrong."""
    return {
        (path.relative_to(SAMPLES).as_posix(), number)
        for path in SAMPLES.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if line.endswith("# E")
    }


def mypy(cache: Path) -> tuple[Findings, str]:
    options = [
        "--strict",
        "--config-file=",
        "--python-version=3.11",
        "--explicit-package-bases",
        f"--cache-dir={cache}",
    ]
    result = run("mypy", *options, "ok", "bad")
    return {(m[1], int(m[2])) for m in re.finditer(r"^(\S+?):(\d+): error:", result, re.M)}, result


def pyright(_: Path) -> tuple[Findings, str]:
    result = run("pyright", "--outputjson", "--pythonpath", sys.executable)  # as pyrightconfig.json says
    found = {
        (Path(entry["file"]).relative_to(SAMPLES).as_posix(), entry["range"]["start"]["line"] + 1)
        for entry in json.loads(result)["generalDiagnostics"]
        if entry["severity"] == "error"
    }
    return found, result


def run(module: str, *arguments: str) -> str:
    """What the tool prints, run in the folder of the samples."""
    environment = {**os.environ, "MYPYPATH": str(SAMPLES)}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=SAMPLES, env=environment, capture_output=True, text=True).stdout


@pytest.mark.timeout(180)
@pytest.mark.parametrize("checker", [mypy, pyright], ids=lambda checker: checker.__name__)
def test_a_type_checker_finds_exactly_the_mistakes(checker, tmp_path: Path) -> None:
    found, report = checker(tmp_path)
    assert found - marked() == set(), report
    assert marked() - found == set(), report
