"""Declarations made at random, and whether what was answered *synced* is still there after every crash."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from homeport.errors import Unavailable, UsageError
from homeport.model import Cause, Durability
from homeport.registry.api import OutsideInstance
from homeport.registry.server import Registry
from homeport.testing.simulate.across import ProcessDied

if TYPE_CHECKING:
    from homeport.testing.simulate.cluster import Cluster
    from homeport.testing.simulate.node import SimNode


class SimDeclarer:
    """Scales a service up and down and registers outside programs, for as long as the run lasts.

    A declaration that failed or was never answered may or may not stand; one that was answered stands until the next.
    """

    def __init__(self, cluster: Cluster, node: SimNode, service: str, every: float = 0.4) -> None:
        self._cluster, self._node, self._service, self._every = cluster, node, service, every
        self._rng = random.Random(f"homeport declarer {cluster.world.seed} {node.name}")
        self.answered = 0
        self._wanted: set[int] = set()  # what may stand; one when it is certain
        self._outside: dict[str, set[bool]] = {}  # per id, whether it may be there
        node.opened.append(self._look)
        asyncio.get_running_loop().create_task(self._declare_forever(), name="declarer")

    async def _declare_forever(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / self._every))
            if not self._node.up:
                continue
            number += 1
            try:
                async with asyncio.timeout(self._rng.choice([0.001, 0.01, 5.0])):
                    if self._rng.random() < 0.5:
                        await self._scale(number)
                    else:
                        await self._register(f"outside-{self._rng.randrange(4)}")
            except (Unavailable, UsageError, TimeoutError, ProcessDied):
                continue
            self.answered += 1

    async def _scale(self, number: int) -> None:
        if not self._wanted:  # before the first declaration, what the application says stands
            wanted = await self._cluster.ask(self._node.name, _wanted)
            self._wanted = {wanted[self._service]}
        self._wanted.add(number)
        cause = Cause(what=f"scaled to {number}", actor="declarer")
        done = await self._cluster.ask(
            self._node.name, lambda registry: registry.set_wanted(self._service, number, cause)
        )
        self._check(done.durability)
        self._wanted = {number}

    async def _register(self, name: str) -> None:
        may_be = self._outside.setdefault(name, {False})
        there = self._rng.random() < 0.7
        if not there and not await self._known(name):
            return
        may_be.add(there)
        if there:
            wish = OutsideInstance(
                id=name,
                service="elsewhere",
                endpoints=("tcp://10.0.0.1:80",),
                ttl=None,
                version=str(self._rng.random()),
            )
            done = await self._cluster.ask(self._node.name, lambda registry: registry.put_instance(wish))
        else:
            done = await self._cluster.ask(self._node.name, lambda registry: registry.delete_instance(name))
        self._check(done.durability)
        self._outside[name] = {there}

    async def _known(self, name: str) -> bool:
        found = await self._cluster.ask(self._node.name, lambda registry: registry.instances("elsewhere"))
        return any(one.id == name for one in found)

    def _check(self, durability: Durability) -> None:
        if durability is not Durability.SYNCED:
            self._say(f"was answered {durability}")

    def _look(self, registry: Registry) -> None:
        """The registry has been opened again."""
        if self._wanted:
            found = registry.wanted()[self._service]
            if found not in self._wanted:
                self._say(f"{self._service} should have {self._wanted} instances and has {found}")
            self._wanted = {found}
        instances = registry._catalog.instances
        for name, may_be in self._outside.items():
            if (name in instances) not in may_be:
                self._say(f"{name} is {'there' if name in instances else 'gone'} after a restart")
            self._outside[name] = {name in instances}

    def _say(self, what: str) -> None:
        self._cluster.world.faults.append(f"honest durability: at {self._cluster.world.now:.3f} s {what}")


async def _wanted(registry: Registry) -> dict[str, int]:
    return registry.wanted()
