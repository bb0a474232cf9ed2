from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from homeport.errors import NotSent
from homeport.http.directory import Directory
from homeport.http.health import readiness_problems
from homeport.http.standing import Orphaned
from homeport.model import Completeness
from tests.http.contracts import PAYMENTS
from tests.http.fakes import World, instance

GONE = NotSent("the node process does not answer")


@asynccontextmanager
async def kept(world: World) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(world.standing.keep())
    await world.clock.advance(0)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_opens_a_session_of_kind_front_and_beats_every_third_of_the_lease() -> None:
    world = World()
    async with kept(world):
        await world.clock.advance(3.0)
    [session] = world.registry.sessions
    assert (session.kind, session.ttl) == ("front", 3.0)
    assert world.registry.beats == 3


async def test_a_session_that_the_registry_forgot_is_opened_again_under_the_same_id() -> None:
    world = World()
    async with kept(world):
        world.registry.forgotten = True
        await world.clock.advance(1.5)
    first, second = world.registry.sessions
    assert first.session == second.session


async def test_the_directory_follows_the_registry() -> None:
    world = World()
    async with kept(world):
        world.registry.add(instance("payments-1", "payments"), PAYMENTS)
        await world.clock.advance(0)
        assert world.directory.contract("payments") == PAYMENTS
        world.registry.remove("payments-1")
        await world.clock.advance(0)
        assert world.directory.instances() == []
        assert world.directory.contract("payments") == PAYMENTS


async def test_a_node_that_comes_back_in_time_is_joined_again() -> None:
    world = World()
    async with kept(world) as task:
        world.registry.fail(GONE)
        await world.clock.advance(20.0)
        assert not world.standing.reachable
        assert not world.directory.following
        world.registry.add(instance("cart-1", "cart"))
        world.registry.fail(None)
        await world.clock.advance(2.0)
        assert world.standing.reachable
        assert world.directory.instance("cart-1") is not None
        assert not task.done()


async def test_without_a_node_for_too_long_it_ends() -> None:
    world = World()
    async with kept(world) as task:
        world.registry.fail(GONE)
        await world.clock.advance(29.0)
        assert not task.done()
        await world.clock.advance(4.0)
        assert isinstance(task.exception(), Orphaned)
        with pytest.raises(Orphaned, match=r"no node process for \d+ s: the node process does not answer"):
            task.result()


async def test_a_process_that_was_stopped_for_a_minute_is_no_orphan() -> None:
    world = World()
    async with kept(world) as task:
        world.clock.jump(60.0)
        await world.clock.advance(2.0)
        assert not task.done()
        assert world.standing.reachable


async def test_it_gives_its_session_back() -> None:
    world = World()
    async with kept(world):
        pass
    await world.standing.close("stopped")
    assert world.registry.sessions == []


async def test_giving_back_does_not_mind_an_absent_node() -> None:
    world = World()
    async with kept(world):
        pass
    world.registry.down = GONE
    await world.standing.close("stopped")


async def test_ready_means_reachable_and_complete() -> None:
    world = World()
    answer = await world.ask("GET", "/readyz")
    assert answer.status == 503
    assert answer.json["problems"][0].startswith("the registry has not answered for")
    async with kept(world):
        answer = await world.ask("GET", "/readyz")
        assert (answer.status, answer.json["ready"]) == (200, True)
        world.registry.completeness = Completeness.SUSPECT
        world.registry.add(instance("cart-1", "cart"))
        await world.clock.advance(0)
        answer = await world.ask("GET", "/readyz")
        assert (answer.status, answer.json["problems"]) == (
            503,
            ["too many instances vanished at once; the registry is making sure"],
        )


async def test_a_watch_that_broke_off_is_told_from_one_that_has_not_begun() -> None:
    world = World()
    world.serve(PAYMENTS)
    async with kept(world):
        assert readiness_problems(Directory(), True, 0.0, False)[0] == "the watch of the registry has not begun"
        world.directory.following = False
        (problem,) = readiness_problems(world.directory, True, 0.0, False)
        assert problem == "the watch of the registry is broken off and being taken up again"


async def test_a_front_that_stops_is_not_ready() -> None:
    world = World()
    async with kept(world):
        world.front.drain()
        answer = await world.ask("GET", "/readyz")
        assert (answer.status, answer.json["problems"]) == (503, ["the front is stopping"])
    assert (await world.ask("GET", "/healthz")).status == 200
