"""Which files of the application's folder belong into an artefact."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from homeport.build.scanner.exclusion import Exclusion, is_foreign_folder

REGISTRY_SUFFIX, SBOM_SUFFIX = ".registry.json", ".cdx.json"  # of what lies beside an artefact
_MADE_FOLDERS = frozenset({"build", "dist", "docs", "tests"})  # beside the code; inside a package they belong to it
_OF_THE_PROJECT = (
    *("*.lock", "*.toml", "*.cfg", "*.ini", "*.md", "*.rst", "requirements*.txt", "constraints*.txt"),
    *("LICENSE*", "NOTICE*", "Makefile", "justfile", "Dockerfile*", "compose*.y*ml", "docker-compose*.y*ml"),
)


def chosen(paths: Sequence[str], reached: Collection[str], *, scope: str = "", only_reached: bool = False) -> list[str]:
    """Those of ``paths``, relative to the import root, that an artefact holds, in order.

    ``reached`` are the Python files that services import, directly or not. A package with one of them is taken whole,
    as it may import by computed names and read its own data. Other packages and modules stay out. When the whole import
    root was looked through (no ``scope``), data beside the code is taken, too, but for what stands beside the code of
    every project. ``only_reached`` takes no other Python file.
    """
    used = {_top(path) for path in reached if "/" in path}
    foreign = {_top(path) for path in paths if "/" in path and path.endswith(".py")} - used

    def belongs(path: str) -> bool:
        if path in reached:
            return True
        if path.endswith(".py") and (only_reached or "/" not in path):
            return False
        if _top(path) in used:
            return True
        if scope or _top(path) in foreign | _MADE_FOLDERS:
            return False
        return "/" in path or not any(fnmatch(path, glob) for glob in _OF_THE_PROJECT)

    return sorted(path for path in paths if belongs(path))


def files_below(
    root: Path, exclusion: Exclusion, leave_out: Collection[Path] = (), tops: Collection[str] | None = None
) -> list[str]:
    """All files below ``root``, relative to it, but for what is no part of an application and ``leave_out`` folders.

    With ``tops``, only what stands in ``root`` by these names is looked at: beside a package there may be anything.
    """
    return sorted(_walk(root, exclusion, {os.path.realpath(path) for path in leave_out}, tops))


def _walk(root: Path, exclusion: Exclusion, leave_out: Collection[str], tops: Collection[str] | None) -> Iterator[str]:
    pending: list[tuple[str, str, frozenset[str]]] = [(os.fspath(root), "", frozenset())]
    while pending:
        folder, prefix, above = pending.pop()
        real = os.path.realpath(folder)
        if real in above or (prefix and real in leave_out):  # a link to a folder above itself; what is being made
            continue
        with os.scandir(folder) as entries:
            found = list(entries)
        names = {entry.name for entry in found}
        if prefix and (is_foreign_folder(folder, names) or _holds_artefacts(names)):
            continue
        for entry in found:
            relative = prefix + entry.name
            if exclusion.skips(entry.name, relative) or (not prefix and tops is not None and entry.name not in tops):
                continue
            if entry.is_dir():
                pending.append((entry.path, f"{relative}/", above | {real}))
            elif entry.is_file():
                yield relative


def _holds_artefacts(names: Collection[str]) -> bool:
    """Whether a folder is one that artefacts were put into: none holds those made before."""
    made = (name.removesuffix(REGISTRY_SUFFIX) for name in names if name.endswith(REGISTRY_SUFFIX))
    return any(f"{name}{SBOM_SUFFIX}" in names for name in made)


def _top(path: str) -> str:
    return path.partition("/")[0]
