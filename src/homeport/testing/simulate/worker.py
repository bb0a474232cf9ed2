"""A simulated worker, started again when it ends unasked."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from homeport.model import Cause, State
from homeport.testing.simulate.node import SimNode
from homeport.testing.simulate.process import Process
from homeport.worker.api import WorkerSpec
from homeport.worker.main import Worker

if TYPE_CHECKING:
    from homeport.testing.simulate.cluster import Cluster

RESTART_AFTER = (0.1, 0.6)  # seconds until a worker that ended unasked is started again


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
