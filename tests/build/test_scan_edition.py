"""A cache is stale as soon as any code changes that decides what is in it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import homeport
from homeport.build.scanner.edition import DECIDING, edition

PACKAGE = Path(homeport.__file__).parent
SHELLS = {"config_sources.py", "nodes.py", "packaged.py", "processes.py", "program.py"}
"""What the scan imports for other reasons than to decide: where files are, how processes start."""


def imported(file: Path) -> set[Path]:
    found = set[Path]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("homeport"):
            base = PACKAGE.parent.joinpath(*node.module.split("."))
            candidates = [base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)]
            found.update(path for path in candidates if path.is_file())
    return found


def test_all_that_a_scan_imports_is_part_of_the_edition() -> None:
    pending, reached = [PACKAGE / "build" / "application.py"], set[Path]()
    while pending:
        file = pending.pop()
        if file not in reached:
            reached.add(file)
            pending.extend(imported(file))
    names = {path.relative_to(PACKAGE).as_posix() for path in reached}
    covered = {name for name in names if any(name == part or name.startswith(f"{part}/") for part in DECIDING)}
    assert names - covered - SHELLS == set()


def test_every_part_of_the_edition_exists() -> None:
    assert [part for part in DECIDING if not (PACKAGE / part).exists()] == []


@pytest.mark.parametrize("name", ["facts.py", "facts.pyc"])
def test_an_edit_of_the_scanner_makes_another_edition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    package = tmp_path / "homeport"
    (package / "build" / "scanner").mkdir(parents=True)
    file = package / "build" / "scanner" / name
    monkeypatch.setattr(homeport, "__file__", str(package / "__init__.py"))
    editions = set()
    for text in ("a = 1", "a = 2", "a = 2"):
        file.write_text(text)
        edition.cache_clear()
        editions.add(edition())
    edition.cache_clear()
    assert len(editions) == 2
    assert all(len(one) == 16 for one in editions)


def test_without_source_the_executable_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "shop"
    monkeypatch.setattr(homeport, "__file__", str(archive / "homeport" / "__init__.pyc"))
    editions = set()
    for content in ("one", "another"):
        archive.write_text(content)
        edition.cache_clear()
        editions.add(edition())
    edition.cache_clear()
    assert len(editions) == 2
