"""A simulated node: the registry on its disk, in a process that may die and come back."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from homeport.clock import Clock
from homeport.registry.api import REGISTRY_SERVICE, RegistryApi
from homeport.registry.server import DeclaredService, Registry
from homeport.rpc.api_host import serve_api
from homeport.testing.simulate.disk import Disk
from homeport.testing.simulate.process import Process
from homeport.testing.simulate.truth import Truth

if TYPE_CHECKING:
    from homeport.testing.simulate.cluster import Cluster

RUNTIME = "/simulated"  # where sockets seem to be


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


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
