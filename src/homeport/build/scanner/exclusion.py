"""Which files and folders are no part of an application: the rule that scans, releases and artefacts share."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from fnmatch import fnmatch, translate
from pathlib import Path

from homeport.nodes import is_data_folder

_MADE_BY_TOOLS = frozenset({"__pycache__", "node_modules"})
_TEST_FOLDERS = frozenset({"tests"})
_TEST_FILES = ("test_*.py", "conftest.py")


class Exclusion:
    """What is hidden, made by tools, or matched by a glob of the settings.

    A glob matches a name, or the end of a path from the import root: `legacy`, `*_pb2.py`, `shop/old/*`. It is relative
    to what was asked to run, which may lie deeper than the import root.
    """

    def __init__(self, globs: Sequence[str] = ()) -> None:
        names = [glob.rstrip("/") for glob in globs]
        self._named = re.compile("|".join(map(translate, names))) if names else None
        self._ending = re.compile("|".join(translate(f"*/{name}") for name in names)) if names else None

    def skips(self, name: str, relative: str) -> bool:
        """Whether the file or folder ``name``, at ``relative`` from the import root, is left out."""
        if name.startswith(".") or name in _MADE_BY_TOOLS or name.endswith(".pyc"):
            return True
        if self._named is None or self._ending is None:
            return False
        return self._named.match(name) is not None or self._ending.match(f"/{relative}") is not None


def is_foreign_folder(folder: str, names: Collection[str]) -> bool:
    """Whether a folder, with its entries, is a virtual environment or a node's data folder, wherever it lies."""
    return "pyvenv.cfg" in names or ("format" in names and is_data_folder(Path(folder)))


def is_for_tests(name: str, *, folder: bool) -> bool:
    """Whether services are not looked for there; releases copy it, as the application may import it."""
    return name in _TEST_FOLDERS if folder else any(fnmatch(name, glob) for glob in _TEST_FILES)
