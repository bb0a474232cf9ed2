from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from cli_fakes import FakeClient, Place

from homeport.cli.main import main


class Ran(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        return msgspec.json.decode(self.out)

    @property
    def problem(self) -> Any:
        return msgspec.json.decode(self.err)


Homeport = Callable[..., Ran]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in ("FORCE_COLOR", "COLUMNS", "HOMEPORT_NODE", "HOMEPORT_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    return Place(FakeClient(), tmp_path, {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")})


@pytest.fixture
def homeport(place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Homeport:
    """Run the command line on the node in memory."""

    def run(*argv: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        code = main(argv, place.surroundings())
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run
