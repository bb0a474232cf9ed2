"""The health monitor as the settings want it, beside the registry of this node."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from homeport.clock import Clock
from homeport.config import HealthConfig
from homeport.health.allowed import Allowed
from homeport.health.damping import DampingLimits
from homeport.health.monitor import HealthMonitor
from homeport.health.probes import Probes
from homeport.registry.server import Registry


def damping(config: HealthConfig) -> DampingLimits | None:
    if not (config.damping and config.damping_half_life and config.damping_longest):
        return None
    return DampingLimits(half_life=config.damping_half_life, longest=config.damping_longest)


@asynccontextmanager
async def monitored(registry: Registry, config: HealthConfig, clock: Clock) -> AsyncIterator[None]:
    """Carry out the checks of all instances for as long as the block runs."""
    async with (
        Probes.open(Allowed(config.allow), config.commands) as probes,
        HealthMonitor.running(registry, probes, clock, random.Random()),
    ):
        yield
