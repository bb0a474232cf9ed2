"""A service whose copies do as they are told: slow in one of them, or failing for a share of the calls."""

from __future__ import annotations

import asyncio
import os
import random

import homeport
from homeport import method, service

SLOW = 2.0  # seconds


@service
class Depot:
    @method(idempotent=True)
    async def look(self, seconds: float, slow: int = 0) -> int:
        """Answer with this process's id after ``seconds``; after ``SLOW`` if it is the process ``slow``."""
        await asyncio.sleep(SLOW if os.getpid() == slow else seconds)
        return os.getpid()

    async def book(self, seconds: float) -> int:
        """The same as a method that must not run twice."""
        await asyncio.sleep(seconds)
        return os.getpid()

    @method(idempotent=True)
    async def toss(self, failing: float) -> int:
        """Fail for this share of the calls."""
        if random.random() < failing:
            raise RuntimeError("the benchmark wants it so")
        return os.getpid()


@service
class Errands:
    """A caller in a worker of its own."""

    async def visit(self, service: str) -> None:
        """Call a service's ``arrive()``, which none of its instances may be there for yet."""
        async with homeport.connect() as hp:
            await hp.service(service).arrive()
