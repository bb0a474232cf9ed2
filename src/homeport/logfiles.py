"""Log files of workers and nodes: one record a line, rotated by size, read while they are written.

A line is a JSON object, or whatever a process printed past the logging of Python; both may stand in one file.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

MAX_BYTES = 10 * 1024 * 1024
KEEP = 3
_LONGEST_TEXT = 64 * 1024  # characters of one message or traceback
_BLOCK = 64 * 1024


class LogRecordView(msgspec.Struct, frozen=True, kw_only=True):
    """One record, for showing and filtering."""

    at: float  # wall-clock seconds; of the record before, when the line had none
    level: str = ""  # debug, info, warning, error, critical; "" for a raw line
    message: str = ""
    worker: str = ""  # whose file it stood in
    service: str = ""
    instance: str = ""
    logger: str = ""
    trace: str = ""
    exception: str = ""  # traceback text
    fields: dict[str, Any] = {}
    raw: bool = False

    @property
    def text(self) -> str:
        """The record as plain lines."""
        shown = " ".join(f"{key}={value}" for key, value in self.fields.items() if value != "")
        said = f"{self.message} {shown}".rstrip() if self.message else shown  # a printed traceback keeps its indents
        return "\n".join(part for part in (said, self.exception.rstrip()) if part)


class _Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    ts: float
    level: str = ""
    message: str = ""
    service: str = ""
    instance: str = ""
    logger: str = ""
    trace: str = ""
    exception: str = ""


_KNOWN = frozenset(_Line.__struct_fields__)


def encode_line(record: LogRecordView) -> bytes:
    """The JSON line of a record, with its line end; overlong texts are cut, odd values shown by ``repr``."""
    line = _Line(
        ts=round(record.at, 6),
        level=record.level,
        message=_cut(record.message),
        service=record.service,
        instance=record.instance,
        logger=record.logger,
        trace=record.trace,
        exception=_cut(record.exception),
    )
    content = {**msgspec.to_builtins(line), **{k: v for k, v in record.fields.items() if k not in _KNOWN}}
    try:
        return msgspec.json.encode(content, enc_hook=repr) + b"\n"
    except Exception:  # a repr that raises, a key that is no text: the record matters more than its form
        safe = {str(key): ascii_repr(value) for key, value in content.items()}
        return msgspec.json.encode({**safe, "ts": line.ts}) + b"\n"


def ascii_repr(value: Any) -> str:
    """``repr`` that always gives text that can be written."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    try:
        return ascii(value)
    except Exception as error:
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"


def parse_line(line: bytes, *, worker: str = "", at: float = 0.0) -> LogRecordView:
    """Read one line; ``at`` is for a line that has no time of its own."""
    if line.startswith(b"{"):
        with contextlib.suppress(msgspec.DecodeError, ValueError):
            content = msgspec.json.decode(line)
            known = msgspec.convert(content, _Line, strict=False)
            fields = {key: value for key, value in content.items() if key not in _KNOWN}
            return LogRecordView(
                at=known.ts,
                level=known.level,
                message=known.message,
                worker=worker,
                service=known.service,
                instance=known.instance,
                logger=known.logger,
                trace=known.trace,
                exception=known.exception,
                fields=fields,
            )
    return LogRecordView(at=at, message=line.decode("utf-8", "replace").rstrip("\r\n"), worker=worker, raw=True)


def _cut(text: str) -> str:
    if len(text) <= _LONGEST_TEXT:
        return text
    return f"{text[:_LONGEST_TEXT]}… ({len(text) - _LONGEST_TEXT} more characters cut)"


# -- writing -----------------------------------------------------------------------------------------------------------


class RotatingWriter:
    """Appends lines to a file; when it has grown to ``max_bytes`` it becomes ``.1``, and so on to ``.keep``.

    ``redirect`` names descriptors (1 and 2, say) that shall always point at the current file, so that output past
    Python is rotated too; ``check`` is for turning the file when only such output comes. Safe to use from several
    threads. A full disk loses lines, never raises: the first that can be written again is preceded by how many were.
    """

    def __init__(
        self, path: Path, max_bytes: int = MAX_BYTES, keep: int = KEEP, *, redirect: Sequence[int] = ()
    ) -> None:
        self._path, self._max_bytes, self._keep, self._redirect = path, max_bytes, keep, tuple(redirect)
        self._lock = threading.Lock()
        self._lost = 0
        self._descriptor = -1
        self._open()

    def write(self, line: bytes) -> None:
        """Append a line (with its line end), whole."""
        with self._lock:
            if self._descriptor < 0:
                return
            if self._lost:
                lost = LogRecordView(
                    at=time.time(),
                    level="warning",
                    logger="homeport.log",
                    message="log.lost",
                    fields={"lines": self._lost},
                )
                line = encode_line(lost) + line
            try:
                written = os.write(self._descriptor, line)
                while written < len(line):
                    written += os.write(self._descriptor, line[written:])
                self._lost = 0
                self._turn_if_full()
            except OSError:
                self._lost += 1

    def check(self) -> None:
        """Turn the file if output past this writer has filled it; call it every second or so."""
        with self._lock, contextlib.suppress(OSError):
            if self._descriptor >= 0:
                self._turn_if_full()

    def take_over(self, *descriptors: int) -> None:
        """From now on, too, let these descriptors point at the current file."""
        with self._lock:
            self._redirect = (*self._redirect, *descriptors)
            for descriptor in descriptors:
                os.dup2(self._descriptor, descriptor)

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _turn_if_full(self) -> None:
        if os.fstat(self._descriptor).st_size < self._max_bytes:
            return
        for number in range(self._keep - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                rotated(self._path, number).replace(rotated(self._path, number + 1))
        with contextlib.suppress(FileNotFoundError):
            self._path.replace(rotated(self._path, 1))
        before = self._descriptor
        self._open()
        os.close(before)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        for descriptor in self._redirect:
            os.dup2(self._descriptor, descriptor)


def rotated(path: Path, number: int) -> Path:
    """The ``number``-th file before the current one; 0 is the current one."""
    return path.with_name(f"{path.name}.{number}") if number else path


# -- reading -----------------------------------------------------------------------------------------------------------


def tail(path: Path, lines: int, keep: int = KEEP) -> list[LogRecordView]:
    """The last ``lines`` records, oldest first, over rotated files too; empty when there is no file."""
    found: list[bytes] = []
    for number in range(keep + 1):
        if len(found) >= lines:
            break
        found = _last_lines(rotated(path, number), lines - len(found)) + found
    return list(_parsed(found, _worker_of(path), 0.0, _modified(path)))


def history(paths: Iterable[Path], since: float = 0.0, keep: int = KEEP) -> Iterator[LogRecordView]:
    """The records of all files from ``since`` (wall-clock seconds) on, in order of time."""
    files = ([rotated(path, number) for number in range(keep, -1, -1)] for path in paths)
    return heapq.merge(*(_records_of(chain, since) for chain in files), key=_time)


def follow(
    paths: Callable[[], Iterable[Path]],
    since: float | None = None,
    *,
    sleep: Callable[[float], None] = time.sleep,
    poll: float = 0.1,
    keep: int = KEEP,
) -> Iterator[LogRecordView]:
    """Records as they are written, without end; first those from ``since`` on, if given.

    ``paths`` is asked again before every look, so that files of new workers are found; those are read from their start.
    """
    followers = {path: LogFollower(path, skip=since is None, keep=keep) for path in paths()}
    if since is not None:
        old = [_records_of([rotated(path, number) for number in range(keep, 0, -1)], since) for path in followers]
        new = [[record for record in follower.read() if record.at >= since] for follower in followers.values()]
        yield from heapq.merge(*(itertools.chain(*both) for both in zip(old, new, strict=True)), key=_time)
    while True:
        fresh: list[LogRecordView] = []
        for path in paths():
            if path not in followers:
                followers[path] = LogFollower(path, keep=keep)
            fresh += followers[path].read()
        yield from sorted(fresh, key=_time)
        if not fresh:
            sleep(poll)


class LogFollower:
    """Reads what was added to one file since the last look, also when it was rotated in between."""

    def __init__(self, path: Path, *, skip: bool = False, keep: int = KEEP) -> None:
        self._path, self._keep = path, keep
        self._worker = _worker_of(path)
        self._rest = b""
        self._at = 0.0
        self._file = _opened(path)
        if skip and self._file is not None:
            self._file.seek(0, os.SEEK_END)
            self._at = time.time()

    def read(self) -> list[LogRecordView]:
        """The complete lines since the last call."""
        *lines, self._rest = (self._rest + self._new_content()).split(b"\n")
        records = list(_parsed(lines, self._worker, self._at, _modified(self._path)))
        if records:
            self._at = records[-1].at
        return records

    def _new_content(self) -> bytes:
        self._file = self._file or _opened(self._path)
        if self._file is None:
            return b""
        content = _read_on(self._file)
        for newer in self._begun_after(os.fstat(self._file.fileno()).st_ino):
            content += _read_on(self._file)  # what came between the look and the turn
            self._file.close()
            self._file = newer
            content += _read_on(newer)
        return content

    def _begun_after(self, inode: int) -> list[BinaryIO]:
        """The files that were begun after the one with this inode, oldest first; all there are, when it is gone."""
        newer: list[BinaryIO] = []
        for number in range(self._keep + 1):
            file = _opened(rotated(self._path, number))
            if file is None:
                continue
            if os.fstat(file.fileno()).st_ino == inode:
                file.close()
                break
            newer.insert(0, file)
        return newer


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except OSError:
        return None


def _read_on(file: BinaryIO) -> bytes:
    if os.fstat(file.fileno()).st_size < file.tell():  # cut from outside
        file.seek(0)
    return file.read()


def _records_of(files: Iterable[Path], since: float) -> Iterator[LogRecordView]:
    for path in files:
        if _modified(path) < since:
            continue
        try:
            content = path.read_bytes()
        except OSError:
            continue
        worker = _worker_of(path)
        for record in _parsed(content.rstrip(b"\n").split(b"\n"), worker, 0.0, _modified(path)):
            if record.at >= since and (record.message or not record.raw):
                yield record


def _time(record: LogRecordView) -> float:
    return record.at


def _parsed(lines: Sequence[bytes], worker: str, at: float, fallback: float) -> Iterator[LogRecordView]:
    """Raw lines take the time of the record before; without one that of the first record, else ``fallback``."""
    waiting: list[bytes] = []
    for line in lines:
        record = parse_line(line, worker=worker, at=at)
        if record.raw and not at:
            waiting.append(line)
            continue
        for early in waiting:
            yield parse_line(early, worker=worker, at=record.at)
        waiting.clear()
        at = record.at
        yield record
    for early in waiting:
        yield parse_line(early, worker=worker, at=fallback)


def _last_lines(path: Path, lines: int) -> list[bytes]:
    try:
        with path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            content = b""
            while position > 0 and content.count(b"\n") <= lines:
                step = min(_BLOCK, position)
                position -= step
                file.seek(position)
                content = file.read(step) + content
    except OSError:
        return []
    return content.removesuffix(b"\n").split(b"\n")[-lines:] if content else []


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _worker_of(path: Path) -> str:
    return path.name.partition(".log")[0]
