"""The running node: what its API shows and steers, from the first worker to the last."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path

import homeport
from homeport.build.diagnostics.settings import told_settings
from homeport.clock import Clock
from homeport.errors import BadArguments, UnknownService
from homeport.health.replacing import Registry, replace_stuck
from homeport.health.stuck import StuckLimits
from homeport.model import Cause, Change
from homeport.node import logs
from homeport.node.api import NodeSpec, NodeStatus
from homeport.node.application import Edition
from homeport.node.census import Census, not_ready
from homeport.node.desired import Wish, Worker
from homeport.node.front import Front
from homeport.node.orders import Orders
from homeport.node.releases import Releases
from homeport.node.reload import Reloader, changes
from homeport.node.rolling import Rolling
from homeport.node.source import Source
from homeport.node.stages import stages
from homeport.node.supervisor import Supervisor

log = logging.getLogger("homeport.node")

PATIENCE = 5.0  # seconds beyond drain_timeout before what drains is killed
_KILL_PATIENCE = 2.0
_LOOK_AT_LOGS = 2.0


class NodeProcess:
    """Everything of one node, put together."""

    def __init__(
        self,
        spec: NodeSpec,
        supervisor: Supervisor,
        front: Front,
        census: Census,
        rolling: Rolling,
        orders: Orders,
        source: Source,
        registry: Registry,
        clock: Clock,
    ) -> None:
        self._spec, self._config, self._clock = spec, spec.config, clock
        self._registry = registry
        self._supervisor, self._front, self._census = supervisor, front, census
        self._rolling, self._orders, self._source = rolling, orders, source
        self._started = clock.wall()
        self._reloader: Reloader | None = None
        self._stop, self._die = asyncio.Event(), asyncio.Event()
        self._actor = ""
        self._loop = asyncio.get_running_loop()

    @property
    def wishes(self) -> Mapping[str, Wish]:
        return self._supervisor.wishes

    @property
    def workers(self) -> Mapping[str, Worker]:
        return self._supervisor.workers

    async def read_source(self) -> Edition:
        return await asyncio.to_thread(self._source.read)

    async def reload(self, edition: Edition, fresh: Collection[str]) -> str:
        return await self._orders.reload(edition, fresh, "reload")

    def begin(self) -> None:
        """Run what stands: what the source says, or what was decided since it said that."""
        self._supervisor.listen(self._rolling.hear)
        self._rolling.apply()

    def scale(self, service: str, count: int, cause: Cause) -> None:
        self._supervisor.scale(service, count, cause)
        self._rolling.hear()

    async def drain_instance(self, instance: str, cause: Cause) -> None:
        """Have one instance leave once another is ready in its place; a singleton's stands by until it has left.

        Raises:
            UnknownService: no worker of this node has it.
            BadArguments: it is leaving already, or a rollout is replacing it.
        """
        found = self._census.instance(instance)
        if found is None or found.worker not in self.workers:
            raise UnknownService(instance, self._census.ids())
        going, wish = self._rolling.going, self.wishes.get(found.service)
        if going is not None and found.service in {*going.before, *going.after}:
            raise BadArguments(f"{going.id} is replacing the instances of {found.service!r}; wait, or roll it back")
        if wish is not None and wish.singleton:
            await self._orders.restart(found.service, 1, 0.0, cause.actor)
        elif not self._supervisor.retire(found, cause):
            raise BadArguments(f"{instance} is leaving already; see `homeport why {instance}`")

    def hear(self, change: Change) -> None:
        """An instance has changed."""
        worker = self._census.apply(change)
        if worker:
            # The registry is in the middle of telling everybody; what follows may make it change again.
            self._loop.call_soon(self._look_at, worker)

    def _look_at(self, worker: str) -> None:
        known = self._supervisor.workers.get(worker)
        if known is not None and self._census.ready_at(worker) >= sum(known.services.values()):
            self._supervisor.ready(worker)
        self._rolling.hear()

    # -- from start to end ---------------------------------------------------------------------------------------------

    async def live(self, releases: Releases) -> None:
        """Run until asked to stop, then stop in order: the front, callers, and what they call."""
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(self._supervisor.run(), name="node.supervisor"),
                tasks.create_task(self._rolling.run(), name="node.rolling"),
                tasks.create_task(self._front.run(), name="node.front"),
                tasks.create_task(self._keep_house(releases), name="node.house"),
            ]
            if not self._spec.debug:
                watch = replace_stuck(self._registry, self._supervisor, self._clock, StuckLimits())
                background.append(tasks.create_task(watch, name="node.stuck"))
            if self._spec.reload:
                background.append(tasks.create_task(self._follow_source(), name="node.reload"))
            ending = tasks.create_task(self._end_in_order(), name="node.end")
            dying = tasks.create_task(self._end_at_once(), name="node.kill")
            await asyncio.wait({ending, dying}, return_when=asyncio.FIRST_COMPLETED)
            for task in (*background, ending, dying):
                task.cancel()

    def ask_to_stop(self, actor: str) -> None:
        if not self._stop.is_set():
            log.info("node.stopping", extra={"actor": actor})
            self._actor = actor
            self._stop.set()

    def ask_to_die(self, actor: str) -> None:
        log.warning("node.killed", extra={"actor": actor})
        self._actor = actor
        self._die.set()

    async def _end_in_order(self) -> None:
        await self._stop.wait()
        if self._reloader is not None:
            self._reloader.stop()
        self._rolling.stop()
        cause = Cause(what="node stopped", actor=self._actor)
        await self._front.stop(self._config.node.drain_timeout + PATIENCE)
        calls = {
            service.name: [dependency.service for dependency in service.dependencies]
            for service in self._rolling.edition.plan.services
        }
        await self._supervisor.drain_in_order(stages(calls), cause)

    async def _end_at_once(self) -> None:
        await self._die.wait()
        self._front.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KILL_PATIENCE):
                await self._supervisor.kill_all(Cause(what="killed", actor=self._actor))

    async def _keep_house(self, releases: Releases) -> None:
        folder, pruned = Path(self._spec.data) / "logs", ""
        while folder.is_dir():
            try:
                logs.cut_runaways(folder)
                if self._rolling.going is None and self._rolling.edition.release.id != pruned:
                    pruned = self._rolling.edition.release.id
                    in_use = {worker.release.partition(" ")[0] for worker in self.workers.values()}
                    in_use |= self._rolling.standing.releases()
                    await asyncio.to_thread(releases.prune, in_use)
                    await asyncio.to_thread(logs.forget_old, folder, set(self.workers), self._clock.wall())
            except OSError as error:
                log.warning("node.untidy", extra={"error": str(error)})
            await self._clock.sleep(_LOOK_AT_LOGS)
        self.ask_to_stop("removal of the data folder")

    async def _follow_source(self) -> None:
        node, edition = self._config.node, self._rolling.edition
        self._reloader = Reloader(self, edition, node.layout)
        await self._reloader.run(changes(Path(edition.plan.root), node.exclude))

    # -- telling -------------------------------------------------------------------------------------------------------

    def status(self) -> NodeStatus:
        waiting = not_ready(self.wishes, self.workers, self._census)
        if not self._front.answers:
            waiting["(front)"] = self._front.trouble or "the front process is starting"
        edition = self._rolling.edition
        settings = told_settings(edition.plan, self._config)
        elsewhere = self._rolling.elsewhere()
        return NodeStatus(
            name=node_name(self._spec),
            version=homeport.__version__,
            pid=os.getpid(),
            data=self._spec.data,
            target=self._spec.target,
            root=edition.plan.root,
            release=edition.release.id,
            layout=self._config.node.layout,
            url=self._front.url if self._front.answers else "",
            started=self._started,
            ready=not waiting and not self._stop.is_set(),
            waiting=waiting,
            workers=tuple(self._supervisor.status()),
            findings=(*edition.plan.findings, *edition.release.findings, *settings, *elsewhere),
            reload_error=self._reloader.error if self._reloader is not None else "",
        )


def node_name(spec: NodeSpec) -> str:
    """As set, or the name of the folder that the data folder lies in."""
    return spec.config.node.name or Path(spec.data).parent.name or "homeport"
