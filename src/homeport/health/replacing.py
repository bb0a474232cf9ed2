"""Has workers replaced that are alive and do not work."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Protocol

from homeport.clock import Clock
from homeport.health.stuck import DumpStack, Replace, StuckJudge, StuckLimits
from homeport.model import Cause

log = logging.getLogger("homeport.health")

STUCK, ACTOR = "stuck", "health monitor"


class Registry(Protocol):
    """Who knows which workers do not work."""

    def ailing(self) -> Mapping[str, str]:
        """Workers whose process runs and whose loop does not, and what shows it."""


class Supervisor(Protocol):
    """Who can do something about it."""

    def running(self) -> Collection[str]:
        """The workers that have a process."""

    def dump(self, worker: str) -> None:
        """Have it write where it is stuck, into its log."""

    def replace(self, worker: str, cause: Cause) -> None:
        """Kill it, and start another in its place."""


async def replace_stuck(registry: Registry, supervisor: Supervisor, clock: Clock, limits: StuckLimits) -> None:
    """Look after stuck workers until cancelled."""
    judge = StuckJudge(clock.now(), limits)
    known: set[str] = set()
    while True:
        await clock.sleep(limits.period)
        now, running, ailing = clock.now(), set(supervisor.running()), registry.ailing()
        for worker in known - running:
            judge.gone(worker)
        for worker in running:
            judge.runs(worker)
            if worker in ailing:
                judge.ailing(worker, ailing[worker], now)
            else:
                judge.well(worker)
        known = running
        for effect in judge.tick(now):
            match effect:
                case DumpStack(worker=worker):
                    log.warning("worker.stuck", extra={"worker": worker, "evidence": ailing.get(worker, "")})
                    supervisor.dump(worker)
                case Replace(worker=worker, evidence=evidence):
                    cause = Cause(what=STUCK, actor=ACTOR, evidence=evidence, at=clock.wall())
                    supervisor.replace(worker, cause)
