"""Stuck workers are made to say where, then replaced, and the cause says what showed it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from homeport.health.replacing import replace_stuck
from homeport.health.stuck import StuckLimits
from homeport.model import Cause
from homeport.registry.api import Heartbeat
from tests.registry.harbour import Harbour, harbour


class Workers:
    """A supervisor that replaces at once."""

    def __init__(self, clock_of: Harbour, *names: str) -> None:
        self._clock = clock_of.clock
        self.names, self.done = set(names), list[tuple[float, str, str]]()
        self.causes: list[Cause] = []

    def running(self) -> set[str]:
        return set(self.names)

    def dump(self, worker: str) -> None:
        self.done.append((self._clock.now(), "dump", worker))

    def replace(self, worker: str, cause: Cause) -> None:
        self.done.append((self._clock.now(), "replace", worker))
        self.causes.append(cause)


@asynccontextmanager
async def supervised(port: Harbour, *names: str) -> AsyncIterator[Workers]:
    workers = Workers(port, *names)
    task = asyncio.create_task(replace_stuck(port.registry, workers, port.clock, StuckLimits()))
    try:
        yield workers
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_worker_that_is_silent_though_its_process_runs_is_replaced_after_thirty_seconds(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.worker("a-1", "a")
        begun = port.clock.now()
        async with supervised(port, "a-1") as workers:
            await port.live(32)
            assert workers.done == []
            await port.live(4)
            assert [(what, worker) for _, what, worker in workers.done] == [("dump", "a-1"), ("replace", "a-1")]
            assert 33 <= workers.done[0][0] - begun <= 34
            (cause,) = workers.causes
            assert cause.what == "stuck"
            assert cause.evidence.startswith("lease expired after 3.0 s of silence from worker a-1 (pid ")
            assert cause.evidence.endswith("; for 31.0 s")


async def test_a_worker_whose_loop_is_blocked_for_ever_is_replaced_though_it_still_beats(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        async with supervised(port, "a-1") as workers:
            for second in range(34):
                beat = Heartbeat(session=worker.session, stalled=1.0 + second, blocked_in="A.run (a.py:3)")
                await port.registry.heartbeat(beat)
                await port.clock.advance(1.0)
            assert [(what, name) for _, what, name in workers.done] == [("dump", "a-1"), ("replace", "a-1")]
            assert "event loop blocked for 3" in workers.causes[0].evidence
            assert "in A.run (a.py:3); for 31" in workers.causes[0].evidence


async def test_a_worker_that_comes_to_again_is_left_alone(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        async with supervised(port, "a-1") as workers:
            await port.live(20)
            assert port.registry.ailing().keys() == {"a-1"}
            await worker.open()
            assert port.registry.ailing() == {}
            await port.live(40, worker)
            assert workers.done == []


async def test_a_worker_that_has_ended_is_forgotten(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.worker("a-1", "a")
        async with supervised(port, "a-1") as workers:
            await port.live(20)
            workers.names.clear()
            await port.registry.worker_gone("a-1", Cause(what="process exited", actor="test"))
            await port.live(40)
            assert workers.done == []
