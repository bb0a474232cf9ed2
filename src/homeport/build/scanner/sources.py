"""The modules of an application, found by name or by path, with the facts of each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import time_ns

from homeport.build.plan import Plan
from homeport.build.scanner.cache import ScanCache
from homeport.build.scanner.exclusion import Exclusion
from homeport.build.scanner.facts import ModuleFacts
from homeport.build.scanner.memory import Earlier, PlanMemory
from homeport.build.scanner.parallel import read_many
from homeport.build.scanner.store import FactsStore, Trust, module_of, unreadable
from homeport.build.scanner.tree import FileTree, Identity, identity_at


class Sources:
    """What is below an import root, each file read at most once.

    ``cache`` is a folder that keeps facts from one scan to the next, and ``trust`` says what tells that a file is as
    it was: its size and times, or nothing but its content.
    """

    def __init__(self, root: Path, cache: Path | None = None, trust: Trust = "times") -> None:
        self.root = root
        self._cache = ScanCache(cache, root) if cache is not None else None
        self._tree = FileTree(os.fspath(root))
        self._store = FactsStore(os.fspath(root), self._cache, trust, time_ns())
        self._memory = PlanMemory(self._tree, self._store, self._cache, trust)
        self._modules: dict[str, ModuleFacts | None] = {}
        self._scope: dict[str, Identity] = {}  # the files to look through, in order of path
        self._mattering: list[str] | None = None  # not known yet
        self._unreadable: dict[str, ModuleFacts] = {}  # folders

    def find(self, module: str) -> ModuleFacts | None:
        """The facts of an importable module below the root; a folder without ``__init__.py`` has empty ones."""
        if module not in self._modules:
            self._modules[module] = self._locate(module)
        return self._modules[module]

    def at(self, path: Path) -> ModuleFacts:
        """The facts of the file at ``path``, which lies below the root."""
        return self.facts(path.relative_to(self.root).as_posix())

    def facts(self, path: str) -> ModuleFacts:
        """The facts of a file, or folder, by its path from the root."""
        return self._unreadable.get(path) or self._store.facts(path)

    def whole(self, module: ModuleFacts) -> ModuleFacts:
        """The same module with every class body read."""
        return module if module.whole or not module.path else self._store.facts(module.path, whole=True)

    def look_through(self, scope: Path, exclude: Sequence[str] = ()) -> None:
        """Choose the files of which ``mattering`` is to tell: one, or the application's own in and below a folder."""
        relative = _relative(scope, self.root)
        if scope.is_dir():
            self._scope = dict(sorted(self._tree.walk(relative, Exclusion(exclude))))
        else:
            found = identity_at(os.fspath(scope))
            self._scope = {relative: found} if found is not None else {}
        for folder, listing in self._tree.listings.items():
            if listing.error:
                self._unreadable[folder] = unreadable(folder, listing.error, "folder")
        self._memory.looked_through(self._scope)

    @property
    def files(self) -> int:
        """How many there are to look through."""
        return len(self._scope)

    def mattering(self) -> list[str]:
        """The paths, of the files chosen, of those that may hold a service, and of what cannot be read."""
        if self._mattering is None:
            read_many(self._store, self._scope, os.fspath(self.root))
            entries = ((path, self._store.entry(path, found)) for path, found in self._scope.items())
            self._mattering = [*sorted(self._unreadable), *(path for path, entry in entries if entry.matters)]
        return self._mattering

    def commented(self) -> tuple[str, ...]:
        """The paths of the files chosen that may hold comments which silence findings."""
        return tuple(path for path, found in self._scope.items() if self._store.entry(path, found).commented)

    def recall(self, asked: bytes) -> Plan | None:
        """The plan that was made when the same was ``asked`` of the same files."""
        return self._memory.recall(asked)

    def earlier(self, asked: bytes) -> Earlier | None:
        """What came of the same question earlier, if no file has come or gone since."""
        return self._memory.earlier(asked)

    def keep(self, asked: bytes, plan: Plan, analysis: object = None, files: Sequence[str] = ()) -> None:
        """Remember the plan, with the facts and the analysis that it was made of; see ``PlanMemory.keep``."""
        self._memory.keep(asked, plan, analysis, files)

    def close(self) -> None:
        """Let go of the cache; what is asked later is read from the source."""
        if self._cache is not None:
            self._cache.close()

    def _locate(self, module: str) -> ModuleFacts | None:
        if not all(part.isidentifier() for part in module.split(".")):
            return None
        path = self._tree.find(module)
        if path is None:
            return None
        return self._store.facts(path) if path else ModuleFacts(module=module, path="", is_package=True)


def module_name(relative: Path) -> str:
    """``shop/cart.py`` → ``shop.cart``, ``shop/__init__.py`` → ``shop``."""
    return module_of(relative.as_posix())


def python_files(folder: Path, exclude: Sequence[str] = (), *, root: Path | None = None) -> Iterator[Path]:
    """The application's own files in and below ``folder``, in order of path; see ``FileTree.walk``.

    ``root`` is the import root, if that is another folder: globs may name folders from there on.
    """
    root = root or folder
    found = FileTree(os.fspath(root)).walk(_relative(folder, root), Exclusion(exclude))
    return (root / path for path, _ in sorted(found))


def _relative(path: Path, root: Path) -> str:
    relative = path.relative_to(root).as_posix()
    return "" if relative == "." else relative
