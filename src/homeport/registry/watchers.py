"""Those who wait for changes: each is woken only by the services it asked for."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, Iterable

import msgspec

from homeport.clock import Clock
from homeport.model import Change, Completeness
from homeport.registry.api import WatchItem
from homeport.registry.catalog import Catalog
from homeport.registry.watch import ChangeIndex

RETURNS_PER_SECOND = 2000.0  # watchers that a registry takes back without keeping others waiting


class _Slots:
    """Numbers its holders from 0; the lowest that is free is given first."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self.taken = 0

    def take(self) -> int:
        self.taken += 1
        return heapq.heappop(self._free) if self._free else self.taken - 1

    def give_back(self, slot: int) -> None:
        self.taken -= 1
        heapq.heappush(self._free, slot)


class _Watcher:
    __slots__ = ("acknowledged", "contracts", "cursor", "name", "services", "unsure", "waiter", "woken")

    def __init__(self, services: tuple[str, ...], cursor: int | None, name: str, acknowledged: int) -> None:
        self.services = services
        self.name = name
        self.acknowledged = acknowledged  # the revision it is known to have taken in
        self.cursor = cursor  # the revision it has reached; None: it needs a snapshot
        self.contracts: set[str] = set()  # those it has been sent
        self.unsure = False  # what it began with may have lacked instances
        self.woken = False
        self.waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        self.woken = True
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def sleep(self) -> None:
        if not self.woken:
            self.waiter = asyncio.get_running_loop().create_future()
            try:
                await self.waiter
            finally:
                self.waiter = None
        self.woken = False


class Watchers:
    """Serves watches from the catalog and its index of changes."""

    def __init__(self, store: str, catalog: Catalog, index: ChangeIndex) -> None:
        self._store, self._catalog, self._index = store, catalog, index
        self._of_all: set[_Watcher] = set()
        self._of_service: dict[str, set[_Watcher]] = {}
        self._acknowledging: set[asyncio.Event] = set()  # set at each acknowledgement and departure
        self._shared: dict[tuple[int, tuple[str, ...]], WatchItem | None] = {}
        self._shared_at = (0, Completeness.COMPLETE)
        self._slots = _Slots()

    def __len__(self) -> int:
        return self._slots.taken

    def wake(self, services: Iterable[str]) -> None:
        """Something happened to these services."""
        woken = set(self._of_all)
        for service in services:
            woken |= self._of_service.get(service, set())
        for watcher in woken:
            watcher.wake()

    def wake_unsure(self) -> None:
        """The catalog has become complete: whoever was given less is given all."""
        for watcher in {*self._of_all, *(one for some in self._of_service.values() for one in some)}:
            if watcher.unsure:
                watcher.wake()

    async def watch(
        self, services: tuple[str, ...], cursor: int | None, name: str = ""
    ) -> AsyncGenerator[WatchItem, None]:
        """The changes after ``cursor``, or a snapshot and then changes; the first item comes at once, be it empty.

        One with a ``name`` acknowledges what it has taken in, and is waited for.
        """
        # Whoever begins with a snapshot of now has never seen what has left by now.
        acknowledged = self._catalog.revision if cursor is None else cursor
        watcher = _Watcher(tuple(dict.fromkeys(services)), cursor, name, acknowledged)
        watcher.unsure = self._catalog.completeness is not Completeness.COMPLETE
        homes = [self._of_service.setdefault(name, set()) for name in watcher.services] or [self._of_all]
        for home in homes:
            home.add(watcher)
        slot = self._slots.take()
        try:
            first = self._item(watcher) or self._changes()
            yield msgspec.structs.replace(first, slot=slot / RETURNS_PER_SECOND)
            while True:
                await watcher.sleep()
                item = self._item(watcher)
                if item is not None:
                    yield item
        finally:
            self._slots.give_back(slot)
            for home in homes:
                home.discard(watcher)
            for name in watcher.services:
                if name in self._of_service and not self._of_service[name]:
                    del self._of_service[name]
            self._acknowledgement()

    # -- acknowledgements ----------------------------------------------------------------------------------------------

    def acknowledge(self, name: str, revision: int) -> None:
        """The watchers of this name have taken in everything up to ``revision``."""
        for watcher in {*self._of_all, *(one for some in self._of_service.values() for one in some)}:
            if watcher.name == name:
                watcher.acknowledged = max(watcher.acknowledged, revision)
        self._acknowledgement()

    async def heard(self, service: str, revision: int, within: float, clock: Clock) -> tuple[str, ...]:
        """Until all who watch ``service`` have acknowledged ``revision``; after ``within`` seconds, who has not."""
        stirred = asyncio.Event()
        self._acknowledging.add(stirred)
        late = asyncio.create_task(clock.sleep(within), name="registry.drain_grace")
        late.add_done_callback(lambda _: stirred.set())
        try:
            while unheard := self._unheard(service, revision):
                if late.done():
                    break
                stirred.clear()
                await stirred.wait()
            return unheard
        finally:
            late.cancel()
            self._acknowledging.discard(stirred)

    def _unheard(self, service: str, revision: int) -> tuple[str, ...]:
        watching = self._of_all | self._of_service.get(service, set())
        return tuple(sorted({one.name for one in watching if one.name and one.acknowledged < revision}))

    def _acknowledgement(self) -> None:
        for event in self._acknowledging:
            event.set()

    def _item(self, watcher: _Watcher) -> WatchItem | None:
        catalog = self._catalog
        news = None if watcher.cursor is None else self._since(watcher.cursor, watcher.services)
        complete_at_last = watcher.unsure and catalog.completeness is Completeness.COMPLETE
        known, watcher.cursor = watcher.cursor is not None, catalog.revision
        if news is None or (complete_at_last and not news.changes):
            return self._snapshot(watcher, known)
        if not news.changes:
            return None
        watcher.woken |= complete_at_last  # first what happened, with its causes, then the snapshot
        fresh = self._contracts_of(news) - watcher.contracts
        if not fresh:
            return news
        watcher.contracts |= fresh
        return msgspec.structs.replace(news, contracts=tuple(catalog.contracts[name] for name in sorted(fresh)))

    def _since(self, cursor: int, services: tuple[str, ...]) -> WatchItem | None:
        """One item for all watchers that have reached the same revision; None when they need a snapshot."""
        catalog = self._catalog
        if self._shared_at != (catalog.revision, catalog.completeness):
            self._shared_at = (catalog.revision, catalog.completeness)
            self._shared.clear()
        key = (cursor, services)
        if key not in self._shared:
            changes = self._index.since(cursor, services)
            self._shared[key] = None if changes is None else self._changes(tuple(changes))
        return self._shared[key]

    def _contracts_of(self, news: WatchItem) -> set[str]:
        contracts = {change.instance.contract for change in news.changes if change.instance is not None}
        return contracts & self._catalog.contracts.keys()

    def _snapshot(self, watcher: _Watcher, known: bool) -> WatchItem:
        """All there is; ``known``: to a watcher that had an earlier picture."""
        catalog = self._catalog
        watcher.unsure = catalog.completeness is not Completeness.COMPLETE
        answers = tuple(catalog.answer(name) for name in watcher.services or catalog.services())
        watcher.contracts = {contract.fingerprint for answer in answers for contract in answer.contracts}
        # What an incomplete answer lacks may be alive and is kept, but for what is known to be gone.
        gone = self._index.gone(watcher.services) if watcher.unsure and known else ()
        return WatchItem(
            revision=catalog.revision,
            store=self._store,
            snapshot=answers,
            changes=gone,
            completeness=catalog.completeness,
        )

    def _changes(self, changes: tuple[Change, ...] = ()) -> WatchItem:
        catalog = self._catalog
        return WatchItem(
            revision=catalog.revision, store=self._store, changes=changes, completeness=catalog.completeness
        )
