from __future__ import annotations

import asyncio

import pytest

from homeport.testing import FakeClock


async def test_a_sleeper_wakes_at_its_own_moment_and_not_before() -> None:
    clock = FakeClock(start=0.0)
    woke: list[tuple[str, float]] = []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            woke.append((name, clock.now()))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sleeper("a", 2, 2))
        tasks.create_task(sleeper("b", 3))
        await clock.advance(1.9)
        assert woke == []
        await clock.advance(10)
    assert woke == [("a", 2), ("b", 3), ("a", 4)]
    assert clock.now() == pytest.approx(11.9)


async def test_sleeping_for_no_time_lets_others_run_and_costs_none() -> None:
    clock = FakeClock()
    before = clock.now()
    await clock.sleep(0)
    assert clock.now() == before


async def test_a_jump_wakes_sleepers_late() -> None:
    clock = FakeClock(start=0.0)
    task = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    clock.jump(100)
    await task
    assert clock.now() == 100


async def test_a_sleeper_that_was_cancelled_is_forgotten() -> None:
    clock = FakeClock(start=0.0)
    task = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    task.cancel()
    await clock.advance(2)
    assert task.cancelled()


async def test_wall_and_monotonic_time_move_together_unless_the_wall_clock_is_set() -> None:
    clock = FakeClock(start=5.0, wall=1_000.0)
    await clock.advance(10)
    assert (clock.now(), clock.wall()) == (15.0, 1_010.0)
    clock.set_wall(0.0)
    assert (clock.now(), clock.wall()) == (15.0, 0.0)


async def test_time_does_not_go_back() -> None:
    clock = FakeClock()
    with pytest.raises(ValueError, match="-1"):
        await clock.advance(-1)
    with pytest.raises(ValueError, match="-1"):
        clock.jump(-1)
