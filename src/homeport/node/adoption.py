"""What a node process notes of its children, so that its successor can take them over."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import msgspec

from homeport import processes
from homeport.model import Cause
from homeport.nodes import write_private


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One child. It is noted before its start (``pid`` 0) and again after, so that none can run unnoted."""

    name: str
    pid: int = 0
    process: str = ""  # identity of the pid
    started: float = 0.0  # wall-clock seconds
    release: str = ""
    round: int = 0
    leaving: Cause | None = None  # why it was told to drain
    services: dict[str, int] = {}  # instances of each
    ready: bool = True  # whether all of its instances have been
    url: str = ""  # of a front
    port: int = 0
    told: str = ""  # digest of what it was told at its start


class Records:
    """The notes of one data folder: ``<name>.json``, with what the process was told in ``<name>.spec.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def spec(self, name: str) -> Path:
        """Where the process reads what it is told."""
        return self._folder / f"{name}.spec.json"

    def note(self, record: Record) -> None:
        write_private(self._path(record.name), msgspec.json.encode(record))

    def change(self, name: str, **fields: Any) -> None:
        """Note something more of a child, if it is noted at all and the disk takes it."""
        record = _read(self._path(name))
        if record is not None:
            with contextlib.suppress(OSError):
                self.note(msgspec.structs.replace(record, **fields))

    def forget(self, name: str) -> None:
        for path in (self._path(name), self.spec(name)):
            with contextlib.suppress(OSError):
                path.unlink()

    def leaving(self) -> dict[str, Cause]:
        """Why children had been told to leave, of those that may have done so unseen."""
        records = [_read(path) for path in self._folder.glob("*.json") if not path.name.endswith(".spec.json")]
        return {record.name: record.leaving for record in records if record is not None and record.leaving is not None}

    def survivors(self) -> list[Record]:
        """The children that still run; the notes of all others are removed."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            if path.name.endswith(".spec.json"):
                continue
            record = self._found(_read(path))
            if record is not None:
                found.append(record)
            else:
                self.forget(path.name.removesuffix(".json"))
        return found

    def _found(self, record: Record | None) -> Record | None:
        if record is not None and record.pid == 0:
            from homeport.node.launch import find_by_argument

            pid, process = find_by_argument(str(self.spec(record.name))) or (0, "")
            record = msgspec.structs.replace(record, pid=pid, process=process)
        return record if record is not None and processes.runs(record.pid, record.process) else None

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _read(path: Path) -> Record | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None
