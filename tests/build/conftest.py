"""Applications written out for a scan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest

from homeport.build.application import scan
from homeport.build.diagnostics.rules import RULES
from homeport.build.plan import Plan

Scan = Callable[..., Plan]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Writes files, given by relative path, and returns the folder that holds them."""

    def write_all(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return tmp_path

    return write_all


@pytest.fixture
def scan_app(write: Callable[[dict[str, str]], Path]) -> Scan:
    """Writes an application and scans it; what quiet rules find is left out, as for a user who selects nothing."""

    def scan_files(files: dict[str, str], target: str = ".", exclude: Sequence[str] = ()) -> Plan:
        plan = scan(target, write(files), exclude)
        told = tuple(found for found in plan.findings if found.code not in RULES or not RULES[found.code].quiet)
        return msgspec.structs.replace(plan, findings=told)

    return scan_files
