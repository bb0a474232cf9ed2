"""The one way in and out of the registry's state: written to the store, folded from what the store says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

import msgspec

from homeport.clock import Clock
from homeport.model import Cause, Change, Completeness, Durability, Instance
from homeport.registry import records
from homeport.registry.api import Done
from homeport.registry.catalog import Catalog, WantedChange
from homeport.registry.store.port import Delete, KeyChange, Put, Resync, Store
from homeport.registry.story import StoryBook
from homeport.registry.watch import ChangeIndex
from homeport.registry.watchers import Watchers

log = logging.getLogger("homeport.registry")

_BATCH = 1000  # changes in one commit


class Ledger:
    """Commits, folds each change into the catalog once, in order, and wakes those it concerns."""

    def __init__(self, store: Store, clock: Clock, history: Iterable[KeyChange] = ()) -> None:
        self.store, self.clock = store, clock
        self.catalog = Catalog(_story(history))
        self.changed = asyncio.Event()  # something happened since it was last cleared
        self.on_change: list[Callable[[Change], None]] = []
        self.on_wanted: list[Callable[[str, int], None]] = []
        self.on_gone: list[Callable[[Instance], None]] = []
        self.on_move: list[Callable[[Instance | None, Change], None]] = []  # with the instance as it was before
        self._index = ChangeIndex(store.revision)
        self.watchers = Watchers(store.id, self.catalog, self._index)
        self._load()
        store.on_change = self._catch_up

    async def tell(self, puts: Sequence[Put] = (), deletes: Sequence[Delete] = ()) -> int:
        """Commit run-time facts; the revision."""
        return (await self.store.commit(puts=puts, deletes=deletes)).revision

    async def declare(self, puts: Sequence[Put] = (), deletes: Sequence[Delete] = ()) -> Done:
        """Commit a declaration; returns when it would survive power loss.

        Raises:
            StoreFailure: it could not be kept, and was not carried out.
        """
        committed = await self.store.commit(puts=puts, deletes=deletes, durability=Durability.SYNCED)
        return Done(revision=committed.revision, durability=committed.durability)

    async def remove(self, instances: Sequence[Instance], cause: Cause) -> None:
        """Take instances out of the catalog; there is no other way out."""
        note = records.encode(self.stamped(cause))
        for start in range(0, len(instances), _BATCH):
            batch = instances[start : start + _BATCH]
            await self.tell(deletes=[Delete(key_of(instance), note) for instance in batch])

    def stamped(self, cause: Cause) -> Cause:
        """The cause with a time."""
        return cause if cause.at else msgspec.structs.replace(cause, at=self.clock.wall())

    def cause(self, what: str, actor: str, evidence: str = "") -> Cause:
        return Cause(what=what, actor=actor, evidence=evidence, at=self.clock.wall())

    def set_completeness(self, completeness: Completeness) -> None:
        before, self.catalog.completeness = self.catalog.completeness, completeness
        if before is completeness:
            return
        log.info("registry.completeness", extra={"before": before.value, "now": completeness.value})
        if completeness is Completeness.COMPLETE:
            self.watchers.wake_unsure()

    def _load(self) -> None:
        self.catalog.load(self.store.range(""), self.store.revision)
        self._index.rebase(self.store.revision)
        self.changed.set()

    def _catch_up(self) -> None:
        """Fold in what the store has to say; called by it after every change."""
        changes = self.store.watch(("",), self.catalog.revision)
        if isinstance(changes, Resync):
            self._load()
            return
        services: set[str] = set()
        for change in changes:
            before = self.catalog.instances.get(change.key.partition("/")[2])
            told = self.catalog.fold(change)
            if isinstance(told, Change):
                services.add(told.service)
                self._index.record(told)
                _call(self.on_move, before, told)
                if told.instance is None and before is not None:
                    _call(self.on_gone, before)
                _call(self.on_change, told)
            elif isinstance(told, WantedChange):
                _call(self.on_wanted, told.service, told.replicas)
        self.watchers.wake(services)
        self.changed.set()


def key_of(instance: Instance) -> str:
    return (records.OUTSIDE if instance.outside else records.INSTANCE) + instance.id


def _story(history: Iterable[KeyChange]) -> StoryBook:
    """What the journal still knows of the time before this opening."""
    past = Catalog()
    for change in history:
        past.fold(change)
    return past.story


def _call(callbacks: Iterable[Callable[..., None]], *args: object) -> None:
    """One callback that fails must not keep the others, or the registry, from going on."""
    for callback in callbacks:
        try:
            callback(*args)
        except Exception:
            log.exception("registry.callback_failed", extra={"callback": repr(callback)})
