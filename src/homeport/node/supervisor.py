"""Carries out what the fleet decides: starts, drains, kills and watches worker processes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import msgspec

from homeport.clock import Clock
from homeport.health.dump import ask_for_dump
from homeport.model import Cause, Instance
from homeport.node.adoption import Record
from homeport.node.api import WorkerStatus
from homeport.node.desired import (
    SUPERVISOR,
    Drain,
    DrainInstances,
    Effect,
    Fleet,
    Kill,
    Phase,
    Start,
    Wish,
    Worker,
)
from homeport.node.launch import LaunchFailed, Process, describe_exit
from homeport.node.timing import event_or_due
from homeport.registry.api import AnyCommand, DrainInstance, DrainWorker

log = logging.getLogger("homeport.node")

Listener = Callable[[], None]
_RESUMED = Cause(what="drained", actor=SUPERVISOR, evidence="as an earlier node process had begun")


class Launcher(Protocol):
    """Starts worker processes and remembers them for a successor."""

    def launch(self, start: Start) -> Process:
        """Start the worker's process.

        Raises:
            LaunchFailed: the operating system refused.
        """

    def leaving(self, worker: str, cause: Cause) -> None:
        """The worker has been told to drain."""

    def hosts(self, worker: str, services: Mapping[str, int]) -> None:
        """The worker hosts no more than this from now on."""

    def forget(self, worker: str) -> None:
        """The worker's process has ended."""

    def last_lines(self, worker: str) -> str:
        """The last lines the worker wrote, as evidence."""


class Commands(Protocol):
    """What the supervisor needs of the registry."""

    def send(self, worker: str, command: AnyCommand) -> bool:
        """Tell a worker something; ``False`` when it has no session."""

    def worker_gone(self, worker: str, cause: Cause) -> object:
        """The worker's process has ended, and with it all its instances."""

    def instances_at(self, worker: str, service: str) -> list[str]:
        """Ids of the worker's instances of a service that are not draining, newest first."""


class Supervisor:
    """Runs the fleet's effects and feeds it what happens.

    ``run`` must be running for anything to be watched; all methods belong to its loop.
    """

    def __init__(self, fleet: Fleet, launcher: Launcher, registry: Commands, clock: Clock, rng: random.Random) -> None:
        self._fleet, self._launcher, self._registry, self._clock, self._rng = fleet, launcher, registry, clock, rng
        self._processes: dict[str, Process] = {}
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._tasks: asyncio.TaskGroup | None = None
        self._unwatched: list[str] = []
        self._listeners: list[Listener] = []
        self._given_up: dict[str, Cause] = {}  # workers killed because they did not work, until they have ended

    @property
    def wishes(self) -> Mapping[str, Wish]:
        return self._fleet.wishes

    @property
    def workers(self) -> Mapping[str, Worker]:
        return self._fleet.workers

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` of every worker that becomes ready or ends, until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- the shell's life ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Supervise until cancelled; workers keep running then."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for worker in self._unwatched:
                self._watch(worker)
            self._unwatched.clear()
            while True:
                self._carry_out(self._fleet.tick(self._clock.now()))
                self._wake.clear()
                await event_or_due(self._wake, self._fleet.next_due(), self._clock)

    # -- orders --------------------------------------------------------------------------------------------------------

    def wish(self, wishes: Mapping[str, Wish]) -> None:
        self._carry_out(self._fleet.wish(wishes, self._clock.now()))

    def scale(self, service: str, replicas: int, cause: Cause) -> None:
        self._carry_out(self._fleet.scale(service, replicas, cause, self._clock.now()))

    def adopt(self, record: Record, process: Process) -> None:
        """Take over a worker that runs already; ``wish`` decides whether it stays."""
        now, age = self._clock.now(), max(0.0, self._clock.wall() - record.started)
        self._fleet.adopt(
            record.name,
            record.services,
            record.release,
            now - age,
            ready=record.ready,
            round=record.round,
            leaving=record.leaving,
        )
        self._processes[record.name] = process
        self._watch(record.name)
        log.info("worker.adopted", extra={"worker": record.name, "pid": record.pid})
        if record.leaving is not None:
            return
        for service, count in record.services.items():
            left = self._registry.instances_at(record.name, service)
            if len(left) > count:  # they were told to leave, and may not have heard it
                self._drain_instances(
                    DrainInstances(worker=record.name, service=service, count=len(left) - count, cause=_RESUMED)
                )

    def retire(self, instance: Instance, cause: Cause) -> bool:
        """Have one instance leave, and replaced first; ``False`` when its worker is leaving already."""
        workers, name, now = self._fleet.workers, instance.worker, self._clock.now()
        if workers[name].phase is Phase.DRAINING or workers[name].retiring is not None:
            return False
        effects = self._fleet.retire(name, cause, now, service=instance.service, instance=instance.id)
        if name in workers and workers[name].retiring is not None:  # else only one of its instances leaves
            self._launcher.leaving(name, cause)
        self._carry_out(effects)
        return True

    def ready(self, worker: str) -> None:
        """All instances of the worker have become ready."""
        known = self._fleet.workers.get(worker)
        if known is not None and known.phase is Phase.STARTING:
            self._carry_out(self._fleet.ready(worker, self._clock.now()))
            self._tell()

    # -- what does not work --------------------------------------------------------------------------------------------

    def running(self) -> Collection[str]:
        """The workers that have a process."""
        return tuple(self._processes)

    def dump(self, worker: str) -> None:
        """Have it write where it is stuck, into its log."""
        if worker in self._processes:
            ask_for_dump(self._processes[worker].pid)

    def replace(self, worker: str, cause: Cause) -> None:
        """Kill it; it is started again, as after any other end."""
        if worker in self._processes:
            self._given_up[worker] = cause
            log.error("worker.given_up", extra={"worker": worker, "evidence": cause.evidence})
            self._processes[worker].signal(signal.SIGKILL)

    # -- ending --------------------------------------------------------------------------------------------------------

    async def drain_in_order(self, stages: list[set[str]], cause: Cause) -> None:
        """Scale to zero, stage after stage, and return when no worker is left."""
        for stage in stages:
            self._carry_out(self._fleet.idle(stage, cause, self._clock.now()))
            await self._until(lambda stage=stage: not self._hosting(stage))  # type: ignore[misc]
        self._carry_out(self._fleet.abandon(cause, self._clock.now()))
        await self._until(lambda: not self._fleet.workers)

    async def kill_all(self, cause: Cause) -> None:
        """End every worker at once, and return when all have ended."""
        self._carry_out(self._fleet.abandon(cause, self._clock.now()))
        for process in self._processes.values():
            process.signal(signal.SIGKILL)
        await self._until(lambda: not self._fleet.workers)

    def _hosting(self, services: set[str]) -> bool:
        return any(
            worker.phase is Phase.DRAINING and services & set(worker.services)
            for worker in self._fleet.workers.values()
        )

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(condition)

    # -- effects -------------------------------------------------------------------------------------------------------

    def _carry_out(self, effects: list[Effect]) -> None:
        pending = list(effects)
        while pending:
            effect = pending.pop(0)
            match effect:
                case Start():
                    pending += self._start(effect)
                case Drain(worker=worker, cause=cause):
                    self._drain(worker, self._stamped(cause))
                case DrainInstances():
                    self._drain_instances(effect)
                case Kill(worker=worker, cause=cause):
                    log.warning("worker.killed", extra={"worker": worker, "evidence": cause.evidence})
                    if worker in self._processes:
                        self._processes[worker].signal(signal.SIGKILL)
        self._wake.set()

    def _start(self, start: Start) -> list[Effect]:
        try:
            process = self._launcher.launch(start)
        except LaunchFailed as error:
            log.error("worker.not_started", extra={"worker": start.worker, "error": str(error)})
            cause = Cause(what="not started", actor=SUPERVISOR, evidence=str(error), at=self._clock.wall())
            self._tell()
            return self._fleet.exited(start.worker, cause, self._clock.now(), self._rng.random())
        self._processes[start.worker] = process
        log.info("worker.started", extra={"worker": start.worker, "pid": process.pid, "release": start.release})
        self._watch(start.worker)
        return []

    def _drain(self, worker: str, cause: Cause) -> None:
        log.info("worker.draining", extra={"worker": worker, "cause": cause.what, "evidence": cause.evidence})
        self._launcher.leaving(worker, cause)
        # A worker that has not opened its session yet cannot be told, but it can be signalled.
        if not self._registry.send(worker, DrainWorker(cause=cause)) and worker in self._processes:
            self._processes[worker].signal(signal.SIGTERM)

    def _drain_instances(self, effect: DrainInstances) -> None:
        known = self._fleet.workers.get(effect.worker)
        if known is not None:
            self._launcher.hosts(effect.worker, known.services)
        there = self._registry.instances_at(effect.worker, effect.service)
        chosen = [*effect.named, *(one for one in there if one not in effect.named)]
        for instance in chosen[: effect.count]:
            self._registry.send(effect.worker, DrainInstance(instance=instance, cause=self._stamped(effect.cause)))

    # -- what happens --------------------------------------------------------------------------------------------------

    def _watch(self, worker: str) -> None:
        if self._tasks is None:
            self._unwatched.append(worker)
        else:
            process = self._processes[worker]
            self._tasks.create_task(self._wait_for(worker, process), name=f"supervisor.watch.{worker}")

    async def _wait_for(self, worker: str, process: Process) -> None:
        status = await process.wait()
        self._processes.pop(worker, None)
        cause = self._cause_of_end(worker, status)
        self._launcher.forget(worker)
        self._registry.worker_gone(worker, cause)
        log.log(
            self._level_of_end(worker, status),
            "worker.ended",
            extra={"worker": worker, "pid": process.pid, "cause": cause.what, "evidence": cause.evidence},
        )
        self._carry_out(self._fleet.exited(worker, cause, self._clock.now(), self._rng.random()))
        self._tell()
        async with self._changed:
            self._changed.notify_all()

    def _cause_of_end(self, worker: str, status: int | None) -> Cause:
        known = self._fleet.workers.get(worker)
        if known is not None and known.phase is Phase.DRAINING and known.cause is not None:
            return self._stamped(known.cause)
        given_up = self._given_up.pop(worker, None)
        if given_up is not None:
            return self._with_lines(given_up, worker, given_up.evidence)
        if status == 0:  # it drained, as it does when it gets a signal
            evidence = "exit status 0, as when somebody ends it by SIGTERM"
            return Cause(what="process ended", actor=SUPERVISOR, evidence=evidence, at=self._clock.wall())
        exited = Cause(what="process exited", actor=SUPERVISOR, at=self._clock.wall())
        return self._with_lines(exited, worker, describe_exit(status))

    def _with_lines(self, cause: Cause, worker: str, evidence: str) -> Cause:
        lines = self._launcher.last_lines(worker)
        return msgspec.structs.replace(cause, evidence=f"{evidence}\n{lines}".rstrip())

    def _level_of_end(self, worker: str, status: int | None) -> int:
        known = self._fleet.workers.get(worker)
        if known is None or known.phase is Phase.DRAINING:
            return logging.INFO
        return logging.WARNING if status == 0 else logging.ERROR

    def _stamped(self, cause: Cause) -> Cause:
        return msgspec.structs.replace(cause, at=self._clock.wall())

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()

    # -- telling -------------------------------------------------------------------------------------------------------

    def status(self) -> list[WorkerStatus]:
        """All workers, in order of name, with what their processes use now."""
        return [self._status_of(worker) for _, worker in sorted(self._fleet.workers.items())]

    def _status_of(self, worker: Worker) -> WorkerStatus:
        process = self._processes.get(worker.name)
        memory, cpu = _usage(process.pid) if process is not None else (0, 0.0)
        now, wall = self._clock.now(), self._clock.wall()
        backing_off = worker.phase is Phase.BACKING_OFF
        return WorkerStatus(
            name=worker.name,
            pid=process.pid if process is not None else 0,
            state=worker.phase.value,
            services=tuple(service for service, count in worker.services.items() if count),
            release=worker.release,
            restarts=worker.restarts,
            started=wall - (now - worker.started),
            memory_bytes=memory,
            cpu_seconds=cpu,
            retry_at=wall + (worker.retry_at - now) if backing_off else 0.0,
            cause=worker.cause,
        )


def _usage(pid: int) -> tuple[int, float]:
    import psutil  # type: ignore[import-untyped]

    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return process.memory_info().rss, times.user + times.system
    return 0, 0.0
