"""The worker process: imports services, registers them, starts them when told, drains them when asked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from homeport.errors import HomeportError
from homeport.health.dump import offer_dump
from homeport.logfiles import RotatingWriter
from homeport.model import Cause, State
from homeport.registry.api import (
    AnyCommand,
    DrainInstance,
    DrainWorker,
    Register,
    Report,
    SessionOpened,
    StartInstance,
)
from homeport.rpc import ambient
from homeport.rpc.caller import Caller
from homeport.rpc.peers import Links
from homeport.rpc.server import RpcServer
from homeport.rpc.standing import Hosting, Standing
from homeport.unpacked import hold_own
from homeport.worker.api import WorkerSpec
from homeport.worker.crew import Crew, Member
from homeport.worker.heartbeat import NO_STALLS, HeartbeatThread
from homeport.worker.host import Host
from homeport.worker.logs import Whose, adopt_structlog, capture

log = logging.getLogger("homeport.worker")

UNTOLD_GRACE = 0.15  # seconds a draining instance still takes calls when the registry cannot tell its callers
HOOK_TIMEOUT = 10.0  # seconds for shutdown()


class Worker(Hosting):
    """One worker process. ``run()`` returns its exit status when it has drained."""

    def __init__(self, spec: WorkerSpec, output: RotatingWriter | None = None) -> None:
        self._spec, self._output = spec, output
        self._loop = asyncio.get_running_loop()
        self._stop = self._loop.create_future()
        self._host = Host()
        self._standing = Standing(
            spec.node,
            name=f"worker {spec.name}",
            kind="worker",
            worker=spec.name,
            release=spec.release,
            ttl=3600.0 if spec.debug else spec.lease,
            token=spec.token,
            hosting=self,
            on_changed=lambda changed: self._caller.refresh(changed),
        )
        links = Links(f"worker {spec.name}", spec.token)
        standing = self._standing
        self._caller = Caller(standing.view, links, standing.need, names=standing.names, on_lost=standing.report_lost)
        self._caller.sweep.suspended = spec.debug
        self._crew = Crew(spec, self._host, self._caller, self._report)
        self._server: RpcServer
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Serve until told to stop.

        Raises:
            DefinitionError, ConfigError: a service cannot be served as it is written or configured.
        """
        self._crew.assemble()
        Whose.instances = self._crew.only_instances()
        if self._output is not None:
            adopt_structlog()
        from homeport import __version__

        name = f"worker {self._spec.name}"
        server = self._server = RpcServer(self._host, name=name, version=__version__, token=self._spec.token)
        await server.listen(self._crew.endpoint)
        self._catch_signals()
        ambient.install(self._standing, self._caller)
        try:
            async with self._standing:
                with HeartbeatThread(
                    self._spec.node,
                    name=f"worker {self._spec.name} heartbeat",
                    session=self._standing.session,
                    lease=self._spec.lease,
                    counters=self._crew.counters,
                    root=self._spec.root,
                    stalled_after=NO_STALLS if self._spec.debug else 1.0,
                    lost=self._standing.reconnect,
                    token=self._spec.token,
                ):
                    self._spawn(self._crew.watch_health(), "worker.health")
                    self._spawn(self._crew.adapt_limits(), "worker.limits")
                    self._spawn(self._mind_the_node(), "worker.orphan")
                    cause = await self._stop
                    await self._drain_all(server, cause)
                await self._standing.leave(cause)
        finally:
            ambient.remove(self._standing)
            for task in self._tasks:
                task.cancel()
            await self._caller.close()
            await server.close()
            self._crew.close()
        return 0

    # -- the registry's side -------------------------------------------------------------------------------------------

    async def registered(self, opened: SessionOpened) -> None:
        further = (State.READY, State.UNHEALTHY, State.DRAINING)
        reply = await self._standing.registry.register(
            Register(
                session=self._standing.session,
                instances=tuple(member.spec for member in self._crew.members.values()),
                contracts=self._crew.contracts(),
                resumed={
                    name: member.hosted.state
                    for name, member in self._crew.members.items()
                    if member.hosted.state in further
                },
            )
        )
        self._standing.took(reply)
        self._caller.follow(answer.service for answer in reply.dependencies)
        if reply.missing:
            log.info("worker.waiting", extra={"missing": ", ".join(reply.missing)})

    async def command(self, command: AnyCommand) -> None:
        if isinstance(command, StartInstance):
            self._spawn(self._crew.start(command.instance), f"worker.start {command.instance}")
        elif isinstance(command, DrainInstance):
            self._spawn(self._drain_one(command), f"worker.drain {command.instance}")
        elif isinstance(command, DrainWorker):
            self.stop(command.cause)

    async def _report(self, instance: str, state: State, reason: str, evidence: str) -> None:
        """Tell the registry; while it is away, the next registration will."""
        with contextlib.suppress(HomeportError):
            await self._standing.registry.report(
                Report(session=self._standing.session, instance=instance, state=state, reason=reason, evidence=evidence)
            )

    # -- leaving -------------------------------------------------------------------------------------------------------

    def stop(self, cause: Cause) -> None:
        """Drain and end; the first cause is the one that counts."""
        if not self._stop.done():
            self._stop.set_result(cause)

    def _catch_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._signalled, signal.Signals(number).name)

    def _signalled(self, name: str) -> None:
        self.stop(Cause(what="signal", actor="operating system", evidence=name, at=time.time()))

    async def _mind_the_node(self) -> None:
        """Without a node process nobody looks after this worker: serve on for a while, then end."""
        while True:
            await asyncio.sleep(0.5)
            if self._output is not None:
                self._output.check()  # what is printed past Python must not fill the disk either
            lost = self._standing.lost_since
            if lost is not None and self._loop.time() - lost > self._spec.orphan_grace and not self._spec.debug:
                evidence = f"no node process for {self._spec.orphan_grace:g} s"
                self.stop(Cause(what="orphaned", actor=f"worker {self._spec.name}", evidence=evidence, at=time.time()))
                return

    async def _drain_one(self, command: DrainInstance) -> None:
        member = self._crew.members.get(command.instance)
        if member is None:
            return
        await self._drain(member, command.cause)
        with contextlib.suppress(HomeportError):
            await self._standing.registry.deregister(self._standing.session, member.hosted.id, command.cause)
        self._crew.forget(member)
        if not self._crew.members:
            self.stop(command.cause)

    async def _drain_all(self, server: RpcServer, cause: Cause) -> None:
        log.info("worker.draining", extra={"cause": cause.what, "evidence": cause.evidence})
        members = list(self._crew.members.values())
        async with asyncio.TaskGroup() as group:
            for member in members:
                group.create_task(self._drain(member, cause), name=f"drain {member.hosted.id}")
        server.go_away(cause.what)

    async def _drain(self, member: Member, cause: Cause) -> None:
        """Let callers know, finish what runs, run ``shutdown()``."""
        was_serving = member.hosted.state in (State.READY, State.UNHEALTHY)
        member.hosted.state = State.DRAINING
        self._caller.route(member.hosted.service).unhost(member.hosted)
        try:
            await self._standing.registry.drain(self._standing.session, member.hosted.id, cause)
        except HomeportError:
            # Nobody can tell the callers; those that come get Draining and go elsewhere.
            await asyncio.sleep(UNTOLD_GRACE if was_serving else 0)
        if not await member.hosted.admission.drained(self._spec.drain_timeout):
            left = member.hosted.admission.in_flight
            log.warning("worker.drain_timeout", extra={"instance": member.hosted.id, "calls_left": left})
            self._server.end_calls(member.hosted.admission)
            await asyncio.sleep(0)  # let their endings be written
        await self._crew.shut_down(member, HOOK_TIMEOUT)

    def _spawn(self, coro: object, name: str) -> None:
        task: asyncio.Task[None] = self._loop.create_task(coro, name=name)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("worker.task_failed", extra={"task": task.get_name()}, exc_info=task.exception())


def serve(spec: WorkerSpec, output: RotatingWriter | None = None) -> int:
    """Run a worker in this process until it has drained; its exit status. ``output`` is where it logs."""
    sys.path.insert(0, spec.root)
    if len(spec.services) == 1:
        Whose.service = spec.services[0].name

    async def main() -> int:
        return await Worker(spec, output).run()

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(main())
    except HomeportError as error:
        log.error("worker.failed", exc_info=error.__cause__ or None, extra={"error": str(error)})
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python -m homeport.worker SPEC.json  (started by the node process)", file=sys.stderr)
        return 2
    hold_own()
    spec = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=WorkerSpec)
    output = capture(spec.log, logging.getLevelNamesMapping()[spec.log_level.upper()]) if spec.log else None
    offer_dump()
    if spec.log:  # in a terminal the signal is for whoever sits there
        offer_dump(sys.__stderr__)
    if output is None:
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    if os.environ.get("HOMEPORT_FORCE_RPC") == "1":
        spec = msgspec.structs.replace(spec, force_rpc=True)
    return serve(spec, output)
