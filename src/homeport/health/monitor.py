"""Runs the active checks of all instances that declare some, and tells the registry what they change."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Protocol

from homeport.clock import Clock
from homeport.errors import Unavailable
from homeport.health.checks import (
    TTL,
    ActiveCheck,
    BecameHealthy,
    BecameUnhealthy,
    Deregister,
    Effect,
    Failed,
    Passed,
    Result,
    RunCheck,
    check_key,
)
from homeport.health.targets import Target, TtlTarget, target_of
from homeport.model import Cause, Change, Check, Instance, State

log = logging.getLogger("homeport.health")

ACTOR = "health monitor"
FIRST_WITHIN = 1.0  # seconds after its registration in which an instance is looked at
LATE = 0.25  # seconds beyond its timeout: our own loop was held up, and a failure says nothing
MOST_SKIPS = 3  # in a row; then it counts all the same
PROBE_TIMEOUT = 1.0
CROWD, SHARE = 5, 0.5  # more than this share of at least so many failing together is doubted


class Looker(Protocol):
    """Looks at one target, once."""

    async def look(self, target: Target, timeout: float) -> Result: ...


class Registry(Protocol):
    """What the monitor needs of the registry, in whose event loop it runs."""

    async def instances(self, service: str = "") -> list[Instance]: ...

    def on_change(self, callback: Callable[[Change], None]) -> None: ...

    def on_beat(self, callback: Callable[[str], None]) -> None:
        """Call with the id of every outside instance that says it is alive."""

    def on_suspicion(self, callback: Callable[[Instance], None]) -> None:
        """Call for every instance of which the registry wants to know whether it lives."""

    async def probed(self, instance: str, alive: bool | None, evidence: str) -> None:
        """The answer to a suspicion; ``None``: it could not be found out."""

    async def check_failed(self, instance: str, check: str, cause: Cause) -> None: ...
    async def check_passed(self, instance: str, check: str, cause: Cause) -> None: ...

    async def expel(self, instance: str, cause: Cause) -> None:
        """Remove an outside instance."""


class _Watched:
    """One check of one instance, and the task that carries it out."""

    def __init__(self, instance: str, check: Check, target: Target, state: ActiveCheck, now: float) -> None:
        self.instance, self.check, self.target, self.state = instance, check, target, state
        self.key = check_key(check)
        self.heard = now  # of ttl: when the program last said that it is alive
        self.skips = 0
        self.task: asyncio.Task[None] | None = None


class HealthMonitor:
    """A task per check; at most ``at_once`` looks at a time.

    A failure that came late because this process was held up is thrown away. When most of what is checked fails, the
    fault is more likely on this side: nothing is removed for it until it has had the same time once more.
    """

    def __init__(
        self,
        registry: Registry,
        looker: Looker,
        clock: Clock,
        rng: random.Random,
        tasks: asyncio.TaskGroup,
        at_once: int = 64,
    ) -> None:
        self._registry, self._looker, self._clock, self._rng, self._tasks = registry, looker, clock, rng, tasks
        self._watched: dict[str, dict[str, _Watched]] = {}
        self._declared: dict[str, tuple[tuple[Check, ...], tuple[str, ...]]] = {}
        self._free = asyncio.Semaphore(at_once)
        self._probing: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._ended = False

    @classmethod
    @asynccontextmanager
    async def running(
        cls, registry: Registry, looker: Looker, clock: Clock, rng: random.Random
    ) -> AsyncIterator[HealthMonitor]:
        """Checks run for as long as the block does."""
        failure: Exception | None = None
        async with asyncio.TaskGroup() as tasks:
            monitor = cls(registry, looker, clock, rng, tasks)
            registry.on_change(monitor._changed)
            registry.on_beat(monitor._beat)
            registry.on_suspicion(monitor._suspected)
            for instance in await registry.instances():
                monitor._follow(instance, restored=True)
            try:
                yield monitor
            except Exception as error:  # the caller's own, raised again as it is and not in a group
                failure = error
            finally:
                monitor._end()
        if failure is not None:
            raise failure

    def _end(self) -> None:
        self._ended = True
        for task in self._running:
            task.cancel()

    # -- who is watched ------------------------------------------------------------------------------------------------

    def _changed(self, change: Change) -> None:
        if self._ended:
            return
        if change.instance is None:
            self._forget(change.instance_id)
        else:
            self._follow(change.instance)

    def _follow(self, instance: Instance, restored: bool = False) -> None:
        """Carry out what the instance declares now; a check that is declared as before goes on."""
        declared = instance.checks, instance.endpoints
        known_as = self._declared.get(instance.id)
        if known_as == declared or (known_as is None and not instance.checks):
            return
        self._declared[instance.id] = declared
        before = self._watched.pop(instance.id, {})
        after: dict[str, _Watched] = {}
        for check in instance.checks:
            try:
                target = target_of(check, instance.endpoints)
            except ValueError as error:  # a declaration of another version; the registry refuses them now
                log.warning("check.unreadable", extra={"instance": instance.id, "error": str(error)})
                continue
            known = before.get(check_key(check))
            if known is None or known.target != target:
                known = self._begin(instance, check, target, restored)
            after[known.key] = known
        if after:
            self._watched[instance.id] = after
        else:
            del self._declared[instance.id]
        kept = list(after.values())
        for watched in before.values():
            if watched not in kept and watched.task is not None:
                watched.task.cancel()

    def _begin(self, instance: Instance, check: Check, target: Target, restored: bool) -> _Watched:
        now = self._clock.now()
        if check.kind == TTL:  # to register is to be heard
            healthy: bool | None = not (instance.outside and instance.state is State.UNHEALTHY)
            first = now + check.interval
        else:
            # A worker vouches for what it hosts; an outside program is believed once its checks have passed.
            healthy = True if not instance.outside or instance.state is State.READY else None
            spread = check.interval if restored and healthy else min(FIRST_WITHIN, check.interval)
            first = now + self._rng.random() * spread
        watched = _Watched(instance.id, check, target, ActiveCheck(check, now, first=first, healthy=healthy), now)
        watched.task = self._spawn(self._carry_on(watched), f"health.check {instance.id}")
        return watched

    def _forget(self, instance: str) -> None:
        self._declared.pop(instance, None)
        for watched in self._watched.pop(instance, {}).values():
            if watched.task is not None:
                watched.task.cancel()

    # -- checking ------------------------------------------------------------------------------------------------------

    async def _carry_on(self, watched: _Watched) -> None:
        while True:
            await self._clock.sleep(max(0.0, watched.state.due - self._clock.now()))
            for effect in watched.state.tick(self._clock.now()):
                if isinstance(effect, RunCheck):
                    await self._tell(watched, await self._look(watched))
                else:
                    await self._tell(watched, [effect])

    async def _look(self, watched: _Watched) -> list[Effect]:
        check, state = watched.check, watched.state
        if isinstance(watched.target, TtlTarget):
            now = self._clock.now()
            reason = f"not heard for {now - watched.heard:.1f} s, {check.interval:g} s are allowed"
            return state.failed(reason, now, 0.5)
        async with self._free:
            began = self._clock.now()
            result = await self._safely(watched.target, check.timeout)
            now = self._clock.now()
        if isinstance(result, Passed):
            watched.skips = 0
            return state.passed(now, self._rng.random(), result.evidence)
        if now - began > check.timeout + LATE and watched.skips < MOST_SKIPS:
            watched.skips += 1
            log.info("check.skipped", extra={"instance": watched.instance, "held_up": round(now - began, 3)})
            state.skipped(now)
            return []
        watched.skips = 0
        return state.failed(result.reason, now, self._rng.random())

    async def _safely(self, target: Target, timeout: float) -> Result:
        try:
            return await self._looker.look(target, timeout)
        except Exception as error:
            log.exception("check.broke", extra={"target": repr(target)[:200]})
            return Failed(f"the check itself broke: {type(error).__name__}: {error}"[:300])

    def _beat(self, instance: str) -> None:
        """The program says that it is alive, which is all that its ttl checks ask for."""
        now = self._clock.now()
        for watched in self._watched.get(instance, {}).values():
            if isinstance(watched.target, TtlTarget) and not self._ended:
                watched.heard = now
                effects = watched.state.passed(now, 0.5, "heard again")
                if effects:
                    self._spawn(self._tell(watched, effects), f"health.heard {instance}")

    # -- telling -------------------------------------------------------------------------------------------------------

    async def _tell(self, watched: _Watched, effects: list[Effect]) -> None:
        for effect in effects:
            try:
                await self._tell_one(watched, effect)
            except Unavailable as error:  # the registry keeps what it was told, and writes it when it can
                log.warning("check.not_told", extra={"instance": watched.instance, "error": str(error)})

    async def _tell_one(self, watched: _Watched, effect: Effect) -> None:
        kind, instance = watched.check.kind, watched.instance
        match effect:
            case BecameHealthy(evidence=evidence):
                cause = self._cause(f"{kind} check passed", evidence)
                await self._registry.check_passed(instance, watched.key, cause)
            case BecameUnhealthy(reason=reason, evidence=evidence):
                cause = self._cause(f"{kind} check failed", f"{reason}; {evidence}" if evidence else reason)
                log.warning("check.failed", extra={"instance": instance, "evidence": cause.evidence})
                await self._registry.check_failed(instance, watched.key, cause)
            case Deregister(reason=reason, evidence=evidence, times=times):
                if times == 1 and self._in_doubt():
                    log.warning("check.doubted", extra={"instance": instance, "reason": reason})
                    return
                allowed = watched.check.deregister_after or 0.0
                cause = self._cause("deregistered", f"{reason}, {allowed:g} s are allowed; {evidence}")
                await self._registry.expel(instance, cause)
            case RunCheck():
                raise AssertionError("a check is run, not told")

    def _cause(self, what: str, evidence: str) -> Cause:
        return Cause(what=what, actor=ACTOR, evidence=evidence, at=self._clock.wall())

    def _in_doubt(self) -> bool:
        """Whether so many fail together that it is more likely the one who looks."""
        failing = sum(any(one.state.failing for one in checks.values()) for checks in self._watched.values())
        return len(self._watched) >= CROWD and failing > SHARE * len(self._watched)

    # -- suspicions ----------------------------------------------------------------------------------------------------

    def _suspected(self, instance: Instance) -> None:
        if self._ended or instance.id in self._probing:
            return
        target = _vital(instance)
        if target is not None:
            self._probing.add(instance.id)
            self._spawn(self._probe(instance.id, target), f"health.probe {instance.id}")

    async def _probe(self, instance: str, target: Target) -> None:
        try:
            async with self._free:
                result = await self._safely(target, PROBE_TIMEOUT)
        finally:
            self._probing.discard(instance)
        if isinstance(result, Passed):
            await self._registry.probed(instance, True, result.evidence)
        else:
            await self._registry.probed(instance, False if result.refused else None, result.reason)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = self._tasks.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


def _vital(instance: Instance) -> Target | None:
    """What to look at to know whether an instance lives: what it declares itself, else its first endpoint."""
    declared = [check for check in instance.checks if check.kind in ("http", "tcp", "grpc")]
    for check in [*declared[:1], Check(kind="tcp")]:
        try:
            return target_of(check, instance.endpoints)
        except ValueError:
            continue
    return None
