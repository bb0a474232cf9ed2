"""The folders and source files below an import root, each folder listed at most once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

import msgspec

from homeport.build.scanner.exclusion import Exclusion, is_for_tests, is_foreign_folder

Identity = tuple[int, int, int, int]
"""Size, nanoseconds of the last change of content and of entry, inode: a file of which all are the same is the same."""
NO_FILE: Identity = (-1, 0, 0, 0)
"""What no file has."""


class Listing(msgspec.Struct, frozen=True):
    """What a folder holds, as far as imports may find it."""

    folders: frozenset[str]
    sources: frozenset[str]  # names of Python files
    foreign: bool  # a virtual environment, or a node's data folder
    error: str = ""  # why it cannot be listed


class FileTree:
    """Paths are relative to the import root, with slashes; the root itself is the empty path."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._real_root = f"{os.path.realpath(root)}/"
        self._listings: dict[str, Listing] = {}
        self._sourceless: set[str] = set()  # folders that were walked, and that hold no source file anywhere
        self.asked: dict[str, set[str]] = {}  # names looked for, by folder: `shop` is a folder, `shop.py` a file

    @property
    def listings(self) -> dict[str, Listing]:
        """All folders looked into so far, by path."""
        return self._listings

    def names(self, folder: str) -> list[str]:
        """What may be imported from a folder: source files, and folders that lead to some."""
        if folder in self._sourceless:
            return []
        listing, prefix = self.listing(folder), f"{folder}/" if folder else ""
        leading = sorted(name for name in listing.folders if prefix + name not in self._sourceless)
        return [folder, listing.error, *leading, *sorted(listing.sources)]

    def has(self, folder: str, name: str) -> bool:
        """Whether a folder holds this folder or source file."""
        listing = self.listing(folder)
        return name in (listing.sources if name.endswith(".py") else listing.folders)

    def at(self, path: str) -> str:
        """The same path, absolute."""
        return f"{self._root}/{path}" if path else self._root

    def listing(self, folder: str) -> Listing:
        known = self._listings.get(folder)
        if known is None:
            known, _ = self._list(folder)
        return known

    def find(self, module: str) -> str | None:
        """The file of a module below the root; the empty string for a folder without ``__init__.py``; None: none."""
        folder, _, name = module.replace(".", "/").rpartition("/")
        if not self._leads_to(folder):
            return None
        below = f"{folder}/{name}" if folder else name
        is_folder = self._finds(folder, name) and below not in self._sourceless
        if is_folder and self._finds(below, "__init__.py"):
            return f"{below}/__init__.py"
        if self._finds(folder, f"{name}.py"):
            return f"{below}.py"
        return "" if is_folder else None

    def _leads_to(self, folder: str) -> bool:
        """Whether each part of the path is in the folder above it."""
        if not folder or folder in self._listings:
            return True
        above, _, name = folder.rpartition("/")
        return self._leads_to(above) and self._finds(above, name)

    def _finds(self, folder: str, name: str) -> bool:
        self.asked.setdefault(folder, set()).add(name)
        return self.has(folder, name)

    def walk(self, scope: str, exclusion: Exclusion) -> Iterator[tuple[str, Identity]]:
        """The application's own source files in and below a folder, in no particular order.

        Left out are hidden folders, virtual environments, nodes' data folders, tests, and what ``exclusion`` names. A
        link to a folder is followed when it leads out of the root, and each folder out there is looked into once.
        """
        pending, seen_outside = [(scope, False)], set[tuple[int, int]]()
        walked, sourceful = list[str](), set[str]()
        while pending:
            folder, outside = pending.pop()
            listing, entries = self._list(folder)
            walked.append(folder)
            if folder != scope and listing.foreign:
                continue
            if listing.sources or listing.error:
                sourceful.add(folder)
            prefix = f"{folder}/" if folder else ""
            for entry in entries:
                name, path = entry.name, prefix + entry.name
                in_folders = name in listing.folders
                if exclusion.skips(name, path) or is_for_tests(name, folder=in_folders):
                    sourceful.add(folder)  # what it may lead to is not looked at
                elif not in_folders:
                    found = _identity_of(entry)
                    if found is not None:
                        yield path, found
                elif not outside and not entry.is_symlink():
                    pending.append((path, False))
                elif self._leads_out(entry, seen_outside):
                    pending.append((path, True))
                else:
                    sourceful.add(folder)
        self._note_sourceless(walked, sourceful)

    def _note_sourceless(self, walked: list[str], sourceful: set[str]) -> None:
        """Folders of data come and go while an application runs: to imports they are as good as not there."""
        for folder in reversed(walked):  # the inner ones first
            if folder in sourceful:
                sourceful.add(folder.rpartition("/")[0])
            else:
                self._sourceless.add(folder)

    def _leads_out(self, entry: os.DirEntry[str], seen: set[tuple[int, int]]) -> bool:
        """Whether a folder lies outside the root, and not above it, and was not ``seen`` before."""
        real = f"{os.path.realpath(entry.path)}/"
        if real.startswith(self._real_root) or self._real_root.startswith(real):
            return False
        try:
            found = entry.stat()
        except OSError:
            return False
        key = found.st_dev, found.st_ino
        new = key not in seen
        seen.add(key)
        return new

    def _list(self, folder: str) -> tuple[Listing, list[os.DirEntry[str]]]:
        path = self.at(folder)
        folders, sources, names = set[str](), set[str](), set[str]()
        kept: list[os.DirEntry[str]] = []
        error = ""
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    names.add(entry.name)
                    if entry.name.startswith(".") or entry.name == "__pycache__":
                        continue  # nothing that can be imported; scans and runs make some
                    if _is_folder(entry):
                        folders.add(entry.name)
                    elif entry.name.endswith(".py") and _is_file(entry):
                        sources.add(entry.name)
                    else:
                        continue
                    kept.append(entry)
        except (FileNotFoundError, NotADirectoryError):
            pass  # gone, or never there
        except OSError as failure:
            error = failure.strerror or str(failure)
        listing = Listing(frozenset(folders), frozenset(sources), is_foreign_folder(path, names), error)
        self._listings[folder] = listing
        return listing, kept


def identity(status: os.stat_result) -> Identity:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def identity_at(path: str) -> Identity | None:
    """The identity of the regular file at ``path`` now; None when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return identity(status) if stat.S_ISREG(status.st_mode) else None


def _identity_of(entry: os.DirEntry[str]) -> Identity | None:
    try:
        return identity(entry.stat())
    except OSError:
        return None  # gone again


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in circles
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
