"""The store of one machine: a keyspace in memory, a journal behind it, nothing to install."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from homeport.model import Durability
from homeport.registry.store.journal import Commit, Journal, Reserve, Snapshot
from homeport.registry.store.keyspace import Keyspace
from homeport.registry.store.lock import FolderLock
from homeport.registry.store.port import (
    Committed,
    Condition,
    Conflict,
    Delete,
    Entry,
    KeyChange,
    Put,
    Resync,
    StoreFailure,
    session_key,
)
from homeport.registry.store.recovery import BLOCK, Opened, Recovery, recover
from homeport.registry.store.rows import Cell


class EmbeddedStore:
    """A ``Store`` for one process. A commit with ``memory`` completes without giving way to other tasks."""

    def __init__(self, opened: Opened, folder: Path) -> None:
        self.report: Recovery = opened.report
        self.history: tuple[KeyChange, ...] = opened.history
        self.on_change: Callable[[], None] = _nobody
        self._id = opened.mark.store
        self._keyspace = Keyspace(opened.report.revision, opened.entries)
        self._pending: dict[str, asyncio.Future[None]] = {}  # keys of declarations on their way to the disk
        self._snapshot_due = False
        self._reserved = opened.mark.reserved
        self._reserving = False
        self._journal = Journal(folder, opened.mark, opened.last, asyncio.get_running_loop(), self._take_snapshot)

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[EmbeddedStore]:
        """
        Raises:
            FolderInUse: another process has it open.
            NewerFormat: a later version of Homeport wrote it.
            StoreFailure: the disk does not take what opening has to write.
        """
        lock = await asyncio.to_thread(_locked, folder)
        try:
            store = cls(await asyncio.to_thread(recover, folder), folder)
            try:
                yield store
            finally:
                # Not given to another thread: a cancelled wait must not release the folder while it is written to.
                store._journal.close()
        finally:
            lock.release()

    @property
    def id(self) -> str:
        return self._id

    @property
    def revision(self) -> int:
        return self._keyspace.revision

    def range(self, prefix: str) -> list[Entry]:
        return self._keyspace.range(prefix)

    def watch(self, prefixes: Sequence[str], from_revision: int) -> list[KeyChange] | Resync:
        return self._keyspace.watch(prefixes, from_revision)

    async def commit(
        self,
        *,
        conditions: Sequence[Condition] = (),
        puts: Sequence[Put] = (),
        deletes: Sequence[Delete] = (),
        durability: Durability = Durability.MEMORY,
    ) -> Committed:
        if durability is Durability.MEMORY:
            return self._tell(conditions, puts, deletes)
        if durability is Durability.SYNCED:
            return await self._declare(conditions, puts, deletes)
        raise StoreFailure(f"a store on one machine cannot promise {durability.value!r}; ask for 'synced'")

    async def open_session(self, session: str, value: bytes, ttl: float) -> Committed:
        return self._tell((), (Put(session_key(session), value),), ())

    async def renew_session(self, session: str) -> bool:
        return self._keyspace.get(session_key(session)) is not None

    async def close_session(self, session: str, note: bytes = b"") -> None:
        self._tell((), (), (Delete(session_key(session), note),))

    async def jump_past(self, revision: int) -> None:
        if revision < self.revision:
            return
        self._keyspace.jump_past(revision)
        self.on_change()
        await self._reserve()

    # -- two ways to commit --------------------------------------------------------------------------------------------

    def _tell(self, conditions: Sequence[Condition], puts: Sequence[Put], deletes: Sequence[Delete]) -> Committed:
        for key in _keys(puts, deletes):
            if key in self._pending:
                raise Conflict(f"{key!r} is being declared anew; try again when that is done")
        self._keyspace.check(conditions)
        changes = self._keyspace.apply(puts, deletes)
        if changes:
            cells = tuple(Cell(change.key, change.value, change.note, change.revision) for change in changes)
            self._journal.write(Commit(cells, self.revision))
            self._changed()
        return Committed(self.revision, Durability.MEMORY)

    async def _declare(
        self, conditions: Sequence[Condition], puts: Sequence[Put], deletes: Sequence[Delete]
    ) -> Committed:
        """First to disk, then told: what a reader has seen of a declaration is never taken back."""
        keys = _keys(puts, deletes)
        while ahead := next((self._pending[key] for key in keys if key in self._pending), None):
            await asyncio.wait([ahead])
        self._keyspace.check(conditions)
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Committed] = loop.create_future()
        settled: asyncio.Future[None] = loop.create_future()
        self._pending |= dict.fromkeys(keys, settled)

        def on_disk(failure: StoreFailure | None) -> None:
            for key in keys:
                self._pending.pop(key, None)
            settled.set_result(None)
            if failure is None:
                self._keyspace.apply(puts, deletes)
                self._changed()
            if answered.cancelled():  # the caller gave up; the declaration stands nevertheless
                return
            if failure is None:
                answered.set_result(Committed(self.revision, Durability.SYNCED))
            else:
                answered.set_exception(failure)

        cells = (*(Cell(put.key, put.value) for put in puts), *(Cell(gone.key, None, gone.note) for gone in deletes))
        self._journal.write(Commit(cells, self.revision, on_disk))
        return await answered

    # -- behind the scenes ---------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        if self._reserved - self.revision < BLOCK // 2 and not self._reserving:
            self._reserve()
        if self._snapshot_due:
            self._take_snapshot()
        self.on_change()

    def _reserve(self) -> asyncio.Future[None]:
        """Reserve revisions ahead; the future is done when that is on disk or has failed."""
        upto = self.revision + BLOCK
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_disk(failure: StoreFailure | None) -> None:
            self._reserving = False
            if failure is None:
                self._reserved = max(self._reserved, upto)
            if not done.done():
                done.set_result(None)

        self._reserving = True
        self._journal.write(Reserve(upto, on_disk))
        return done

    def _take_snapshot(self) -> None:
        # A declaration that is on disk but not yet told would be missing from the snapshot that replaces its row.
        self._snapshot_due = bool(self._pending)
        if not self._snapshot_due:
            cells = tuple(Cell(entry.key, entry.value, b"", entry.revision) for entry in self._keyspace.range(""))
            self._journal.write(Snapshot(cells, self.revision))


def _locked(folder: Path) -> FolderLock:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return FolderLock(folder)


def _keys(puts: Sequence[Put], deletes: Sequence[Delete]) -> list[str]:
    return [*(put.key for put in puts), *(delete.key for delete in deletes)]


def _nobody() -> None:
    """Nobody asks for changes yet."""
