"""Why: every service and instance has a story, and nothing disappears without an entry in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeport.errors import BadArguments, UnknownService
from homeport.model import Cause, Change, Instance, ServiceState, State
from homeport.registry.server import DeclaredService
from homeport.registry.story import StoryBook
from homeport.registry.summary import service_state
from tests.registry.harbour import CRASH, harbour, settled


async def test_the_story_of_an_instance_goes_from_its_registration_to_its_end(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await worker.report("a", State.UNHEALTHY, "health() says: no disk", "df: 100 %")
        await port.registry.worker_gone("a-1", CRASH)
        story = await port.registry.why("a@a-1")
        assert [entry.event for entry in story.entries] == [
            "registered, waiting",
            "waiting → ready",
            "ready → unhealthy",
            "gone",
        ]
        assert story.summary == "a@a-1 of a is gone: process exited (exit status 1), said supervisor"
        assert story.entries[2].cause.evidence == "df: 100 %"
        assert all(entry.cause.at > 0 for entry in story.entries)


async def test_the_summary_of_a_service_says_what_is_wrong(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        port.registry.declare([DeclaredService(name="a", replicas=2), DeclaredService(name="b")])

        async def summary(name: str) -> str:
            return (await port.registry.why(name)).summary

        assert await summary("a") == "a is down: 0 of 2 ready"
        await port.worker("b-1", "b", requires=("a",), ready=False)
        await settled()
        assert await summary("b") == "b is down: 0 of 1 ready; waiting for a"
        assert await summary("b@b-1") == "b@b-1 of b is waiting for a: waiting for dependencies (a), said discovery"
        await port.worker("a-1", "a")
        assert await summary("a") == "a is scaling: 1 of 2 ready"
        await port.worker("a-2", "a")
        assert await summary("a") == "a is active: 2 of 2 ready"
        await port.registry.worker_gone("a-2", CRASH)
        assert await summary("a") == (
            "a is healing: 1 of 2 ready; a@a-2 went: process exited (exit status 1), said supervisor"
        )
        third = await port.worker("a-3", "a")
        assert await summary("a") == "a is active: 2 of 2 ready"
        await third.report("a", State.UNHEALTHY, "health() says: no disk", "df: 100 %")
        assert await summary("a") == (
            "a is healing: 1 of 2 ready; a@a-3 is unhealthy: health() says: no disk (df: 100 %), said worker a-3; "
            "a@a-2 went: process exited (exit status 1), said supervisor"
        )
        await port.registry.set_wanted("a", 0, Cause(what="scaled", actor="homeport scale"))
        await port.registry.worker_gone("a-1", CRASH)
        await port.registry.worker_gone("a-3", CRASH)
        assert await summary("a") == "a is idle: 0 of 0 ready; scaled to 0: scaled, said homeport scale"


async def test_the_summary_shows_only_the_last_line_of_evidence(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await worker.report("a", State.UNHEALTHY, "startup() failed", "Traceback:\n  …\nKeyError: 'x'\n")
        assert (await port.registry.why("a@a-1")).summary.endswith("startup() failed (KeyError: 'x'), said worker a-1")


async def test_a_name_that_nobody_knows_is_an_error_with_near_names(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.worker("payments-1", "payments")
        with pytest.raises(UnknownService, match="did you mean 'payments'"):
            await port.registry.why("payment")


async def test_no_instance_disappears_without_a_cause(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        gone: list[Change] = []
        port.registry.on_change(lambda change: gone.append(change) if change.instance is None else None)
        crashed, left, silent = [await port.worker(name, name) for name in ("crashed", "left", "silent")]
        await port.registry.worker_gone(crashed.name, CRASH)
        await port.registry.close_session(left.session, Cause(what="drained", actor="worker left"))
        port.alive.discard(silent.pid)
        await port.live(4)
        assert [(one.instance_id, one.cause.what) for one in gone] == [
            ("crashed@crashed", "process exited"),
            ("left@left", "drained"),
            ("silent@silent", "lease expired"),
        ]
        for one in gone:
            assert (await port.registry.why(one.instance_id)).entries[-1].cause == one.cause


async def test_a_service_that_is_gone_still_has_its_story_after_a_restart(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.worker("a-1", "a")
        await port.registry.worker_gone("a-1", CRASH)
    async with harbour(tmp_path) as port:
        assert await port.registry.services() == []
        assert (await port.registry.why("a")).entries[-1].cause == (await port.registry.why("a@a-1")).entries[-1].cause


async def test_a_singleton_and_a_stranger_cannot_be_scaled(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        port.registry.declare([DeclaredService(name="one", singleton=True)])
        cause = Cause(what="scaled", actor="test")
        with pytest.raises(BadArguments, match="'one' is a singleton"):
            await port.registry.set_wanted("one", 2, cause)
        with pytest.raises(BadArguments, match="replicas: -1"):
            await port.registry.set_wanted("one", -1, cause)
        with pytest.raises(UnknownService):
            await port.registry.set_wanted("two", 1, cause)


async def test_services_are_listed_while_declared_or_running(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        port.registry.declare([DeclaredService(name="a")])
        await port.worker("b-1", "b")
        assert [(one.name, one.state, one.wanted) for one in await port.registry.services()] == [
            ("a", ServiceState.DOWN, 1),
            ("b", ServiceState.ACTIVE, None),
        ]
        await port.registry.worker_gone("b-1", CRASH)
        assert [one.name for one in await port.registry.services()] == ["a"]
        assert (await port.registry.why("b")).entries  # its story stays


@pytest.mark.parametrize(
    ("wanted", "ready", "registered", "losing", "unhealthy", "state"),
    [
        (0, 0, 0, False, 0, ServiceState.IDLE),
        (0, 1, 1, False, 0, ServiceState.SCALING),
        (2, 0, 0, False, 0, ServiceState.DOWN),
        (2, 0, 2, True, 2, ServiceState.DOWN),
        (2, 1, 1, False, 0, ServiceState.SCALING),
        (2, 1, 2, True, 0, ServiceState.HEALING),
        (2, 1, 2, False, 1, ServiceState.HEALING),
        (2, 2, 2, False, 0, ServiceState.ACTIVE),
        (2, 2, 3, False, 1, ServiceState.HEALING),
        (2, 3, 3, False, 0, ServiceState.SCALING),
        (None, 1, 2, True, 1, ServiceState.ACTIVE),
        (None, 0, 1, False, 1, ServiceState.DOWN),
    ],
)
def test_the_state_of_a_service_follows_from_its_numbers(
    wanted: int | None, ready: int, registered: int, losing: bool, unhealthy: int, state: ServiceState
) -> None:
    found = service_state(wanted=wanted, ready=ready, registered=registered, losing=losing, unhealthy=unhealthy)
    assert found is state


def test_a_story_is_bounded_per_service_and_per_instance_and_the_oldest_stories_give_way() -> None:
    book = StoryBook(per_service=5, per_instance=3, instances=2)
    cause = Cause(what="test", actor="test")

    def tell(revision: int, name: str, state: State | None, before: Instance | None) -> Instance | None:
        after = state and Instance(id=name, service="a", endpoints=(), state=state, cause=cause)
        book.tell(Change(revision=revision, service="a", instance_id=name, instance=after, cause=cause), before)
        return after

    one: Instance | None = None
    for revision in range(10):
        one = tell(revision, "one", State.UNHEALTHY if revision % 2 else State.READY, one)
    assert [entry.revision for entry in book.of_instance("one")] == [7, 8, 9]
    assert [entry.revision for entry in book.of_service("a")] == [5, 6, 7, 8, 9]
    tell(10, "two", State.READY, None)
    tell(11, "one", None, one)
    tell(12, "three", State.READY, None)
    assert book.of_instance("two") == ()
    assert book.of_instance("one")[-1].event == "gone"
