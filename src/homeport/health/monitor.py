"""Runs the active checks of all instances that declare some, and tells the registry what they change."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

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
from homeport.health.lifesign import sign_of_life
from homeport.health.targets import Target, TcpTarget, TtlTarget, shown, target_of
from homeport.model import Cause, Change, Check, Instance, State

log = logging.getLogger("homeport.health")

ACTOR = "health monitor"
FIRST_WITHIN = 1.0  # seconds after its registration in which an instance is looked at
LATE = 0.25  # seconds beyond a check's timeout: our own loop was held up, and the result says nothing
_CROWD, _RETRY = 5, 1.0


class Looker(Protocol):
    """Looks at one target, once."""

    async def look(self, target: Target, timeout: float) -> Result: ...


class Registry(Protocol):
    """What the monitor needs of the registry; everything is in its event loop."""

    async def instances(self, service: str = "") -> list[Instance]: ...

    def on_change(self, callback: Callable[[Change], None]) -> None: ...

    def on_beat(self, callback: Callable[[str], None]) -> None:
        """Call with the id of every outside instance that says it is alive."""

    def on_suspicion(self, callback: Callable[[Instance], None]) -> None:
        """Call for every instance of which the registry wants to know whether it lives."""

    async def check_failed(self, instance: str, check: str, cause: Cause) -> None: ...
    async def check_passed(self, instance: str, check: str, cause: Cause) -> None: ...
    async def seen(self, instance: str, alive: bool | None, evidence: str) -> None: ...

    async def expel(self, instance: str, cause: Cause) -> None:
        """Remove an outside instance."""


class _Watched:
    """One check of one instance, and the task that carries it out."""

    def __init__(self, instance: str, check: Check, target: Target, state: ActiveCheck, now: float) -> None:
        self.instance, self.check, self.target, self.state = instance, check, target, state
        self.key = check_key(check)
        self.heard = now  # of ttl: when the program last said that it is alive
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class HealthMonitor:
    """A task per check; at most ``at_once`` looks at a time.

    A result that came late because this process was held up is thrown away. When most of what is checked fails, the
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
        self._free = asyncio.Semaphore(at_once)
        self._probing: set[str] = set()
        self._background: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def running(
        cls, registry: Registry, looker: Looker, clock: Clock, rng: random.Random
    ) -> AsyncIterator[HealthMonitor]:
        """Checks run for as long as the block does."""
        async with asyncio.TaskGroup() as tasks:
            monitor = cls(registry, looker, clock, rng, tasks)
            registry.on_change(monitor._on_change)
            registry.on_beat(monitor._on_beat)
            registry.on_suspicion(monitor._on_suspicion)
            for instance in await registry.instances():
                monitor._follow(instance, fresh=False)
            try:
                yield monitor
            finally:
                monitor._stop()
