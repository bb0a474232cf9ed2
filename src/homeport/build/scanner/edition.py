"""Which edition of Homeport and of Python made some facts: others may see the same source differently."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from pathlib import Path

import homeport

DECIDING = (
    "authoring",
    "build/analyzer",
    "build/application.py",
    "build/diagnostics",
    "build/linker",
    "build/plan.py",
    "build/scanner",
    "contracts",
    "durations.py",
    "errors.py",
    "nodes.py",
)
"""Parts of the package that decide what a scan makes of a source text."""


@cache
def edition() -> bytes:
    """A digest that changes with whatever may change the facts or the plan of the same source.

    It is taken of the scanner's own source, so that nobody has to remember to count up a version, and caches of
    yesterday's checkout are stale the moment the code is edited. Where there is only bytecode, that is taken; and in an
    executable, where code cannot differ from it, size and time of the file.
    """
    digest = hashlib.blake2b(f"{sys.implementation.cache_tag}\0{sys.version}\0".encode(), digest_size=16)
    package = Path(homeport.__file__ or sys.executable).parent
    files = _files(package, ".py") or _files(package, ".pyc")
    for file in files:
        digest.update(f"{file.relative_to(package).as_posix()}\0".encode())
        digest.update(file.read_bytes())
    if not files:
        digest.update(_holder(package).encode())
    return digest.digest()


def _files(package: Path, suffix: str) -> list[Path]:
    found: list[Path] = []
    for part in DECIDING:
        whole = (package / part).with_suffix(suffix)
        found += [whole] if part.endswith(".py") and whole.is_file() else (package / part).rglob(f"*{suffix}")
    return sorted(found)


def _holder(package: Path) -> str:
    """Size and time of the archive or executable that a package was imported from."""
    for path in (*package.parents, Path(sys.executable)):
        if path.is_file():
            status = os.stat(path)
            return f"{status.st_size}\0{status.st_mtime_ns}"
    return ""
