"""The journal's writer: a thread that puts many commits on disk with one sync."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec

from homeport.registry.store import database
from homeport.registry.store.mark import Mark, write_mark
from homeport.registry.store.port import StoreFailure
from homeport.registry.store.recovery import JOURNAL, MARK, remove_damaged, snapshot_rows
from homeport.registry.store.rows import Cell, Row

log = logging.getLogger("homeport.registry.store")

RETRY = 1.0  # seconds between attempts to catch up with a disk that failed
SPARE_ROWS = 4096  # rows beyond twice the live keys before the journal is written anew


class Commit(msgspec.Struct, frozen=True):
    cells: tuple[Cell, ...]
    revision: int
    done: Callable[[StoreFailure | None], None] | None = None  # None: a run-time fact, nobody waits


class Snapshot(msgspec.Struct, frozen=True):
    cells: tuple[Cell, ...]
    revision: int


class Reserve(msgspec.Struct, frozen=True):
    revision: int
    done: Callable[[StoreFailure | None], None]


_CLOSE = object()


class Journal:
    """Takes commits in order and never makes the event loop wait for the disk.

    When the disk fails, declarations fail with it and run-time facts are passed over; ``behind`` is then told, again
    and again, until a snapshot of everything has been written in their place. ``behind`` is also told when the journal
    has grown enough to be written anew. Callbacks run in ``loop``.
    """

    def __init__(
        self, folder: Path, mark: Mark, last: int, loop: asyncio.AbstractEventLoop, behind: Callable[[], None]
    ) -> None:
        self._path, self._mark_path = folder / JOURNAL, folder / MARK
        self._mark, self._last = mark, last
        self._loop, self._tell_behind = loop, behind
        self._queue: SimpleQueue[object] = SimpleQueue()
        self._connection: sqlite3.Connection | None = database.connect(self._path)
        self._gap = ""  # why rows are missing since the last snapshot
        self._since_snapshot = 0
        self._live = 0
        self._ask_again = 0.0
        self._corrupt = False
        self._unconfirmed, self._confirm_by = False, 0.0
        self._thread = threading.Thread(target=self._run, name="homeport-journal", daemon=True)
        self._thread.start()

    def write(self, order: Commit | Snapshot | Reserve) -> None:
        self._queue.put(order)

    def close(self) -> None:
        """Write what is queued, mark the end as clean, and stop. Blocks."""
        self._queue.put(_CLOSE)
        self._thread.join()

    # -- in the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        closing = False
        while not closing:
            batch = self._next_batch()
            closing = _CLOSE in batch
            for order in batch:
                if isinstance(order, Reserve):
                    self._reserve(order)
            work = [order for order in batch if isinstance(order, Commit | Snapshot)]
            if work:
                self._write(work)
            if not closing:
                self._ask_for_snapshot()
        self._finish()

    def _next_batch(self) -> list[object]:
        try:
            batch = [self._queue.get(timeout=RETRY if self._gap else None)]
        except Empty:
            return []
        while len(batch) < 1000:
            try:
                batch.append(self._queue.get_nowait())
            except Empty:
                break
        return batch

    def _write(self, work: Sequence[Commit | Snapshot]) -> None:
        """Put one batch on disk in one transaction, then answer all who wait."""
        first_snapshot = next((at for at, order in enumerate(work) if isinstance(order, Snapshot)), len(work))
        kept = work[first_snapshot:] if self._gap else work
        for order in work[: len(work) - len(kept)]:
            self._answer(order, StoreFailure(self._gap))
        if not kept:
            return
        try:
            self._commit(kept)
        except Exception as error:  # whatever it is, those who wait are answered and the thread goes on
            self._failed(kept, error)
            return
        for order in kept:
            self._answer(order, None)
        self._unconfirmed |= any(isinstance(order, Snapshot) or order.done is not None for order in kept)
        if self._unconfirmed and (self._queue.empty() or time.monotonic() >= self._confirm_by):
            self._confirm()

    def _commit(self, work: Sequence[Commit | Snapshot]) -> None:
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        last, since, live = self._last, self._since_snapshot, self._live
        for order in work:
            if isinstance(order, Snapshot):
                rows = snapshot_rows(last + 1, order.revision, order.cells)
                connection.execute("DELETE FROM journal")
                since, live = 0, len(order.cells)
            else:
                rows = [Row(last + 1, order.revision, order.cells)]
                since += 1
            database.insert(connection, rows)
            last = rows[-1].number
        connection.execute("COMMIT")
        self._last, self._since_snapshot, self._live = last, since, live
        if self._gap and any(isinstance(order, Snapshot) for order in work):
            log.info("store.caught_up", extra={"path": str(self._path)})
            self._gap = ""
        if any(isinstance(order, Snapshot) for order in work):
            # Rows that no longer count must not be found in the log after a crash.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._ask_again = 0.0

    def _failed(self, work: Sequence[Commit | Snapshot], error: Exception) -> None:
        if not self._gap:
            log.error("store.disk_failed", extra={"path": str(self._path), "error": str(error)})
        self._gap = (
            f"the registry cannot write {self._path}: {error}; it goes on in memory and tries again every "
            f"{RETRY:g} s; free disk space, then repeat the command"
        )
        # The numbers of rows that failed are not used again, so that what a crash may have left of them never counts.
        self._last += sum(1 + (len(order.cells) if isinstance(order, Snapshot) else 0) for order in work)
        self._corrupt = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        self._ask_again = time.monotonic() + RETRY
        self._disconnect()
        for order in work:
            self._answer(order, StoreFailure(self._gap))

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            if self._corrupt:
                log.error("store.set_aside", extra={"files": remove_damaged(self._path.parent)})
                self._corrupt = False
            self._connection = database.connect(self._path)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.Error:
                log.debug("store.close_failed", extra={"path": str(self._path)})
            self._connection = None

    def _reserve(self, order: Reserve) -> None:
        mark = msgspec.structs.replace(self._mark, reserved=max(order.revision, self._mark.reserved))
        self._loop_call(order.done, self._write_mark(mark))

    def _confirm(self) -> None:
        self._write_mark(msgspec.structs.replace(self._mark, confirmed=self._last))
        self._unconfirmed, self._confirm_by = False, time.monotonic() + RETRY

    def _write_mark(self, mark: Mark) -> StoreFailure | None:
        try:
            write_mark(self._mark_path, mark)
        except OSError as error:
            log.error("store.mark_failed", extra={"path": str(self._mark_path), "error": str(error)})
            return StoreFailure(f"the registry cannot write {self._mark_path}: {error}; free disk space")
        self._mark = mark
        return None

    def _ask_for_snapshot(self) -> None:
        grown = self._since_snapshot > 2 * self._live + SPARE_ROWS
        if (self._gap or grown) and time.monotonic() >= self._ask_again:
            self._ask_again = time.monotonic() + RETRY
            self._loop_call(self._tell_behind)

    def _finish(self) -> None:
        try:
            if self._connection is not None:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            log.error("store.disk_failed", extra={"path": str(self._path), "error": str(error)})
        self._disconnect()
        if not self._gap:
            self._write_mark(msgspec.structs.replace(self._mark, confirmed=self._last, clean=True))

    def _answer(self, order: Commit | Snapshot, failure: StoreFailure | None) -> None:
        if isinstance(order, Commit) and order.done is not None:
            self._loop_call(order.done, failure)

    def _loop_call(self, callback: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the loop is closed: nobody waits any more
            log.debug("store.loop_closed")
