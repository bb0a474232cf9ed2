"""An instance whose session was lost with a damaged journal belongs to nobody's lease, and must not stay for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeport.model import State
from homeport.registry.store.port import Delete, session_key
from homeport.testing.clock import FakeClock
from tests.registry.harbour import Harbour, Worker, harbour


async def leave_an_orphan(folder: Path, clock: FakeClock, alive: set[int]) -> str:
    """A registry that has lost the session of the one instance it knows; the session's id."""
    async with harbour(folder, clock, alive) as port:
        worker = await port.worker("a-1", "a")
        await port.registry._ledger.tell(deletes=[Delete(session_key(worker.session))])
        return worker.session


@pytest.mark.parametrize("lives", [False, True])
async def test_it_goes_with_a_cause_when_its_worker_does_not_come_back(tmp_path: Path, lives: bool) -> None:
    clock, alive = FakeClock(), set[int]()
    await leave_an_orphan(tmp_path, clock, alive)
    if not lives:
        alive.clear()
    async with harbour(tmp_path, clock, alive) as port:
        await port.live(20)
        if lives:
            assert await port.state("a@a-1") is State.UNHEALTHY  # its process runs: never gone by silence alone
            alive.clear()
            await port.live(2)
        assert await port.registry.instances() == []
        story = await port.registry.why("a")
        assert story.entries[-1].cause.what == "process exited"


async def test_its_worker_takes_it_up_again(tmp_path: Path) -> None:
    clock, alive = FakeClock(), set[int]()
    session = await leave_an_orphan(tmp_path, clock, alive)
    async with harbour(tmp_path, clock, alive) as port:
        worker = back(port, session, alive)
        assert await worker.open()
        await worker.register("a", resumed={"a": State.READY})
        await port.live(20, worker)
        assert await port.state("a@a-1") is State.READY


def back(port: Harbour, session: str, alive: set[int]) -> Worker:
    worker = Worker(port, "a-1", next(iter(alive)))
    worker.session = session
    return worker
