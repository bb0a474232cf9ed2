"""Reads the source files below an import root, each at most once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from homeport.build.diagnostics.finding import Finding
from homeport.build.scanner.facts import ModuleFacts, read_module
from homeport.nodes import is_data_folder

_SKIPPED_FOLDERS = ("tests", "node_modules", "__pycache__")
_SKIPPED_FILES = ("test_*.py", "conftest.py")


class Sources:
    """The modules of an application, found by name or by path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules: dict[str, ModuleFacts | None] = {}
        self._whole: dict[str, ModuleFacts] = {}  # by path

    def find(self, module: str) -> ModuleFacts | None:
        """The facts of an importable module below the root; a folder without ``__init__.py`` has empty ones."""
        if module not in self._modules:
            self._modules[module] = self._locate(module)
        return self._modules[module]

    def at(self, path: Path) -> ModuleFacts:
        """The facts of the file at ``path``, which lies below the root."""
        module = module_name(path.relative_to(self.root))
        known = self._modules.get(module)
        if known is None or known.path != path.relative_to(self.root).as_posix():
            known = self._modules[module] = self._read(module, path)
        return known

    def whole(self, module: ModuleFacts) -> ModuleFacts:
        """The same module with every class body read."""
        if module.whole or not module.path:
            return module
        known = self._whole.get(module.path)
        if known is None:
            known = self._whole[module.path] = self._read(module.module, self.root / module.path, whole=True)
        return known

    def _locate(self, module: str) -> ModuleFacts | None:
        parts = module.split(".")
        if not all(part.isidentifier() for part in parts):
            return None
        base = self.root.joinpath(*parts)
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if path.is_file():
                return self._read(module, path)
        return ModuleFacts(module=module, path="", is_package=True) if base.is_dir() else None

    def _read(self, module: str, path: Path, *, whole: bool = False) -> ModuleFacts:
        relative, is_package = path.relative_to(self.root).as_posix(), path.name == "__init__.py"
        try:
            source = path.read_bytes()
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            found = Finding(severity="error", path=relative, line=1, column=1, message=message)
            return ModuleFacts(module=module, path=relative, is_package=is_package, error=found)
        return read_module(source, module=module, path=relative, is_package=is_package, whole=whole)


def module_name(relative: Path) -> str:
    """``shop/cart.py`` → ``shop.cart``, ``shop/__init__.py`` → ``shop``."""
    parts = relative.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def python_files(folder: Path, exclude: Sequence[str] = ()) -> Iterator[Path]:
    """The application's own files in and below ``folder``, in order of path.

    Left out are hidden folders, virtual environments, nodes' data folders, tests, and what a glob of ``exclude``
    matches: a name, or a path relative to ``folder``.
    """
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        folders[:] = sorted(name for name in folders if _enters(folder, here / name, exclude))
        for name in sorted(files):
            path = here / name
            if name.endswith(".py") and not _matches(name, _SKIPPED_FILES) and not _excluded(folder, path, exclude):
                yield path


def _enters(top: Path, folder: Path, exclude: Sequence[str]) -> bool:
    if folder.name.startswith(".") or folder.name in _SKIPPED_FOLDERS or _excluded(top, folder, exclude):
        return False
    return not (folder / "pyvenv.cfg").exists() and not is_data_folder(folder)


def _excluded(top: Path, path: Path, exclude: Sequence[str]) -> bool:
    relative = path.relative_to(top).as_posix()
    return any(fnmatch(relative, glob.rstrip("/")) or fnmatch(path.name, glob.rstrip("/")) for glob in exclude)


def _matches(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatch(name, glob) for glob in globs)
