"""A watcher that checks what it is told against what the registry said, item by item."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import TYPE_CHECKING

from homeport.discovery.view import View
from homeport.errors import HomeportError, Unavailable
from homeport.model import Completeness
from homeport.registry.api import REGISTRY_SERVICE, RegistryApi, WatchItem, WatchRequest
from homeport.rpc.api_client import api_proxy
from homeport.rpc.client import ClientLink, connect
from homeport.testing.simulate.process import Process
from homeport.testing.simulate.truth import shapes

if TYPE_CHECKING:
    from homeport.testing.simulate.node import SimNode


class SimObserver:
    """Watches every service, now quickly, now slowly; loses its connection at times and resumes from where it was."""

    def __init__(self, node: SimNode, name: str, services: tuple[str, ...] = ()) -> None:
        self.services = services
        self.node, self.name = node, name
        self.world = node.cluster.world
        self.rng = random.Random(f"homeport observer {self.world.seed} {name}")
        self.view = View()
        self.items = 0
        self.whole = False  # what it knows began with a complete snapshot
        self.process = Process(self.world, name, self._main)

    async def _main(self) -> None:
        while True:
            try:
                link = await connect(self.node.endpoint, name=self.name)
                try:
                    await self._watch(link)
                finally:
                    link.close()
            except Unavailable:
                pass
            except HomeportError as error:
                self._say(f"was refused: {error}")
            await asyncio.sleep(self.rng.uniform(0.01, 0.5))

    async def _watch(self, link: ClientLink) -> None:
        async def this() -> ClientLink:
            return link

        registry: RegistryApi = api_proxy(RegistryApi, REGISTRY_SERVICE, this, caller=self.name)
        request = WatchRequest(services=self.services, from_revision=self.view.revision, store=self.view.store)
        asked_at = self.view.revision
        first = True
        async with aclosing(registry.watch(request)) as items:  # type: ignore[type-var]
            async for item in items:
                if not first and item.snapshot is None and not item.changes:
                    self._say("was woken by nothing")
                first = False
                self._take(item, asked_at)
                if self.rng.random() < 0.1:
                    await asyncio.sleep(self.rng.uniform(0.0, 2.0))  # slow: what happens meanwhile is coalesced
                if self.rng.random() < 0.02:
                    return

    def _take(self, item: WatchItem, asked_at: int) -> None:
        self.items += 1
        if self.view.store == item.store and item.revision < self.view.revision:
            self._say(f"was told of revision {item.revision} after {self.view.revision}")
        last = 0 if item.snapshot is not None else max(self.view.revision, asked_at)
        for change in item.changes:
            if change.revision <= last:
                self._say(f"was told of change {change.revision} after {last}")
            last = change.revision
            if self.services and change.service not in self.services:
                self._say(f"was told of {change.service}, which it did not ask for")
        self.view.fold(item)
        if item.snapshot is not None:
            self.whole = item.completeness is Completeness.COMPLETE
        if self.whole:  # else what it keeps may be gone, until the snapshot that says so
            self._compare(item)

    def _compare(self, item: WatchItem) -> None:
        life = self.node.truth.life_of(item.revision)
        if life is None:
            self._say(f"was told of revision {item.revision}, which no registry ever had")
            return
        truth = life.at(item.revision)
        mine = shapes({one.id: one for name in self.view.names() for one in self.view.service(name).instances.values()})
        truth = {name: found for name, found in truth.items() if not self.services or name in self.services}
        if mine != truth:
            self._say(f"sees {mine} at revision {item.revision}, and the registry had {truth}")

    def _say(self, what: str) -> None:
        self.world.faults.append(f"watch promises: {self.name} at {self.world.now:.3f} s {what}")
