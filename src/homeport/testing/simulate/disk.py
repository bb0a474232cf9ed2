"""The disk of a simulated machine: slow, full or failing, and honest about what survives a kill and a power loss."""

from __future__ import annotations

import os
import random
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeport.testing.simulate.threads import here

if TYPE_CHECKING:
    from homeport.testing.simulate.world import World


_WAL_HEADER, _FRAME_HEADER, _PAGE = 32, 24, 4096  # bytes; SQLite writes each in one go
_FRAME = _FRAME_HEADER + _PAGE


def _wal_writes(size: int) -> list[int]:
    """Where each of SQLite's writes to a log of this size ended."""
    starts = range(_WAL_HEADER, size, _FRAME)
    ends = [end for start in starts for end in (start, start + _FRAME_HEADER, start + _FRAME)]
    return sorted({end for end in ends if end <= size})


class _InFlight:
    """A commit that is being written: the files as they were, and as they will be."""

    def __init__(self, before: dict[str, bytes], after: dict[str, bytes]) -> None:
        self.before, self.after = before, after


class Disk:
    """Real files in a folder that changes with every crash, so that a dead process cannot reach its successor's.

    What was synced survives a power loss: contents by ``fsync`` of the file or by SQLite's commit, names by ``fsync``
    of the folder. What was not may be there, be there in part, or not. A kill loses only what was on its way to the
    kernel.
    """

    def __init__(self, world: World, root: Path) -> None:
        self._world, self._root = world, root
        self.rng = random.Random(f"homeport disk {world.seed} {root.name}")
        self.delay = (0.0002, 0.004)  # seconds that a sync takes
        self.full = False
        self.syncs = 0
        self._generation = 0
        self._names: dict[str, int] = {}  # what a power loss leaves: names, and which file each stands for
        self._contents: dict[int, bytes] = {}  # and what is in those files
        self._in_flight: _InFlight | None = None
        self.folder = root / "0"
        self.folder.mkdir(parents=True)

    # -- what the process does -----------------------------------------------------------------------------------------

    def fsync(self, handle: int) -> None:
        """Stands for ``os.fsync``.

        Raises:
            OSError: the disk is full.
        """
        self._wait()
        if self.full:
            raise OSError(28, "No space left on device")
        inode = os.fstat(handle).st_ino
        entries = {entry.name: entry.inode() for entry in os.scandir(self._data_folder)}
        if os.stat(self._data_folder).st_ino == inode:
            self._names = entries
        for name in [name for name, found in entries.items() if found == inode]:
            self._contents[inode] = (self._data_folder / name).read_bytes()

    def carry_out(self, connection: SimConnection, sql: str) -> Any:
        """Run a statement of SQLite's that ends in a sync."""
        if self.full:
            self._wait()
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        before = self._journal()
        result = connection.really(sql)
        self._in_flight = _InFlight(before, self._journal())
        self._wait()
        self._in_flight = None
        self.settled()
        return result

    def settled(self) -> None:
        """SQLite has synced its files, as it does at the end of every transaction."""
        for name, content in self._journal().items():
            inode = os.stat(self._data_folder / name).st_ino
            self._contents[inode] = content
            self._names[name] = inode  # SQLite syncs the folder when it makes a log

    # -- what happens to it --------------------------------------------------------------------------------------------

    def crash(self, *, power: bool) -> None:
        """Its process was killed, or its machine lost power: make the folder that the next process finds."""
        old = self._data_folder
        self._generation += 1
        self.folder = self._root / str(self._generation)
        new = self.folder / "registry"
        new.mkdir(parents=True)
        if old.exists():
            files = self._after_power_loss(old) if power else _read_all(old)
            files |= self._cut_short(power)
            for name, content in sorted(files.items()):
                (new / name).write_bytes(content)
        self._in_flight = None
        self._contents = {entry.inode(): Path(entry.path).read_bytes() for entry in os.scandir(new)}
        self._names = {entry.name: entry.inode() for entry in os.scandir(new)}

    def copy(self) -> dict[str, bytes]:
        """A backup of what is on it now."""
        return _read_all(self._data_folder)

    def put_back(self, copy: dict[str, bytes]) -> None:
        """Put a backup in place of everything; its process must not be running."""
        for entry in list(os.scandir(self._data_folder)):
            os.unlink(entry.path)
        for name, content in sorted(copy.items()):
            (self._data_folder / name).write_bytes(content)
        self._contents = {entry.inode(): Path(entry.path).read_bytes() for entry in os.scandir(self._data_folder)}
        self._names = {entry.name: entry.inode() for entry in os.scandir(self._data_folder)}

    @property
    def _data_folder(self) -> Path:
        return self.folder / "registry"

    def _wait(self) -> None:
        self.syncs += 1
        thread = here().thread
        seconds = self.rng.uniform(*self.delay)
        if thread is not None:
            thread.sleep(seconds)
        else:
            process = here().current
            assert process is not None
            process.block(seconds)

    def _journal(self) -> dict[str, bytes]:
        paths = [Path(entry.path) for entry in os.scandir(self._data_folder) if _is_journal(entry.name)]
        return {path.name: path.read_bytes() for path in sorted(paths)}

    def _cut_short(self, power: bool) -> dict[str, bytes]:
        """What is left of the commit that was under way, if one was."""
        if self._in_flight is None:
            return {}
        before, after = self._in_flight.before, self._in_flight.after
        changed = {name: after[name] for name in after if before.get(name) != after[name]}
        databases = {name: content for name, content in changed.items() if not name.endswith("-wal")}
        if databases:  # SQLite touches them only once its log is on disk
            return self.rng.choice([before, {**before, **databases}, after])
        fate = self.rng.random()
        if fate < 0.3:
            return before
        if fate < 0.5:
            return after
        return before | {
            name: self._torn(before.get(name, b""), content, power=power) for name, content in changed.items()
        }

    def _torn(self, before: bytes, after: bytes, *, power: bool = True) -> bytes:
        """``after`` as far as it was written over ``before``.

        A power loss may end in the middle of anything, at times with rubbish in the sector that was being written. A
        kill ends between two writes of SQLite's: the kernel keeps what it was given, and takes each write whole.
        """
        same = _common(before, after)
        if not power:
            cut = self.rng.choice([end for end in _wal_writes(len(after)) if end >= same] or [len(after)])
            return after[:cut] + before[cut:]
        cut = self.rng.randint(same, len(after))
        written = bytearray(after[:cut])
        if self.rng.random() < 0.3 and cut > same:
            at = self.rng.randrange(max(same, cut - 512), cut)
            written[at:] = self.rng.randbytes(cut - at)
        return bytes(written) + before[cut:]

    def _after_power_loss(self, folder: Path) -> dict[str, bytes]:
        now = {entry.name: (entry.inode(), Path(entry.path).read_bytes()) for entry in os.scandir(folder)}
        files: dict[str, bytes] = {}
        for name, inode in self._names.items():
            if name not in now and self.rng.random() < 0.5:
                continue  # its removal was not synced, and may have happened
            files[name] = self._contents.get(inode, b"")
        for name, (inode, content) in sorted(now.items()):
            if self._names.get(name) != inode:
                if self.rng.random() < 0.5:  # a new name that was not synced, and may be there
                    files[name] = self._contents.get(inode, content[: self.rng.randint(0, len(content))])
            elif self._contents.get(inode) != content and not _is_journal(name):
                files[name] = self._torn(self._contents.get(inode, b""), content)
        return files


class SimConnection(sqlite3.Connection):
    """A connection whose commits take time on a simulated disk."""

    disk: Disk | None = None

    def execute(self, sql: str, *parameters: Any) -> Any:
        if self.disk is None:
            return super().execute(sql, *parameters)
        if sql.startswith(("COMMIT", "PRAGMA wal_checkpoint")):
            return self.disk.carry_out(self, sql)
        result = super().execute(sql, *parameters)
        if not self.in_transaction and not sql.startswith("SELECT"):
            self.disk.settled()
        return result

    def close(self) -> None:
        """SQLite plays the log into the database, syncs that, and removes the log."""
        super().close()
        if self.disk is not None:
            self.disk.settled()

    def really(self, sql: str) -> Any:
        return super().execute(sql)


def _common(one: bytes, other: bytes) -> int:
    """How many bytes they begin with in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def _is_journal(name: str) -> bool:
    """Whether it is one of SQLite's files, which it syncs itself."""
    return name.startswith("journal.db") and "damaged" not in name


def _read_all(folder: Path) -> dict[str, bytes]:
    return {entry.name: Path(entry.path).read_bytes() for entry in os.scandir(folder)}
