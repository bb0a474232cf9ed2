from __future__ import annotations

import json
from typing import Any

import pytest

from homeport.errors import NotSent
from homeport.http import streams
from homeport.model import Completeness
from tests.http.contracts import PAYMENTS
from tests.http.fakes import Conversation, World, instance


@pytest.fixture
def world() -> World:
    world = World()
    world.serve(PAYMENTS)
    return world


def parse(part: bytes | None) -> list[tuple[str, str, Any]]:
    """``(event, id, data)`` of each event in a part of the stream."""
    events = []
    for block in (part or b"").decode().split("\n\n"):
        if block.startswith(":") or not block:
            continue
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        events.append((fields["event"], fields["id"], json.loads(fields["data"])))
    return events


async def begin(world: World, query: str = "", **headers: str) -> Conversation:
    conversation = world.open("GET", f"/api/v1/watch{query}", headers=headers)
    assert await conversation.begin() == 200
    assert (b"content-type", b"text/event-stream; charset=utf-8") in conversation.headers
    return conversation


async def end(conversation: Conversation) -> None:
    conversation.leave()
    await conversation.task


async def test_a_watch_begins_with_a_snapshot_then_tells_each_change(world: World) -> None:
    watch = await begin(world)
    [(event, id, snapshot)] = parse(await watch.part())
    assert (event, id, snapshot["completeness"]) == ("snapshot", "1", "complete")
    assert [answer["service"] for answer in snapshot["services"]] == ["payments"]
    world.registry.add(instance("cart-1", "cart"))
    [(event, id, change)] = parse(await watch.part())
    assert (event, id, change["instance"]["id"]) == ("change", "2", "cart-1")
    world.registry.remove("cart-1")
    [(_, _, change)] = parse(await watch.part())
    assert (change["instance"], change["cause"]["what"]) == (None, "process exited")
    await end(watch)


async def test_it_goes_on_after_the_last_event_that_was_seen(world: World) -> None:
    world.registry.add(instance("cart-1", "cart"))
    world.registry.add(instance("cart-2", "cart"))
    watch = await begin(world, **{"last-event-id": "2"})
    assert [(event, id) for event, id, _ in parse(await watch.part())] == [("change", "3")]
    await end(watch)


async def test_only_the_services_that_were_asked_for_are_told(world: World) -> None:
    watch = await begin(world, "?service=cart&service=ad,cart")
    await watch.part()
    assert world.registry.asked[-1].services == ("cart", "ad")
    world.registry.add(instance("payments-2", "payments"))
    world.registry.add(instance("cart-1", "cart"))
    assert [change["service"] for _, _, change in parse(await watch.part())] == ["cart"]
    await end(watch)


async def test_it_outlives_the_node_process_and_misses_nothing(world: World) -> None:
    watch = await begin(world)
    await watch.part()
    world.registry.fail(NotSent("gone"))
    assert (await watch.part() or b"").startswith(b": the registry does not answer")
    world.registry.down = None
    world.registry.add(instance("cart-1", "cart"))
    await world.clock.advance(1.0)
    events = parse(await watch.part())
    assert ("change", "2") in [(event, id) for event, id, _ in events]
    await end(watch)


async def test_a_silent_watch_says_that_it_is_still_here(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEPALIVE_AFTER", 0.01)
    watch = await begin(world)
    await watch.part()
    assert await watch.part() == b": still here\n\n"
    await end(watch)


async def test_a_change_of_completeness_is_told(world: World) -> None:
    watch = await begin(world)
    await watch.part()
    world.registry.completeness = Completeness.SUSPECT
    world.registry.add(instance("cart-1", "cart"))
    assert [event for event, _, _ in parse(await watch.part())] == ["change", "completeness"]
    await end(watch)


async def test_a_front_that_stops_ends_its_watches_cleanly(world: World) -> None:
    watch = await begin(world)
    await watch.part()
    world.front.drain()
    assert await watch.part() is None
    await watch.task


@pytest.mark.parametrize("given", ["x", "-1", "1.5", str(2**64)])
async def test_a_revision_that_is_none_is_refused(world: World, given: str) -> None:
    answer = await world.ask("GET", "/api/v1/watch", headers={"last-event-id": given})
    assert (answer.status, answer.json["code"]) == (400, "bad_revision")


async def test_leaving_ends_the_registrys_watch(world: World) -> None:
    watch = await begin(world)
    await watch.part()
    await end(watch)
    assert watch.task.done()
