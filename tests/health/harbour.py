"""A real registry with its health monitor, on a fake clock, looking at places that tests set."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from homeport.health.checks import Failed, Passed, Result
from homeport.health.monitor import HealthMonitor
from homeport.health.targets import Target, shown
from homeport.testing.clock import FakeClock
from tests.registry.harbour import Harbour, harbour


class Places:
    """What is seen where: everything passes until it is said to fail, or to hang."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.answers: dict[str, Result | Exception] = {}
        self.slow: dict[str, float] = {}
        self.looks: list[tuple[float, str]] = []

    async def look(self, target: Target, timeout: float) -> Result:
        place = shown(target)
        self.looks.append((self._clock.now(), place))
        answer = self.answers.get(place, Passed(f"{place} is well"))
        if place in self.slow:
            await self._clock.sleep(self.slow[place])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def fail(self, place: str, reason: str = "answered 503", refused: bool = False) -> None:
        self.answers[place] = Failed(reason, refused)

    def mend(self, place: str) -> None:
        self.answers.pop(place, None)


@asynccontextmanager
async def watched_harbour(
    folder: Path, clock: FakeClock | None = None, **options: object
) -> AsyncIterator[tuple[Harbour, Places]]:
    clock = clock or FakeClock()
    places = Places(clock)
    async with harbour(folder, clock, **options) as port:  # type: ignore[arg-type]
        async with HealthMonitor.running(port.registry, places, clock, random.Random(7)):
            yield port, places
