"""A whole cluster in one process: nodes, workers and callers that run the real code on simulated machines."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from homeport.build.live.planned import planned_service
from homeport.clock import Clock
from homeport.model import Cause, Dependency, State
from homeport.registry.api import REGISTRY_SERVICE, RegistryApi
from homeport.registry.server import DeclaredService, Registry
from homeport.rpc.api_host import serve_api
from homeport.testing.simulate.callers import SimCaller
from homeport.testing.simulate.declarations import SimDeclarer
from homeport.testing.simulate.disk import Disk
from homeport.testing.simulate.network import Network
from homeport.testing.simulate.observer import SimObserver
from homeport.testing.simulate.process import Process
from homeport.testing.simulate.truth import Truth
from homeport.testing.simulate.world import World
from homeport.worker.api import HostedService, WorkerSpec
from homeport.worker.main import Worker

T = TypeVar("T")

RUNTIME = "/simulated"  # where sockets seem to be
RESTART_AFTER = (0.1, 0.6)  # seconds until a worker that ended unasked is started again


class ProcessClock(Clock):
    """The clock of whichever simulated process asks."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> float:
        return self._process.monotonic()

    def wall(self) -> float:
        return self._process.wall()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SimNode:
    """A node process: the registry on its disk, served to all who connect. It may die and come back."""

    def __init__(self, cluster: Cluster, name: str, disk: Disk) -> None:
        self.cluster, self.name, self.disk = cluster, name, disk
        self.endpoint = f"unix:{RUNTIME}/{name}.sock"
        self.process: Process | None = None
        self.registry: Registry | None = None
        self.declared: list[DeclaredService] = []
        self.truth = Truth()
        self.opened: list[Callable[[Registry], None]] = []  # called whenever the registry has been opened

    @property
    def up(self) -> bool:
        return self.registry is not None and self.process is not None and self.process.alive

    def start(self) -> None:
        self.process = Process(self.cluster.world, self.name, self._main, disk=self.disk)

    async def _main(self) -> None:
        process = self.process
        assert process is not None
        world = self.cluster.world
        clock = ProcessClock(process)
        folder = self.disk.folder / "registry"
        async with Registry.open(folder, node=self.name, clock=clock, alive=world.alive) as registry:
            found = registry.recovery
            world.trace.tell("opens its store", f"revision {found.revision} clean {found.clean} lost {found.lost}")
            registry.declare(self.declared)
            for callback in self.opened:
                callback(registry)
            async with serve_api(self.endpoint, {REGISTRY_SERVICE: (registry, RegistryApi)}, name=self.name):
                self.registry = registry
                stopped = asyncio.get_running_loop().create_future()
                process.loop.add_signal_handler(signal.SIGTERM, _settle, stopped)
                await stopped
        self.registry = None

    def kill(self, *, power: bool = False) -> None:
        """End it as ``kill -9`` does, or with its machine's power; ``start()`` brings it back on the same disk."""
        if self.process is not None and self.process.alive:
            self.registry = None
            self.process.kill()
            self.disk.crash(power=power)
            self.cluster.world.trace.tell("disk", f"{'power loss' if power else 'kill'}", process=self.name)

    def declare(self, service: DeclaredService) -> None:
        self.declared = [one for one in self.declared if one.name != service.name] + [service]
        if self.registry is not None:
            self.registry.declare(self.declared)


class SimWorker:
    """A worker of a node, started again when it ends unasked, as the node's supervisor would."""

    def __init__(self, cluster: Cluster, node: SimNode, spec: WorkerSpec) -> None:
        self.cluster, self.node, self.spec = cluster, node, spec
        self.wanted = True
        self.restarts = 0
        self.process: Process | None = None
        self.worker: Worker | None = None
        self._unnoticed: Cause | None = None  # how it ended, until the supervisor has seen it
        self._begun: asyncio.Future[None] | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def up(self) -> bool:
        return self.process is not None and self.process.alive

    def start(self) -> None:
        self._tell_end()  # a supervisor starts nothing in the place of a process whose end it has not seen
        self.worker = None
        self.process = Process(self.cluster.world, self.name, self._main)
        self.process.on_exit.append(self._ended)

    async def _main(self) -> None:
        self.worker = Worker(self.spec)
        await self.worker.run()

    def drain(self) -> None:
        """Ask it to end, as a deploy or an orderly stop does; it is not started again."""
        self.wanted = False
        if self.process is not None and not self.process.signal(signal.SIGTERM):
            self.process.kill()  # it has not come so far as to catch signals

    def _ended(self, process: Process) -> None:
        world = self.cluster.world
        cause = Cause(
            what="process exited",
            actor="supervisor",
            evidence="killed by SIGKILL" if process.status is None else f"exit status {process.status}",
        )
        self._unnoticed = cause
        world.after(world.rng.uniform(0.0005, 0.005), self._noticed)

    def _tell_end(self) -> None:
        cause, self._unnoticed = self._unnoticed, None
        node = self.node
        if cause is not None and node.up and node.process is not None and node.registry is not None:
            node.process.loop.call_soon(node.registry.worker_gone, self.name, cause)

    def _noticed(self) -> None:
        self._tell_end()
        if self.wanted:
            self.cluster.world.after(self.cluster.rng.uniform(*RESTART_AFTER), self._restart)

    def _restart(self) -> None:
        if not self.wanted or self.up or self.cluster.world.over:
            return
        if not self.node.up or (self.node.process is not None and self.node.process.paused):
            self.cluster.world.after(0.25, self._restart)  # nobody is there to start it
            return
        self.restarts += 1
        self.start()

    @property
    def ready(self) -> bool:
        """Whether all its instances have started."""
        crew = self.worker._crew if self.worker is not None else None
        return (
            self.up
            and crew is not None
            and bool(crew.members)
            and all(member.hosted.state is State.READY for member in crew.members.values())
        )


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


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class ProcessDied(Exception):
    """The process that was to do it died over it."""


async def across(process: Process, work: Callable[[], Awaitable[T]]) -> T:
    """Await something inside another process.

    Raises:
        ProcessDied: before it was done.
    """
    here = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = here.create_future()

    def settle(setter: Callable[[Any], None], value: Any) -> None:
        if not outcome.done():
            here.call_soon(lambda: None if outcome.done() else setter(value))

    async def carry_out() -> None:
        try:
            result = await work()
        except Exception as error:
            settle(outcome.set_exception, error)
        else:
            settle(outcome.set_result, result)

    def died(_: Process) -> None:
        settle(outcome.set_exception, ProcessDied(f"{process.name} died over it"))

    process.on_exit.append(died)
    if process.alive:
        process.loop.call_soon(lambda: process.loop.create_task(carry_out()))
    else:
        died(process)
    try:
        return await outcome
    finally:
        process.on_exit.remove(died)


Scenario = Callable[[Cluster], Coroutine[Any, Any, Any]]
Services = Sequence[type]
