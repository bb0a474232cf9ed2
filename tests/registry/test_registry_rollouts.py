"""What the registry does for rollouts: it counts, holds starts back, tries releases out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from homeport.model import Cause, Instance, State
from homeport.registry.api import Counters, Heartbeat, OpenSession, StartInstance
from homeport.registry.server import Registry
from homeport.testing.clock import FakeClock
from tests.registry.harbour import Harbour, Worker, harbour, settled

WHY = Cause(what="ejected by operator", actor="test")


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Harbour]:
    async with harbour(tmp_path) as made:
        yield made


async def release(worker: Worker, name: str) -> None:
    """Open the worker's session as one that runs this release."""
    await worker.registry.open_session(
        OpenSession(session=worker.session, worker=worker.name, pid=worker.pid, release=name)
    )


# -- counting ----------------------------------------------------------------------------------------------------------


async def test_what_instances_answered_is_told_as_last_heard_and_takes_no_revision(port: Harbour) -> None:
    worker = await port.worker("w", "cart")
    before = port.registry.revision
    counted = Counters(calls=3, failures={"failed": 1}, seconds=0.5)
    await port.registry.heartbeat(Heartbeat(session=worker.session, counters={worker.id("cart"): counted}))
    assert await port.registry.counters() == {"cart@w": counted}
    assert await port.registry.counters("cart") == {"cart@w": counted}
    assert await port.registry.counters("email") == {}
    assert port.registry.counted("cart@w") == counted
    assert port.registry.revision == before


async def test_counters_of_what_is_gone_or_foreign_are_not_kept(port: Harbour) -> None:
    worker = await port.worker("w", "cart")
    await port.registry.heartbeat(
        Heartbeat(session=worker.session, counters={worker.id("cart"): Counters(calls=1), "stranger": Counters()})
    )
    await port.registry.deregister(worker.session, worker.id("cart"), Cause(what="drained", actor="test"))
    assert await port.registry.counters() == {}
    assert port.registry.counted("stranger") is None


# -- holding starts back -----------------------------------------------------------------------------------------------


async def test_an_instance_that_may_not_start_yet_waits_until_it_may(port: Harbour) -> None:
    allowed: set[str] = set()
    asked: list[Instance] = []

    def may_start(instance: Instance) -> bool:
        asked.append(instance)
        return instance.id in allowed

    port.registry.guard_starts(may_start)
    worker = await port.worker("w", "cart", ready=False)
    assert await worker.told() == []
    assert asked[0].state is State.WAITING
    allowed.add("cart@w")
    port.registry.look_again()
    await settled()
    assert await worker.told() == [StartInstance(instance="cart@w")]


async def test_who_has_started_is_not_asked_about_again(port: Harbour) -> None:
    worker = await port.worker("w", "cart")
    port.registry.guard_starts(lambda _: False)
    port.registry.look_again()
    await settled()
    assert await port.state(worker.id("cart")) is State.READY


# -- trying out --------------------------------------------------------------------------------------------------------


async def test_a_release_on_trial_has_its_share_also_in_instances_that_come_later(port: Harbour) -> None:
    old, new, later = [await port.worker(name, ready=False) for name in ("old", "new", "later")]
    for worker, name in ((old, "r1"), (new, "r2"), (later, "r2")):
        await release(worker, name)
    await old.register("cart")
    await new.register("cart")
    await port.registry.try_out("cart", "r2", 0.1)
    await later.register("cart")

    async def shares() -> dict[str, float]:
        return {one.worker: one.share for one in await port.registry.instances("cart")}

    assert await shares() == {"old": 0.0, "new": 0.1, "later": 0.1}
    await port.registry.try_out("cart", "r2", 0.0)
    assert await shares() == {"old": 0.0, "new": 0.0, "later": 0.0}


async def test_a_trial_of_one_service_is_none_of_another(port: Harbour) -> None:
    worker = await port.worker("w", ready=False)
    await release(worker, "r2")
    await worker.register("cart", "email")
    await port.registry.try_out("cart", "r2", 0.1)
    assert {one.service: one.share for one in await port.registry.instances()} == {"cart": 0.1, "email": 0.0}


# -- leaving while nobody looks ----------------------------------------------------------------------------------------


async def test_who_had_been_told_to_leave_and_did_so_unseen_is_gone_for_that(tmp_path: Path) -> None:
    alive: set[int] = set()
    async with harbour(tmp_path, alive=alive) as port:
        for name in ("told", "crashed"):
            await port.worker(name, "cart")
    alive.clear()
    told = Cause(what="drained", actor="homeport drain")
    async with Registry.open(tmp_path, clock=FakeClock(), alive=alive.__contains__, leaving={"told": told}) as registry:
        story = await registry.why("cart")
    gone = {entry.instance: entry.cause.what for entry in story.entries if entry.event == "gone"}
    assert gone == {"cart@told": "drained", "cart@crashed": "process exited"}
