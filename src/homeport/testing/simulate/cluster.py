"""A whole cluster in one process: nodes, workers and callers that run the real code on simulated machines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from homeport.build.live.planned import planned_service
from homeport.model import Dependency
from homeport.registry.server import DeclaredService, Registry
from homeport.testing.simulate.across import across
from homeport.testing.simulate.callers import SimCaller
from homeport.testing.simulate.declarations import SimDeclarer
from homeport.testing.simulate.disk import Disk
from homeport.testing.simulate.network import Network
from homeport.testing.simulate.node import RUNTIME, SimNode
from homeport.testing.simulate.observer import SimObserver
from homeport.testing.simulate.process import Process
from homeport.testing.simulate.worker import SimWorker
from homeport.testing.simulate.world import World
from homeport.worker.api import HostedService, WorkerSpec

T = TypeVar("T")


class Cluster:
    """Made by ``simulate()``; the scenario fills it and does things to it."""

    def __init__(self, world: World, root: Path) -> None:
        self.world, self._root = world, root
        self.network = Network(world)
        world.network = self.network  # type: ignore[attr-defined]
        self.rng = random.Random(f"homeport scenario {world.seed}")  # for the scenario's own choices
        self.nodes: dict[str, SimNode] = {}
        self.workers: dict[str, SimWorker] = {}
        self.callers: dict[str, SimCaller] = {}
        self._editions = 0  # workers that took another's place
        self.on_node: list[Callable[[SimNode], None]] = []

    # -- who is there --------------------------------------------------------------------------------------------------

    def node(self, name: str = "node") -> SimNode:
        """Start a node process on a disk of its own."""
        node = self.nodes[name] = SimNode(self, name, Disk(self.world, self._root / name))
        for callback in self.on_node:
            callback(node)
        node.start()
        return node

    def worker(
        self, *services: type, name: str = "", node: str = "node", instances: int = 1, **options: Any
    ) -> SimWorker:
        """Start a worker that hosts these classes; ``options`` are those of ``WorkerSpec``.

        Classes must be at the top level of a module: the worker imports them by name.
        """
        plans = [planned_service(service) for service in services]
        name = name or f"{plans[0].name}-{1 + sum(one.startswith(plans[0].name) for one in self.workers)}"
        home = self.nodes[node]
        for plan in plans:
            requires = tuple(Dependency(service=one.service, optional=one.optional) for one in plan.dependencies)
            home.declare(DeclaredService(name=plan.name, replicas=plan.replicas, requires=requires))
        spec = WorkerSpec(
            name=name,
            node=home.endpoint,
            runtime=RUNTIME,
            root="",
            services=tuple(HostedService(name=plan.name, plan=plan, instances=instances) for plan in plans),
            **options,
        )
        worker = self.workers[name] = SimWorker(self, home, spec)
        worker.start()
        return worker

    def caller(self, name: str = "caller", node: str = "node") -> SimCaller:
        """Start a program that calls services, in a process of its own."""
        caller = self.callers[name] = SimCaller(self.world, name, self.nodes[node].endpoint)
        return caller

    def observer(self, name: str = "observer", *services: str, node: str = "node") -> SimObserver:
        """Start a program that watches these services, or all, and checks every word."""
        return SimObserver(self.nodes[node], name, services)

    def declarer(self, service: str, node: str = "node") -> SimDeclarer:
        """Make declarations at random and check after every crash that those that were answered stand."""
        return SimDeclarer(self, self.nodes[node], service)

    def process(self, name: str) -> Process:
        """The present process of a node, worker or caller.

        Raises:
            KeyError: there is none of this name.
        """
        kinds: tuple[Any, ...] = (self.nodes, self.workers, self.callers)
        for kind in kinds:
            found = kind.get(name)
            if found is not None and found.process is not None:
                process: Process = found.process
                return process
        raise KeyError(name)

    # -- what happens to them ------------------------------------------------------------------------------------------

    def crash(self, name: str, *, power: bool = False) -> None:
        """``kill -9``. Workers come back by themselves, a node by ``restart()``; ``power``: its machine fails."""
        node = self.nodes.get(name)
        if node is not None:
            node.kill(power=power)
        else:
            self.process(name).kill(silently=power)

    def restart(self, name: str) -> None:
        """Bring a node back."""
        node = self.nodes[name]
        if node.process is None or not node.process.alive:
            node.start()

    def pause(self, name: str, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after ``seconds``."""
        process = self.process(name)
        process.pause()
        self.world.after(seconds, process.resume)

    def partition(self, one: str, other: str, *, one_way: bool = False) -> None:
        """Cut ``one`` off from ``other``; ``one_way``: only what ``one`` sends is lost."""
        self.world.trace.tell("is cut off from", f"{other}{' one way' if one_way else ''}", process=one)
        self.network.cut(one, other)
        if not one_way:
            self.network.cut(other, one)

    def slow(self, one: str, other: str, seconds: float) -> None:
        """What either sends the other takes about ``seconds`` longer."""
        self.world.trace.tell("is slowed towards", f"{other} by {seconds:.3f} s", process=one)
        self.network.slow(one, other, seconds)
        self.network.slow(other, one, seconds)

    def reset(self, one: str, other: str) -> None:
        """Break the connections between the two."""
        self.world.trace.tell("connections reset with", other, process=one)
        self.network.reset(one, other)

    def heal(self) -> None:
        """Mend the network and the disks, wake whoever is paused, and bring back nodes that died."""
        self.world.trace.tell("all heals", process="-")
        self.network.heal()
        for process in self.world.processes:
            process.resume()
            process.slowness = 1.0
        for node in self.nodes.values():
            node.disk.full = False
            node.disk.delay = (0.0002, 0.004)
            self.restart(node.name)

    # -- waiting -------------------------------------------------------------------------------------------------------

    async def run(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def until(self, condition: Callable[[], bool], within: float = 30.0, what: str = "the condition") -> None:
        """Let time pass until something holds.

        Raises:
            AssertionError: it does not come to hold within so many seconds.
        """
        for _ in range(int(within / 0.02) + 1):
            if condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{what} did not come about within {within:g} s")

    async def ready(self, within: float = 30.0) -> None:
        """Until every wanted worker has started all its instances."""

        def all_ready() -> bool:
            return all(node.up for node in self.nodes.values()) and all(
                worker.ready for worker in self.workers.values() if worker.wanted
            )

        await self.until(all_ready, within, "readiness of all workers")

    async def replace(self, worker: SimWorker, within: float = 30.0) -> SimWorker:
        """What a deploy does: start another worker like it, then drain this one."""
        successor = SimWorker(self, worker.node, self._renamed(worker))
        self.workers[successor.name] = successor
        successor.start()
        await self.until(lambda: successor.ready, within, f"readiness of {successor.name}")
        await asyncio.sleep(0.2)  # let those who call learn of it
        worker.drain()
        await self.until(lambda: not worker.up, within, f"the end of {worker.name}")
        del self.workers[worker.name]
        return successor

    def _renamed(self, worker: SimWorker) -> WorkerSpec:
        self._editions += 1
        return msgspec.structs.replace(worker.spec, name=f"{worker.name.partition('~')[0]}~{self._editions}")

    async def ask(self, node: str, question: Callable[[Registry], Awaitable[T]]) -> T:
        """Something of a node's registry, asked inside its process."""
        home = self.nodes[node]
        assert home.process is not None
        assert home.registry is not None
        return await across(home.process, partial(question, home.registry))


Scenario = Callable[[Cluster], Coroutine[Any, Any, Any]]
