"""Which files of the application's folder belong into an artefact."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatch

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


def _top(path: str) -> str:
    return path.partition("/")[0]
