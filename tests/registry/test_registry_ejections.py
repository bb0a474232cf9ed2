"""Ejections: nobody calls the instance for a while, and what it says of itself counts when that is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeport.errors import BadArguments, UnknownService
from homeport.model import Cause, State
from tests.registry.harbour import Harbour, harbour

EJECTED = Cause(what="ejected", actor="homeport eject")
READMITTED = Cause(what="readmitted", actor="homeport readmit")


async def seen(port: Harbour, name: str) -> tuple[State, str]:
    found = await port.instance(name)
    assert found is not None
    assert found.cause is not None
    return found.state, found.cause.what


async def test_an_ejected_instance_is_not_called_until_its_time_is_over(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await port.registry.eject("a@a-1", 10.0, EJECTED)
        assert await seen(port, "a@a-1") == (State.UNHEALTHY, "ejected")
        await port.live(9, worker)
        assert await seen(port, "a@a-1") == (State.UNHEALTHY, "ejected")
        await port.live(2, worker)
        assert await seen(port, "a@a-1") == (State.READY, "ejection over")


async def test_one_that_was_unhealthy_anyhow_keeps_its_own_reason_when_it_is_readmitted(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await worker.report("a", State.UNHEALTHY, "health() says: no disk")
        await port.registry.eject("a@a-1", 10.0, EJECTED)
        assert await seen(port, "a@a-1") == (State.UNHEALTHY, "ejected")
        await port.registry.readmit("a@a-1", READMITTED)
        assert await seen(port, "a@a-1") == (State.UNHEALTHY, "health() says: no disk")


async def test_what_it_says_while_it_is_ejected_counts_when_it_is_readmitted(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await port.registry.eject("a@a-1", 10.0, EJECTED)
        await worker.report("a", State.UNHEALTHY, "health() says: no disk")
        assert await seen(port, "a@a-1") == (State.UNHEALTHY, "ejected")
        await worker.report("a", State.READY)
        assert await seen(port, "a@a-1") == (State.UNHEALTHY, "ejected")
        await port.registry.readmit("a@a-1", READMITTED)
        assert await seen(port, "a@a-1") == (State.READY, "readmitted")


async def test_one_that_has_not_started_is_held_back_only_once_it_has(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a", ready=False)
        await port.registry.eject("a@a-1", 10.0, EJECTED)
        assert await port.state("a@a-1") is State.WAITING
        await worker.report("a", State.STARTING)
        assert await port.state("a@a-1") is State.STARTING
        await worker.report("a", State.READY)
        assert await seen(port, "a@a-1") == (State.UNHEALTHY, "ejected")
        await port.registry.readmit("a@a-1", READMITTED)
        assert await seen(port, "a@a-1") == (State.READY, "readmitted")


async def test_an_ejection_outlasts_the_registry(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.worker("a-1", "a")
        await port.registry.eject("a@a-1", 10.0, EJECTED)
        clock, alive = port.clock, port.alive
    async with harbour(tmp_path, clock, alive) as port:
        assert await seen(port, "a@a-1") == (State.UNHEALTHY, "ejected")
        await port.registry.readmit("a@a-1", READMITTED)
        assert await seen(port, "a@a-1") == (State.READY, "readmitted")


async def test_who_cannot_be_ejected_or_readmitted_is_said_with_its_state(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        with pytest.raises(BadArguments, match="a@a-1 is not ejected; it is ready"):
            await port.registry.readmit("a@a-1", READMITTED)
        with pytest.raises(UnknownService, match="a@a-2"):
            await port.registry.eject("a@a-2", 10.0, EJECTED)
        for seconds in (0.0, -1.0, 1e9):
            with pytest.raises(BadArguments, match="drain what is to stay away"):
                await port.registry.eject("a@a-1", seconds, EJECTED)
        await port.registry.drain(worker.session, "a@a-1", Cause(what="drained", actor="homeport drain"))
        with pytest.raises(BadArguments, match="a@a-1 is draining"):
            await port.registry.eject("a@a-1", 10.0, EJECTED)
