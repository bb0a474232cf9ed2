"""Puts a node process together: in the order that has services running soonest, and taking over what runs already."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from socket import socket

import msgspec

import homeport
from homeport import processes
from homeport.clock import Clock
from homeport.errors import ConfigError
from homeport.health.allowed import Allowed
from homeport.model import Cause
from homeport.node import logs, port
from homeport.node.adoption import Record, Records
from homeport.node.api import NODE_SERVICE, NodeApi, NodeSpec
from homeport.node.application import Edition, Surroundings
from homeport.node.backoff import BackoffLimits
from homeport.node.census import Census
from homeport.node.children import FRONT, Children, FrontLauncher, WorkerLauncher
from homeport.node.desired import SUPERVISOR, Fleet
from homeport.node.front import Front
from homeport.node.health import damping, monitored
from homeport.node.launch import OsProcess, adopt
from homeport.node.lock import held
from homeport.node.orders import Orders
from homeport.node.process import PATIENCE, NodeProcess, node_name
from homeport.node.releases import Releases
from homeport.node.rolling import Rolling
from homeport.node.service import NodeService
from homeport.node.source import Source
from homeport.node.standing import StandingFile, resumed
from homeport.node.supervisor import Supervisor
from homeport.nodes import NodeAddress, announce, prepare_data_folder, runtime_folder, withdraw
from homeport.registry.api import REGISTRY_SERVICE, RegistryApi
from homeport.registry.server import Registry
from homeport.rpc.api_host import serve_api

log = logging.getLogger("homeport.node")


async def serve(spec: NodeSpec, environ: Mapping[str, str], clock: Clock) -> None:
    """Be the node process of ``spec`` until asked to stop.

    Raises:
        HomeportError: it cannot start; the message says why, and nothing was started.
    """
    data, config = Path(spec.data), spec.config
    port.check_exposure(config.node)
    Allowed(config.health.allow)  # refused now, not once the services run
    prepare_data_folder(data)
    with held(data):
        writer = logs.open_log(data / "logs", config.node.log_level)
        releases = Releases(data / "releases")
        source = Source(spec.target, Path(spec.cwd), config, releases)
        async with AsyncExitStack() as stack:
            reading = asyncio.create_task(asyncio.to_thread(source.read), name="node.source")
            try:
                opening = Registry.open(
                    data / "registry",
                    node=node_name(spec),
                    clock=clock,
                    alive=_alive,
                    damping=damping(config.health),
                    leaving=Records(data / "run" / "workers").leaving(),
                )
                registry = await stack.enter_async_context(opening)
                edition = await reading
            finally:
                await asyncio.gather(reading, return_exceptions=True)
            census = Census(await registry.instances())
            node = Assembly(spec, environ, clock, registry, census, edition, source, releases)
            await stack.enter_async_context(monitored(registry, config.health, clock))
            await stack.enter_async_context(node.serving())
            if spec.detach:
                writer.take_over(1, 2)
            await node.process.live(releases)


def _alive(pid: int) -> bool:
    return processes.identity(pid) != ""


class Assembly:
    """The parts of one node process, wired to each other."""

    def __init__(
        self,
        spec: NodeSpec,
        environ: Mapping[str, str],
        clock: Clock,
        registry: Registry,
        census: Census,
        edition: Edition,
        source: Source,
        releases: Releases,
    ) -> None:
        self._spec, self._config, self._environ, self._clock = spec, spec.config, environ, clock
        self._registry, self._census = registry, census
        self._data = Path(spec.data)
        self._runtime = runtime_folder(self._data)
        self._endpoint = f"unix:{self._runtime / 'node.sock'}"
        self._children = self._make_children()
        kept = StandingFile(self._data / "standing.json")
        standing, editions = resumed(kept.read(), edition, self._data / "releases")
        self._workers = WorkerLauncher(
            self._children, editions, self._config, self._surroundings(), lambda: self._rolling.next_fence()
        )
        rng = random.Random()
        fleet = Fleet(self._config.node.layout, BackoffLimits(), self._config.node.drain_timeout + PATIENCE)
        self._supervisor = Supervisor(fleet, self._workers, registry, clock, rng)
        ready_file = self._data / "run" / "front.ready"
        self._fronts = FrontLauncher(self._children, self._config, self._endpoint, ready_file)
        self._front = Front(self._fronts, self._bind_again, ready_file, clock, rng, self._announce_url)
        self._rolling = Rolling(standing, kept, editions, self._config, registry, self._supervisor, census, clock)
        self._orders = Orders(spec, self._rolling, source, releases)
        self.process = NodeProcess(
            spec, self._supervisor, self._front, census, self._rolling, self._orders, source, registry, clock
        )
        registry.on_change(self.process.hear)
        registry.guard_starts(self._rolling.may_start)
        self._started = clock.wall()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Everything runs inside the block, and what can be found from outside is gone after it."""
        leaving = self._children.records.leaving()
        survivors = {record.name: record for record in self._children.records.survivors()}
        listening = await self._take_over_front(survivors.pop(FRONT, None))
        apis: dict[str, tuple[object, type]] = {
            REGISTRY_SERVICE: (self._registry, RegistryApi),
            NODE_SERVICE: (
                NodeService(self.process, self._rolling, self._orders, self._registry, self._clock),
                NodeApi,
            ),
        }
        async with serve_api(self._endpoint, apis, name="node"):
            self._take_over_workers(survivors, leaving)
            if listening is not None:
                self._front.start(*listening)
            self.process.begin()
            self._announce()
            log.info("node.started", extra={"node": node_name(self._spec), "release": self._rolling.standing.latest})
            try:
                with self._end_requests():
                    yield
            finally:
                withdraw(self._data, self._environ)
        self._clear_runtime()
        log.info("node.ended", extra={"node": node_name(self._spec)})

    # -- taking over ---------------------------------------------------------------------------------------------------

    def _take_over_workers(self, survivors: Mapping[str, Record], leaving: Mapping[str, Cause]) -> None:
        adopted = set()
        for record in survivors.values():
            process = adopt(record.pid, record.process)
            if process is not None:
                adopted.add(record.name)
                self._supervisor.adopt(self._as_told_now(record), process)
        lost = Cause(
            what="process exited",
            actor=SUPERVISOR,
            evidence="it ended while no node process ran, so its exit status is unknown",
            at=self._clock.wall(),
        )
        for worker, pid in self._census.pids().items():
            # One that runs and is not ours is attached to a terminal: its lease will tell.
            if worker not in adopted and not processes.identity(pid):
                self._registry.worker_gone(worker, leaving.get(worker, lost))

    def _as_told_now(self, record: Record) -> Record:
        """The record; under no release if the worker was told other things than it would be now."""
        ready = self._census.ready_at(record.name) >= sum(record.services.values())
        record = msgspec.structs.replace(record, ready=ready)
        same = self._workers.digest(record) == record.told
        return record if same else msgspec.structs.replace(record, release=f"{record.release} (other settings)")

    async def _take_over_front(self, record: Record | None) -> tuple[socket, str] | None:
        """Adopt the front that runs, or bind the port for a new one."""
        wanted = self._config.node.port
        process = adopt(record.pid, record.process) if record is not None else None
        if record is not None and process is not None:
            if record.told == self._fronts.digest() and (wanted in (0, record.port) or not self._spec.port_explicit):
                self._front.adopt(record, process)
                return None
            await self._end_front(process)
        if self._spec.port_explicit or record is None:
            return self._bind(wanted, explicit=self._spec.port_explicit)
        return self._bind(record.port, explicit=False)

    async def _end_front(self, process: OsProcess) -> None:
        process.signal(signal.SIGTERM)
        ended = asyncio.ensure_future(process.wait())
        try:
            async with asyncio.timeout(self._config.node.drain_timeout + PATIENCE):
                await asyncio.shield(ended)
        except TimeoutError:
            process.signal(signal.SIGKILL)
            await ended

    def _bind(self, number: int, *, explicit: bool) -> tuple[socket, str]:
        node = self._config.node
        listening = port.bind(node.host, number, explicit=explicit)
        return listening, port.url_of(listening, node.host, tls=bool(node.tls_certificate))

    def _bind_again(self, number: int) -> tuple[socket, str]:
        return self._bind(number, explicit=True)

    # -- being found ---------------------------------------------------------------------------------------------------

    def _announce(self) -> None:
        address = NodeAddress(
            name=node_name(self._spec),
            data=self._data,
            endpoint=self._endpoint,
            pid=os.getpid(),
            process=processes.identity(os.getpid()),
            started=self._started,
            url=self._front.url if self._front.answers else "",
            version=homeport.__version__,
        )
        announce(address, self._environ)

    def _announce_url(self) -> None:
        try:
            self._announce()
        except ConfigError as error:  # it is found without, and its services run
            log.warning("node.not_announced", extra={"error": str(error)})

    def _clear_runtime(self) -> None:
        for path in self._runtime.glob("*.sock"):
            with contextlib.suppress(OSError):
                path.unlink()
        if self._runtime.parent != self._data:
            with contextlib.suppress(OSError):
                self._runtime.rmdir()

    # -- being ended ---------------------------------------------------------------------------------------------------

    def _make_children(self) -> Children:
        records = Records(self._data / "run" / "workers")
        # A program that a service starts, and that connects, means this node.
        environ = {"PYTHONFAULTHANDLER": "1", **self._environ, "HOMEPORT_NODE": self._endpoint}
        return Children(records, self._data / "logs", Path(self._spec.cwd), environ, self._clock)

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            node=self._endpoint,
            runtime=self._runtime,
            logs=self._data / "logs",
            force_rpc=self._config.node.force_rpc or self._spec.reload,
            debug=self._spec.debug,
        )

    @contextlib.contextmanager
    def _end_requests(self) -> Iterator[None]:
        """Listen for signals, and for the end of whoever holds the lifeline."""
        loop = asyncio.get_running_loop()
        asked: list[str] = []

        def ask(actor: str) -> None:
            (self.process.ask_to_die if asked else self.process.ask_to_stop)(actor)
            asked.append(actor)

        def look_at_lifeline() -> None:
            if not os.read(sys.stdin.fileno(), 4096):
                loop.remove_reader(sys.stdin.fileno())
                self.process.ask_to_stop("end of `homeport run`")

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ask, number.name)
        # A closed terminal ends the command line, which ends the node through the lifeline.
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        if self._spec.lifeline:
            loop.add_reader(sys.stdin.fileno(), look_at_lifeline)
        try:
            yield
        finally:
            if self._spec.lifeline:
                loop.remove_reader(sys.stdin.fileno())
