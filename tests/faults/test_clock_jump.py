"""Clocks that are set, and machines that sleep: nobody is lost over it, and no time that was asked for changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeport.model import Cause, State
from homeport.registry.api import OutsideInstance
from homeport.registry.server import DeclaredService
from homeport.testing.clock import FakeClock
from tests.registry.harbour import harbour, settled, watch

YEAR = 365 * 86_400.0
ASKED = Cause(what="ejected", actor="test")
LEGACY = OutsideInstance(id="legacy-1", service="legacy", endpoints=("http://127.0.0.1:9000",), ttl=30.0)

a_set_clock = pytest.mark.parametrize("by", [YEAR, -YEAR], ids=["forward", "back"])


def set_by(clock: FakeClock, seconds: float) -> None:
    clock.set_wall(clock.wall() + seconds)


@a_set_clock
async def test_a_clock_that_is_set_loses_nobody_and_the_story_keeps_its_order(by: float, tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await port.registry.put_instance(LEGACY)
        reader = watch(port.registry, "a", "legacy")
        await reader.news()
        set_by(port.clock, by)
        for _ in range(5):
            await port.live(5, worker)
            await port.registry.beat_instance("legacy-1")
        assert [one.state for one in await port.registry.instances()] == [State.READY, State.READY]
        assert await reader.news() == []
        await worker.report("a", State.UNHEALTHY, "after the jump")
        entries = (await port.registry.why("a")).entries
        assert [entry.revision for entry in entries] == sorted(entry.revision for entry in entries)
        assert entries[-1].cause.what == "after the jump"


@a_set_clock
async def test_an_ejection_lasts_as_long_as_was_asked(by: float, tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await port.registry.eject("a@a-1", 10, ASKED)
        set_by(port.clock, by)
        await port.live(9, worker)
        assert await port.state("a@a-1") is State.UNHEALTHY
        await port.live(2, worker)
        assert await port.state("a@a-1") is State.READY


@a_set_clock
async def test_a_clock_set_while_the_node_was_away_holds_nobody_out_for_ever(by: float, tmp_path: Path) -> None:
    clock, alive = FakeClock(), set[int]()
    async with harbour(tmp_path, clock, alive) as port:
        await port.registry.put_instance(LEGACY)
        await port.registry.eject("legacy-1", 60, ASKED)
    set_by(clock, by)
    async with harbour(tmp_path, clock, alive) as port:
        for _ in range(4):
            await port.registry.beat_instance("legacy-1")
            await port.live(20)
        assert await port.state("legacy-1") is State.READY


async def test_a_machine_that_slept_for_a_night_wakes_with_all_its_services(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        port.registry.declare([DeclaredService(name="a")])
        worker = await port.worker("a-1", "a")
        await port.registry.put_instance(LEGACY)
        port.clock.jump(8 * 3600)
        set_by(port.clock, 8 * 3600)
        await settled()
        assert await port.state("a@a-1") is State.READY
        assert await port.state("legacy-1") is State.READY
        await port.live(2, worker)
        await port.registry.beat_instance("legacy-1")
        await port.live(10, worker)
        assert {one.id for one in await port.registry.instances()} == {"a@a-1", "legacy-1"}
        assert (await port.registry.why("a")).summary == "a is active: 1 of 1 ready"
