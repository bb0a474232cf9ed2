"""Decides which workers run: compares what is wanted of each service with the workers there are."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from homeport.model import Cause
from homeport.node.backoff import Backoff, BackoffLimits

SUPERVISOR = "supervisor"
GROUP = "app"  # the worker that hosts everything in the single layout
_LONGEST_BASE = 36  # characters of a service's name in a worker's: the name of its socket must stay short


class Phase(StrEnum):
    STARTING = "starting"
    RUNNING = "running"  # every instance has been ready
    DRAINING = "draining"
    BACKING_OFF = "backing-off"  # has no process; will have one at retry_at


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of one service.

    Without ``fresh`` and ``keep`` a new version is started at once, and the old retires as the new becomes ready.
    """

    replicas: int
    release: str  # the one in which its code last changed
    round: int = 0  # rises with every restart of the same release
    fresh: int | None = None  # instances of this version that may run by now; None: all
    keep: int | None = None  # instances of other versions that stay; None: those that are still needed
    replaced: Cause | None = None  # told to instances of other versions
    isolated: bool = False
    singleton: bool = False  # the old one ends before the new one may do anything
    cause: Cause = Cause(what="started", actor=SUPERVISOR)


@dataclass(slots=True)
class Worker:
    """One worker, as far as the decisions need it. Times are monotonic seconds."""

    name: str
    services: dict[str, int]  # instances of each
    release: str
    started: float
    backoff: Backoff
    phase: Phase = Phase.STARTING
    restarts: int = 0
    retry_at: float = 0.0
    kill_at: float = 0.0
    cause: Cause | None = None  # of its last end, or of its drain
    round: int = field(default=0, kw_only=True)
    retiring: Cause | None = field(default=None, kw_only=True)  # why it is to leave once it can be spared
    adopted: bool = field(default=False, kw_only=True)


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Start a process for this worker."""

    worker: str
    services: tuple[tuple[str, int], ...]
    release: str
    round: int = 0


class Drain(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the worker to finish and end."""

    worker: str
    cause: Cause


class DrainInstances(msgspec.Struct, frozen=True, kw_only=True):
    """Ask a worker that hosts more to drain ``count`` instances of one service, those named first."""

    worker: str
    service: str
    count: int
    cause: Cause
    named: tuple[str, ...] = ()


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """End the worker at once: it did not drain in time."""

    worker: str
    cause: Cause


Effect = Start | Drain | DrainInstances | Kill


class Fleet:
    """The workers of one node, and what ought to become of them.

    Every method that may change what should run returns the effects to carry out, in order. A worker is *current* when
    it runs the wanted version (release and round) of all it hosts. A worker that crashes is started again in its own
    version as long as it is to stay. Replacement is start-first: unless the wish says how many others stay, they are
    drained only as current ones become ready, save those of singletons.
    """

    def __init__(self, layout: str, limits: BackoffLimits, drain_within: float) -> None:
        self._single = layout == "single"
        self._limits, self._drain_within = limits, drain_within
        self.wishes: dict[str, Wish] = {}
        self.workers: dict[str, Worker] = {}

    # -- what is wanted ------------------------------------------------------------------------------------------------

    def wish(self, wishes: Mapping[str, Wish], now: float) -> list[Effect]:
        """Replace all wishes; services not among them are no longer wanted."""
        self.wishes = dict(wishes)
        return self._reconcile(now)

    def scale(self, service: str, replicas: int, cause: Cause, now: float) -> list[Effect]:
        """Want another number of instances."""
        self.wishes[service] = msgspec.structs.replace(self.wishes[service], replicas=replicas, cause=cause)
        return self._reconcile(now)

    def idle(self, services: Collection[str], cause: Cause, now: float) -> list[Effect]:
        """Want no instance of these any more."""
        running = [name for name, wish in self.wishes.items() if name in services and wish.replicas]
        for name in running:
            self.wishes[name] = msgspec.structs.replace(self.wishes[name], replicas=0, cause=cause)
        return self._reconcile(now) if running else []

    def retire(self, worker: str, cause: Cause, now: float, *, service: str = "", instance: str = "") -> list[Effect]:
        """Have a worker leave once another can stand in for it, or drain one instance of a worker that hosts more."""
        known = self.workers.get(worker)
        if known is None or known.phase is Phase.DRAINING or known.retiring is not None:
            return []
        if not instance or sum(known.services.values()) <= 1:
            known.retiring = cause
            return self._reconcile(now)
        known.services[service] -= 1
        gone = DrainInstances(worker=worker, service=service, count=1, cause=cause, named=(instance,))
        return [gone, *self._reconcile(now)]

    def abandon(self, cause: Cause, now: float) -> list[Effect]:
        """Want nothing any more."""
        self.wishes = {}
        left = [worker for worker in self.workers.values() if worker.phase is not Phase.DRAINING]
        return [effect for worker in left for effect in self._drain(worker, cause, now)]

    # -- what happens --------------------------------------------------------------------------------------------------

    def adopt(
        self,
        worker: str,
        services: Mapping[str, int],
        release: str,
        started: float,
        *,
        ready: bool,
        round: int = 0,
        leaving: Cause | None = None,
    ) -> None:
        """Take over a running worker; the next ``wish`` decides whether it belongs, or is told again to leave."""
        phase = Phase.RUNNING if ready else Phase.STARTING
        self.workers[worker] = Worker(
            worker,
            dict(services),
            release,
            started,
            Backoff(self._limits),
            phase,
            round=round,
            retiring=leaving,
            adopted=True,
        )

    def ready(self, worker: str, now: float) -> list[Effect]:
        """All instances of the worker are ready."""
        known = self.workers.get(worker)
        if known is None or known.phase is not Phase.STARTING:
            return []
        known.phase = Phase.RUNNING
        return self._reconcile(now)

    def exited(self, worker: str, cause: Cause, now: float, draw: float) -> list[Effect]:
        """The worker's process has ended; ``draw`` is a random number from [0, 1)."""
        known = self.workers.get(worker)
        if known is None:
            return []
        if known.phase is Phase.DRAINING:
            del self.workers[worker]
            return self._reconcile(now)
        known.phase, known.cause, known.adopted = Phase.BACKING_OFF, cause, False
        known.retry_at = now + known.backoff.failed(now - known.started, draw)
        return self._reconcile(now)

    def tick(self, now: float) -> list[Effect]:
        """Start what has waited long enough; kill what has drained too long."""
        effects: list[Effect] = []
        for worker in self.workers.values():
            if worker.phase is Phase.BACKING_OFF and worker.retry_at <= now:
                worker.restarts += 1
                effects.append(self._launch(worker, now))
            elif worker.phase is Phase.DRAINING and worker.kill_at <= now:
                worker.kill_at = now + self._drain_within
                evidence = f"did not end within {self._drain_within:g} s of being drained"
                effects.append(
                    Kill(worker=worker.name, cause=Cause(what="killed", actor=SUPERVISOR, evidence=evidence))
                )
        return effects

    def next_due(self) -> float | None:
        """When ``tick`` has something to do next."""
        times = [worker.retry_at for worker in self.workers.values() if worker.phase is Phase.BACKING_OFF]
        times += [worker.kill_at for worker in self.workers.values() if worker.phase is Phase.DRAINING]
        return min(times, default=None)

    # -- deciding ------------------------------------------------------------------------------------------------------

    def _reconcile(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for service in self.wishes:
            effects += self._shed(service, now)
        effects += self._retire_old(now)
        effects += self._start_group(now)
        for service in self.wishes:
            effects += self._start_missing(service, now)
        return effects

    def _start_group(self, now: float) -> list[Effect]:
        members = {name: _allowed(wish) for name, wish in self._group().items() if _allowed(wish)}
        if not members or any(len(worker.services) > 1 and self._counts(worker) for worker in self.workers.values()):
            return []
        missing = {name: count - self._have(name) for name, count in members.items()}
        wanted = {name: count for name, count in missing.items() if count > 0}
        # A lone member is started below, by its own name.
        return [self._begin(GROUP, wanted, now)] if len(wanted) > 1 else []

    def _start_missing(self, service: str, now: float) -> list[Effect]:
        if self._must_wait(service):
            return []
        missing = _allowed(self.wishes[service]) - self._have(service)
        return [self._begin(service, {service: 1}, now) for _ in range(missing)]

    def _shed(self, service: str, now: float) -> list[Effect]:
        """Drain what is too much of a service, the newest first."""
        wish = self.wishes[service]
        excess = self._have(service) - _allowed(wish)
        effects: list[Effect] = []
        hosts = [worker for worker in self.workers.values() if self._counts(worker) and worker.services.get(service)]
        for worker in sorted(hosts, key=_first_to_go):
            count = min(excess, worker.services[service])
            if count <= 0:
                break
            excess -= count
            if count == sum(worker.services.values()):
                effects += self._drain(worker, wish.cause, now)
            else:
                worker.services[service] -= count
                if worker.phase is not Phase.BACKING_OFF:
                    effects.append(DrainInstances(worker=worker.name, service=service, count=count, cause=wish.cause))
        return effects

    def _retire_old(self, now: float) -> list[Effect]:
        """Drain workers of other versions, as far as the wishes let them go."""
        old = [one for one in self.workers.values() if one.phase is not Phase.DRAINING and not self._current(one)]
        ready = self._count(one for one in self.workers.values() if one.phase is Phase.RUNNING)
        others = self._count(old)
        effects: list[Effect] = []
        for worker in sorted(old, key=_first_to_go):
            serves = worker.phase is Phase.RUNNING
            if all(
                self._may_lose(service, count, others[service], ready.get(service, 0), serves)
                for service, count in worker.services.items()
            ):
                for service, count in worker.services.items():
                    others[service] -= count
                    ready[service] = ready.get(service, 0) - count * serves
                effects += self._drain(worker, self._why_old(worker), now)
        return effects

    def _may_lose(self, service: str, count: int, others: int, ready: int, serves: bool) -> bool:
        """Whether ``count`` instances of another version can go; ``others`` and ``ready`` say how many there are."""
        wish = self.wishes.get(service)
        if wish is None:
            return True
        if wish.keep is not None:
            return others - count >= min(wish.keep, wish.replicas)
        return not serves or wish.singleton or ready - count >= wish.replicas

    @staticmethod
    def _count(workers: Iterable[Worker]) -> dict[str, int]:
        total: dict[str, int] = {}
        for worker in workers:
            for service, count in worker.services.items():
                total[service] = total.get(service, 0) + count
        return total

    def _why_old(self, worker: Worker) -> Cause:
        if worker.retiring is not None:
            return worker.retiring
        wished = [self.wishes[service] for service in worker.services if service in self.wishes]
        if not wished:
            return Cause(what="no longer part of the application", actor=SUPERVISOR)
        told = next((wish.replaced for wish in wished if wish.replaced is not None), None)
        if told is not None:
            return told
        releases = ", ".join(sorted({wish.release for wish in wished}))
        return Cause(what="replaced", actor=SUPERVISOR, evidence=f"release {worker.release} → {releases}")

    def _must_wait(self, service: str) -> bool:
        """Whether a singleton is still running somewhere, in whatever version or state."""
        wish = self.wishes[service]
        return (wish.singleton and wish.keep is None) and any(
            worker.services.get(service) for worker in self.workers.values() if not self._counts(worker)
        )

    def _have(self, service: str) -> int:
        return sum(worker.services.get(service, 0) for worker in self.workers.values() if self._counts(worker))

    def _counts(self, worker: Worker) -> bool:
        return worker.phase is not Phase.DRAINING and self._current(worker)

    def _current(self, worker: Worker) -> bool:
        return worker.retiring is None and all(
            (wish := self.wishes.get(service)) is not None
            and (wish.release, wish.round) == (worker.release, worker.round)
            for service in worker.services
        )

    # -- changing ------------------------------------------------------------------------------------------------------

    def _begin(self, base: str, services: dict[str, int], now: float) -> Effect:
        wish = self.wishes[next(iter(services))]
        name, backoff = _free_name(base, self.workers), Backoff(self._limits)
        worker = Worker(name, services, wish.release, now, backoff, round=wish.round)
        self.workers[worker.name] = worker
        return self._launch(worker, now)

    def _launch(self, worker: Worker, now: float) -> Effect:
        worker.phase, worker.started = Phase.STARTING, now
        hosted = tuple((service, count) for service, count in worker.services.items() if count)
        return Start(worker=worker.name, services=hosted, release=worker.release, round=worker.round)

    def _drain(self, worker: Worker, cause: Cause, now: float) -> list[Effect]:
        if worker.phase is Phase.BACKING_OFF:
            del self.workers[worker.name]
            return []
        worker.phase, worker.cause, worker.kill_at = Phase.DRAINING, cause, now + self._drain_within
        return [Drain(worker=worker.name, cause=cause)]

    def _group(self) -> dict[str, Wish]:
        # A singleton ends before it is replaced, which would take the whole group with it.
        alone = {name for name, wish in self.wishes.items() if wish.isolated or wish.singleton}
        return {name: wish for name, wish in self.wishes.items() if self._single and name not in alone}


def _allowed(wish: Wish) -> int:
    """How many instances of the wished version may run by now."""
    return wish.replicas if wish.fresh is None else min(wish.fresh, wish.replicas)


def _first_to_go(worker: Worker) -> tuple[bool, bool, int, float]:
    """Told to leave; those that host one service; without a process before starting before running; newest first."""
    order = {Phase.BACKING_OFF: 0, Phase.STARTING: 1, Phase.RUNNING: 2, Phase.DRAINING: 3}
    return (worker.retiring is None, len(worker.services) > 1, order[worker.phase], -worker.started)


def _free_name(base: str, taken: Iterable[str]) -> str:
    if len(base) > _LONGEST_BASE:
        base = f"{base[: _LONGEST_BASE - 7]}_{hashlib.blake2b(base.encode(), digest_size=3).hexdigest()}"
    used, number = set(taken), 1
    while f"{base}-{number}" in used:
        number += 1
    return f"{base}-{number}"
