"""What calls inside one process are said to take: few of them are timed, and those stand for all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from homeport import service
from homeport.rpc import local
from tests.rpc.conftest import world

TOOK = {"now": 0.0}


@service
class Kitchen:
    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def cook(self, seconds: float) -> None:
        TOOK["now"] += seconds

    async def wait(self) -> None:
        await self.gate.wait()


@pytest.fixture(autouse=True)
def hand_set_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    TOOK["now"] = 0.0
    monkeypatch.setattr(local, "perf_counter", lambda: TOOK["now"])


async def test_a_slow_first_call_counts_once(tmp_path: Path) -> None:
    async with world("local", tmp_path, Kitchen) as here:
        cook = here.get(Kitchen).cook
        await cook(5.0)
        assert here.hosted("kitchen").seconds() == pytest.approx(5.0)
        for _ in range(7):
            await cook(0.25)
        assert here.hosted("kitchen").seconds() == pytest.approx(6.75)


async def test_later_calls_stand_for_those_around_them(tmp_path: Path) -> None:
    async with world("local", tmp_path, Kitchen) as here:
        cook = here.get(Kitchen).cook
        for number in range(1, 200):
            await cook(1.0)
            assert here.hosted("kitchen").seconds() == pytest.approx(number, abs=4)


async def test_calls_that_start_together_are_timed_as_often_as_others(tmp_path: Path) -> None:
    async with world("local", tmp_path, Kitchen) as here:
        kitchen, gate = here.get(Kitchen), here.hosted("kitchen").target.gate
        for _ in range(12):
            gate.set()
            await kitchen.wait()
        before = here.hosted("kitchen").seconds()
        gate.clear()
        waiting = [asyncio.ensure_future(kitchen.wait()) for _ in range(80)]
        await asyncio.sleep(0)
        TOOK["now"] += 1.0
        gate.set()
        await asyncio.gather(*waiting)
        assert here.hosted("kitchen").seconds() - before == pytest.approx(80, abs=8)
