"""Keeps the facts of an application in a folder, from one scan to the next."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from homeport.build.scanner.cachefile import KeptPlan, Layout, Part, Row, read_head, read_part, read_rows
from homeport.build.scanner.edition import edition
from homeport.nodes import write_private

log = logging.getLogger("homeport.build")

_UNUSED_AFTER = 30 * 24 * 3600.0  # seconds after which nobody will ask for the facts of that application
_STALE = 3600.0  # seconds after which a half-written file is surely nobody's


class ScanCache:
    """The facts of the application below ``root``, in one file of ``folder``.

    Whatever is wrong with the file or the folder, the facts are just not there, and the log says why. Several
    processes may use it at once: a file is replaced as a whole, and who reads the old one reads on in it.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder, self._root = folder, os.fspath(root)
        self.path = folder / cache_name(root)
        self._file: int | None = None
        self._base = 0
        self._index: Part | None = None
        self._plans: tuple[KeptPlan, ...] = ()
        self._open()

    def plans(self) -> tuple[KeptPlan, ...]:
        return self._plans

    def rows(self) -> dict[str, Row]:
        """All files of which there are facts, by path."""
        if self._index is None:
            return {}
        return {row.path: row for row in read_rows(self._read, self._base, self._index)}

    def part(self, part: Part) -> bytes | None:
        """A piece of the file; None when it is damaged."""
        return read_part(self._read, self._base, part) if self._file is not None else None

    def raw(self, part: Part) -> bytes:
        """A piece of the file as it is, damaged or not."""
        return self._read(self._base + part.offset, part.length)

    def write(self, layout: Layout, plans: Sequence[KeptPlan], rows: Sequence[Row]) -> None:
        """Replace the file."""
        try:
            _prepare(self._folder)
            write_private(self.path, b"".join(layout.file(edition(), self._root, plans, rows)))
            _prune(self._folder, self.path.name)
        except OSError as error:
            self._give_up(f"{self._folder} cannot be written: {error.strerror or error}")
        except UnicodeEncodeError:
            self._give_up(f"the path of {self._folder} is not UTF-8")

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> None:
        try:
            self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            found = read_head(self._read, edition(), self._root)
        except FileNotFoundError:
            return
        except OSError as error:
            self._give_up(f"{self.path} cannot be read: {error.strerror or error}")
            self.close()
            return
        if found is None:
            self.close()  # of another edition, or damaged: written anew
            return
        head, self._base = found
        self._plans, self._index = head.plans, head.index

    def _read(self, offset: int, length: int) -> bytes:
        # No memory map: a file that somebody truncates would end the process.
        if self._file is None:
            return b""
        try:
            return os.pread(self._file, length, offset)
        except OSError:
            return b""

    def _give_up(self, problem: str) -> None:
        log.debug("scan.uncached", extra={"problem": problem})


def cache_name(root: Path) -> str:
    """The file for an application, and for a Python: each reads the same source in its own way."""
    digest = hashlib.blake2b(os.fsencode(root), digest_size=6).hexdigest()
    return f"scan-{digest}-{sys.implementation.cache_tag}.bin"


def _prepare(folder: Path) -> None:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # a node's data folder is private, too
    folder.mkdir(mode=0o700, exist_ok=True)
    ignored = folder / ".gitignore"
    if not ignored.exists():
        write_private(ignored, b"*\n")


def _prune(folder: Path, own: str) -> None:
    """Remove what applications left that nobody scans any more, and what interrupted writers left."""
    now = time.time()
    with os.scandir(folder) as entries:
        for entry in entries:
            left = entry.name.startswith(".scan-")
            if not left and (entry.name == own or not entry.name.startswith("scan-")):
                continue
            with contextlib.suppress(OSError):
                if entry.stat().st_mtime < now - (_STALE if left else _UNUSED_AFTER):
                    os.unlink(entry.path)
