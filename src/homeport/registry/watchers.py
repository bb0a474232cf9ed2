"""Those who wait for changes: each is woken only by the services it asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable

from homeport.model import Completeness
from homeport.registry.api import WatchItem
from homeport.registry.catalog import Catalog
from homeport.registry.watch import ChangeIndex


class _Watcher:
    __slots__ = ("contracts", "cursor", "services", "unsure", "waiter", "woken")

    def __init__(self, services: tuple[str, ...], cursor: int | None) -> None:
        self.services = services
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

    def __len__(self) -> int:
        return len({*self._of_all, *(watcher for some in self._of_service.values() for watcher in some)})

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

    async def watch(self, services: tuple[str, ...], cursor: int | None) -> AsyncGenerator[WatchItem, None]:
        """The changes after ``cursor``, or a snapshot and then changes; the first item comes at once, be it empty."""
        watcher = _Watcher(tuple(dict.fromkeys(services)), cursor)
        watcher.unsure = self._catalog.completeness is not Completeness.COMPLETE
        homes = [self._of_service.setdefault(name, set()) for name in watcher.services] or [self._of_all]
        for home in homes:
            home.add(watcher)
        try:
            yield self._item(watcher) or self._nothing()
            while True:
                await watcher.sleep()
                item = self._item(watcher)
                if item is not None:
                    yield item
        finally:
            for home in homes:
                home.discard(watcher)
            for name in watcher.services:
                if name in self._of_service and not self._of_service[name]:
                    del self._of_service[name]

    def _item(self, watcher: _Watcher) -> WatchItem | None:
        catalog = self._catalog
        changes = None if watcher.cursor is None else self._index.since(watcher.cursor, watcher.services)
        complete_at_last = watcher.unsure and catalog.completeness is Completeness.COMPLETE
        watcher.cursor = catalog.revision
        if changes is None or (complete_at_last and not changes):
            return self._snapshot(watcher)
        if not changes:
            return None
        watcher.woken |= complete_at_last  # first what happened, with its causes, then the snapshot
        contracts = catalog.contracts_for(
            change.instance
            for change in changes
            if change.instance is not None and change.instance.contract not in watcher.contracts
        )
        watcher.contracts.update(contract.fingerprint for contract in contracts)
        return WatchItem(
            revision=catalog.revision,
            store=self._store,
            changes=tuple(changes),
            contracts=contracts,
            completeness=catalog.completeness,
        )

    def _snapshot(self, watcher: _Watcher) -> WatchItem:
        catalog = self._catalog
        watcher.unsure = catalog.completeness is not Completeness.COMPLETE
        answers = tuple(catalog.answer(name) for name in watcher.services or catalog.services())
        watcher.contracts = {contract.fingerprint for answer in answers for contract in answer.contracts}
        return WatchItem(
            revision=catalog.revision, store=self._store, snapshot=answers, completeness=catalog.completeness
        )

    def _nothing(self) -> WatchItem:
        catalog = self._catalog
        return WatchItem(revision=catalog.revision, store=self._store, completeness=catalog.completeness)
