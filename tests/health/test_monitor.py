"""The health monitor with a real registry: checks are carried out, change states, and `why` tells it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from homeport.errors import BadArguments, UnknownService
from homeport.model import Cause, Check, Instance, State
from homeport.registry.api import Heartbeat, InstanceSpec, OutsideInstance, Register
from homeport.registry.server import DeclaredService
from homeport.registry.store.port import StoreFailure
from homeport.testing.clock import FakeClock
from tests.health.harbour import Places, watched_harbour
from tests.registry.harbour import Harbour, settled, watch

UP = Check(kind="http", target="/up", interval=10.0, jitter=0.0, failures=2, successes=2)
PLACE = "GET http://127.0.0.1:9000/up"


def legacy(number: int = 1, *checks: Check, **changes: object) -> OutsideInstance:
    fields: dict[str, object] = {
        "id": f"legacy-{number}",
        "service": "legacy",
        "endpoints": ("http://127.0.0.1:9000",),
        "ttl": None,
        "checks": checks,
    }
    return OutsideInstance(**{**fields, **changes})  # type: ignore[arg-type]


async def passed(port: Harbour, seconds: float) -> None:
    """Let time pass in small steps, as it does."""
    for _ in range(round(seconds * 2)):
        await port.clock.advance(0.5)


async def events(port: Harbour, name: str = "legacy-1") -> list[str]:
    return [entry.event for entry in (await port.registry.why(name)).entries]


async def instance(port: Harbour, name: str = "legacy-1") -> Instance:
    found = await port.instance(name)
    assert found is not None
    return found


# -- becoming ready, unhealthy, and ready again ------------------------------------------------------------------------


async def test_an_outside_instance_is_ready_once_its_checks_have_passed(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, _):
        await port.registry.put_instance(legacy(1, UP))
        assert (await instance(port)).state is State.STARTING
        await passed(port, 1.0)
        assert (await instance(port)).state is State.STARTING  # two in a row are asked for
        await passed(port, 10.0)
        assert (await instance(port)).state is State.READY
        story = await port.registry.why("legacy-1")
        assert [entry.event for entry in story.entries] == ["registered, starting", "starting → ready"]
        assert story.entries[-1].cause.what == "http check passed"
        assert story.entries[-1].cause.actor == "health monitor"


async def test_failures_in_a_row_make_it_unhealthy_and_successes_ready_with_the_evidence_in_its_story(
    tmp_path: Path,
) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1, UP))
        await passed(port, 12)
        places.fail(PLACE)
        await passed(port, 10)
        assert (await instance(port)).state is State.READY
        await passed(port, 10)
        assert (await instance(port)).state is State.UNHEALTHY
        story = await port.registry.why("legacy-1")
        assert story.summary == (
            "legacy-1 of legacy is unhealthy: http check failed "
            "(answered 503; 2 in a row within 10.0 s), said health monitor"
        )
        places.mend(PLACE)
        await passed(port, 20)
        assert (await instance(port)).state is State.READY
        assert (await events(port))[-2:] == ["ready → unhealthy", "unhealthy → ready"]


async def test_one_that_never_passes_is_unhealthy_and_says_why(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        places.fail(PLACE, "connection refused")
        await port.registry.put_instance(legacy(1, UP))
        await passed(port, 12)
        assert (await instance(port)).state is State.UNHEALTHY
        assert await events(port) == ["registered, starting", "starting → unhealthy"]


async def test_all_checks_must_pass_and_each_that_fails_keeps_it_unhealthy(tmp_path: Path) -> None:
    port_check = Check(kind="tcp", interval=10.0, jitter=0.0, failures=1)
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1, UP, port_check))
        await passed(port, 12)
        places.fail(PLACE)
        places.fail("127.0.0.1:9000", "connection refused", refused=True)
        await passed(port, 20)
        places.mend("127.0.0.1:9000")
        await passed(port, 10)
        found = await instance(port)
        assert found.state is State.UNHEALTHY
        assert found.cause is not None
        assert found.cause.what == "http check failed"
        assert "still unhealthy: http check failed" in await events(port)
        places.mend(PLACE)
        await passed(port, 20)
        assert (await instance(port)).state is State.READY


async def test_watchers_hear_of_it_once(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1, UP))
        await passed(port, 12)
        reader = watch(port.registry, "legacy")
        await reader.news()
        places.fail(PLACE)
        await passed(port, 60)
        changes = [change for item in await reader.news() for change in item.changes]
        assert [change.instance.state for change in changes if change.instance] == [State.UNHEALTHY]


async def test_a_check_that_breaks_itself_counts_as_a_failure_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        places.answers[PLACE] = RuntimeError("bug")
        await port.registry.put_instance(legacy(1, UP))
        with caplog.at_level(logging.ERROR, "homeport.health"):
            await passed(port, 12)
        assert "the check itself broke: RuntimeError: bug" in (await port.registry.why("legacy-1")).summary
        assert "check.broke" in caplog.messages


# -- removal -----------------------------------------------------------------------------------------------------------


async def test_what_is_unhealthy_for_too_long_is_deregistered_and_its_story_says_why(tmp_path: Path) -> None:
    check = Check(kind="http", target="/up", interval=10.0, jitter=0.0, failures=1, deregister_after=60.0)
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1, check))
        await passed(port, 2)
        places.fail(PLACE)
        await passed(port, 68)
        assert (await instance(port)).state is State.UNHEALTHY
        await passed(port, 5)
        assert await port.instance("legacy-1") is None
        gone = (await port.registry.why("legacy-1")).entries[-1]
        assert (gone.event, gone.cause.what, gone.cause.actor) == ("gone", "deregistered", "health monitor")
        assert gone.cause.evidence == "unhealthy for 60.0 s, 60 s are allowed; http check: answered 503"
        looks = len(places.looks)
        await passed(port, 60)
        assert len(places.looks) == looks


async def test_when_most_fail_together_nobody_is_removed_until_the_same_time_has_passed_once_more(
    tmp_path: Path,
) -> None:
    check = Check(kind="http", target="/up", interval=10.0, jitter=0.0, failures=1, deregister_after=60.0)
    async with watched_harbour(tmp_path) as (port, places):
        for number in range(6):
            await port.registry.put_instance(legacy(number, check))
        await passed(port, 2)
        places.fail(PLACE, "network is unreachable")
        await passed(port, 80)
        assert len(await port.registry.instances()) == 6
        assert {one.state for one in await port.registry.instances()} == {State.UNHEALTHY}
        await passed(port, 60)
        assert await port.registry.instances() == []


async def test_a_deleted_instance_is_looked_at_no_more(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1, UP))
        await passed(port, 5)
        await port.registry.delete_instance("legacy-1")
        looks = len(places.looks)
        await passed(port, 60)
        assert len(places.looks) == looks


# -- the one who looks -------------------------------------------------------------------------------------------------


async def test_a_failure_that_came_late_because_we_were_held_up_ourselves_counts_for_nothing(tmp_path: Path) -> None:
    check = Check(kind="http", target="/up", interval=10.0, timeout=1.0, jitter=0.0, failures=1)
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1, check))
        await passed(port, 2)
        places.fail(PLACE, "did not answer within 1 s")
        places.slow[PLACE] = 1.0
        while len(places.looks) < 2:
            await port.clock.advance(0.5)
        port.clock.jump(5.0)  # the loop stalls while the look is on its way
        await settled()
        assert (await instance(port)).state is State.READY
        places.mend(PLACE)
        await passed(port, 10)
        assert (await instance(port)).state is State.READY
        assert await events(port) == ["registered, starting", "starting → ready"]


async def test_one_that_always_comes_late_counts_in_the_end(tmp_path: Path) -> None:
    check = Check(kind="http", target="/up", interval=10.0, timeout=1.0, jitter=0.0, failures=1)
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1, check))
        await passed(port, 2)
        places.fail(PLACE, "did not answer within 1 s")
        places.slow[PLACE] = 3.0
        await passed(port, 40)
        assert (await instance(port)).state is State.UNHEALTHY


# -- declarations ------------------------------------------------------------------------------------------------------


async def test_registering_the_same_again_keeps_its_state_and_its_checks(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1, UP))
        places.fail(PLACE)
        await passed(port, 12)
        before = await instance(port)
        looks = len(places.looks)
        await port.registry.put_instance(legacy(1, UP))
        await port.registry.put_instance(legacy(1, UP, weight=2.0))
        after = await instance(port)
        assert (after.state, after.cause, after.since) == (before.state, before.cause, before.since)
        assert after.weight == 2.0
        await passed(port, 5)
        assert len(places.looks) == looks


async def test_a_check_that_is_declared_no_more_speaks_against_it_no_more(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1, UP))
        places.fail(PLACE)
        await passed(port, 12)
        await port.registry.put_instance(legacy(1))
        found = await instance(port)
        assert found.state is State.READY
        assert found.cause is not None
        assert found.cause.what == "no longer checked"


async def test_a_new_check_of_a_ready_instance_does_not_unready_it_before_it_fails(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1))
        assert (await instance(port)).state is State.READY
        await port.registry.put_instance(legacy(1, UP))
        assert (await instance(port)).state is State.READY
        places.fail(PLACE)
        await passed(port, 12)
        assert (await instance(port)).state is State.UNHEALTHY


async def test_a_declaration_that_could_not_be_kept_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        places.fail(PLACE)
        await port.registry.put_instance(legacy(1, UP))
        await passed(port, 12)

        async def full(*_: object, **__: object) -> None:
            raise StoreFailure("no space left")

        ledger = port.registry._ledger
        monkeypatch.setattr(ledger, "declare", full)
        other = Check(kind="tcp", interval=10.0)
        for request in (legacy(1, UP, other), legacy(2, UP)):
            with pytest.raises(StoreFailure):
                await port.registry.put_instance(request)
        monkeypatch.undo()
        places.mend(PLACE)
        await passed(port, 20)
        assert (await instance(port)).state is State.READY
        assert not ledger.catalog.instances.keys() - {"legacy-1"}


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (Check(kind="ping"), r"checks\[0\]\.kind: 'ping' is none of"),
        (Check(kind="http", method="POST"), r"checks\[0\]\.method: 'POST'"),
        (Check(kind="http", target="x" * 600), r"checks\[0\]\.target: .* has 600 characters"),
        (Check(kind="command"), r"checks\[0\]\.arguments: name the program"),
        (Check(kind="http", headers={"A": "b" * 5000}), r"checks\[0\]\.headers\['A'\]"),
    ],
)
async def test_a_check_that_cannot_be_carried_out_is_refused_at_registration(
    tmp_path: Path, check: Check, message: str
) -> None:
    async with watched_harbour(tmp_path) as (port, _):
        with pytest.raises(BadArguments, match=message):
            await port.registry.put_instance(legacy(1, check))


# -- heartbeats --------------------------------------------------------------------------------------------------------


async def test_a_ttl_check_makes_silence_unhealthy_and_a_heartbeat_ready(tmp_path: Path) -> None:
    check = Check(kind="ttl", interval=10.0, failures=1, deregister_after=60.0)
    async with watched_harbour(tmp_path) as (port, _):
        await port.registry.put_instance(legacy(1, check))
        assert (await instance(port)).state is State.READY
        for _ in range(4):
            await passed(port, 9)
            assert await port.registry.beat_instance("legacy-1")
        assert (await instance(port)).state is State.READY
        await passed(port, 10.5)
        found = await instance(port)
        assert found.state is State.UNHEALTHY
        assert found.cause is not None
        assert (found.cause.what, found.cause.evidence) == (
            "ttl check failed",
            "not heard for 10.0 s, 10 s are allowed",
        )
        await port.registry.beat_instance("legacy-1")
        await settled()
        assert (await instance(port)).state is State.READY
        await passed(port, 75)
        assert await port.instance("legacy-1") is None


# -- restarts ----------------------------------------------------------------------------------------------------------


async def test_after_a_restart_the_ready_stay_ready_and_the_unhealthy_must_pass_first(tmp_path: Path) -> None:
    clock = FakeClock()
    other = legacy(2, UP, endpoints=("http://127.0.0.1:9001",))
    async with watched_harbour(tmp_path, clock) as (port, places):
        await port.registry.put_instance(legacy(1, UP))
        await port.registry.put_instance(other)
        await passed(port, 12)
        places.fail("GET http://127.0.0.1:9001/up")
        await passed(port, 20)
    async with watched_harbour(tmp_path, clock) as (port, places):
        assert (await instance(port, "legacy-1")).state is State.READY
        assert (await instance(port, "legacy-2")).state is State.UNHEALTHY
        await passed(port, 12)
        assert (await instance(port, "legacy-1")).state is State.READY
        assert (await instance(port, "legacy-2")).state is State.READY
        assert len(places.looks) >= 3


async def test_what_was_held_back_for_flapping_before_a_restart_is_let_go(tmp_path: Path) -> None:
    clock = FakeClock()
    async with watched_harbour(tmp_path, clock) as (port, _):
        await port.registry.put_instance(legacy(1))
        await port.registry.check_failed("legacy-1", "other", Cause(what="failed", actor="test", at=clock.wall()))
        assert (await instance(port)).state is State.UNHEALTHY
    async with watched_harbour(tmp_path, clock) as (port, _):
        await passed(port, 1)
        assert (await instance(port)).state is State.READY


# -- what workers host -------------------------------------------------------------------------------------------------

HOSTED = Check(kind="tcp", target="127.0.0.1:7000", interval=5.0, jitter=0.0, failures=1)


async def hosted(port: Harbour) -> object:
    worker = await port.worker("a-1", ready=False)
    spec = InstanceSpec(id="a@a-1", service="a", endpoints=("unix:/run/a-1",), checks=(HOSTED,))
    await port.registry.register(Register(session=worker.session, instances=(spec,)))
    return worker


async def test_an_instance_of_a_worker_is_ready_at_its_word_and_held_back_by_its_checks(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        worker = await hosted(port)
        await worker.report("a", State.READY)
        assert await port.state("a@a-1") is State.READY
        places.fail("127.0.0.1:7000", "connection refused", refused=True)
        await port.live(6, worker)
        assert await port.state("a@a-1") is State.UNHEALTHY
        before = port.registry.revision
        await worker.report("a", State.READY, "health() is well")
        assert port.registry.revision == before
        assert await port.state("a@a-1") is State.UNHEALTHY
        await worker.open()
        await port.registry.register(
            Register(
                session=worker.session,
                instances=(InstanceSpec(id="a@a-1", service="a", endpoints=("unix:/run/a-1",), checks=(HOSTED,)),),
                resumed={"a@a-1": State.READY},
            )
        )
        assert await port.state("a@a-1") is State.UNHEALTHY
        places.mend("127.0.0.1:7000")
        await port.live(6, worker)
        assert await port.state("a@a-1") is State.READY


async def test_its_own_health_and_its_checks_do_not_speak_for_each_other(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        worker = await hosted(port)
        await worker.report("a", State.READY)
        places.fail("127.0.0.1:7000", "connection refused", refused=True)
        await port.live(6, worker)
        await worker.report("a", State.UNHEALTHY, "health() says: no disk")
        places.mend("127.0.0.1:7000")
        await port.live(6, worker)
        found = await port.instance("a@a-1")
        assert found is not None
        assert found.cause is not None
        assert (found.state, found.cause.what) == (State.UNHEALTHY, "health() says: no disk")
        await worker.report("a", State.READY, "health() is well again")
        assert await port.state("a@a-1") is State.READY


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (Check(kind="ttl"), r"instances\[0\]\.checks\[0\]\.kind: a worker's own heartbeats"),
        (Check(kind="tcp", target="h:1", deregister_after=60.0), r"is replaced, not removed"),
        (Check(kind="tcp"), r"instances\[0\]\.checks\[0\]\.target: give host:port"),
    ],
)
async def test_checks_that_make_no_sense_for_what_a_worker_hosts_are_refused(
    tmp_path: Path, check: Check, message: str
) -> None:
    async with watched_harbour(tmp_path) as (port, _):
        worker = await port.worker("a-1", ready=False)
        spec = InstanceSpec(id="a@a-1", service="a", endpoints=("unix:/run/a-1",), checks=(check,))
        with pytest.raises(BadArguments, match=message):
            await port.registry.register(Register(session=worker.session, instances=(spec,)))


async def test_a_stalled_loop_makes_all_its_instances_unhealthy_and_says_where_until_it_flows(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, _):
        worker = await port.worker("a-1", "a", "b")
        place = "PaymentService.process (app/payment.py:31)"
        beat = Heartbeat(session=worker.session, lag=1.4, stalled=1.4, blocked_in=place)
        await port.registry.heartbeat(beat)
        assert (await port.registry.why("a@a-1")).summary == (
            f"a@a-1 of a is unhealthy: event loop blocked (1.4 s in {place}), said worker a-1"
        )
        before = port.registry.revision
        await port.registry.heartbeat(Heartbeat(session=worker.session, lag=2.4, stalled=2.4, blocked_in=place))
        assert port.registry.revision == before
        assert await port.state("b@a-1") is State.UNHEALTHY
        await worker.beat()
        assert await port.state("a@a-1") is State.READY
        assert await port.state("b@a-1") is State.READY


# -- flapping ----------------------------------------------------------------------------------------------------------


async def flap(worker: object, service: str, times: int) -> None:
    for _ in range(times):
        await worker.report(service, State.UNHEALTHY, "health() says: no disk")
        await worker.report(service, State.READY, "health() is well again")


async def test_one_that_flaps_is_held_back_says_so_and_is_let_go_when_it_has_been_quiet(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, _):
        flapping, steady = await port.worker("a-1", "a"), await port.worker("a-2", "a")
        await flap(flapping, "a", 2)
        assert await port.state("a@a-1") is State.READY
        await flap(flapping, "a", 1)
        found = await port.instance("a@a-1")
        assert found is not None
        assert found.cause is not None
        assert (found.state, found.cause.what, found.cause.actor) == (State.UNHEALTHY, "flapping", "flap damping")
        assert "unhealthy 3 times within 0 s" in found.cause.evidence
        assert "homeport forgive a@a-1" in found.cause.evidence
        assert "still unhealthy: flapping" in await events(port, "a@a-1")
        await port.live(60, flapping, steady)
        assert await port.state("a@a-1") is State.UNHEALTHY
        await port.live(70, flapping, steady)
        assert await port.state("a@a-1") is State.READY
        last = (await port.registry.why("a@a-1")).entries[-1]
        assert (last.event, last.cause.what) == ("unhealthy → ready", "quiet")


async def test_a_check_that_flaps_is_damped_too(tmp_path: Path) -> None:
    check = Check(kind="http", target="/up", interval=2.0, jitter=0.0, failures=1)
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1, check))
        await port.registry.put_instance(legacy(2))
        await passed(port, 3)
        for _ in range(3):
            places.fail(PLACE)
            await passed(port, 2)
            places.mend(PLACE)
            await passed(port, 2)
        found = await instance(port)
        assert found.cause is not None
        assert (found.state, found.cause.what) == (State.UNHEALTHY, "flapping")
        await passed(port, 130)
        assert (await instance(port)).state is State.READY


async def test_a_forgiven_one_is_ready_at_once(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, _):
        flapping, _steady = await port.worker("a-1", "a"), await port.worker("a-2", "a")
        await flap(flapping, "a", 3)
        cause = Cause(what="forgiven", actor="homeport forgive")
        assert await port.registry.forgive("a@a-1", cause)
        assert await port.state("a@a-1") is State.READY
        assert (await port.registry.why("a@a-1")).entries[-1].cause.actor == "homeport forgive"
        assert not await port.registry.forgive("a@a-1", cause)
        with pytest.raises(UnknownService):
            await port.registry.forgive("nobody", cause)


async def test_damping_never_takes_the_only_instance_that_would_be_ready(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, _):
        port.registry.declare([DeclaredService(name="a", replicas=2)])
        only = await port.worker("a-1", "a")
        await flap(only, "a", 10)
        assert await port.state("a@a-1") is State.READY


async def test_one_held_back_is_let_go_when_the_last_other_ceases_to_be_ready(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, _):
        flapping, other = await port.worker("a-1", "a"), await port.worker("a-2", "a")
        await flap(flapping, "a", 3)
        assert await port.state("a@a-1") is State.UNHEALTHY
        await other.report("a", State.UNHEALTHY, "health() says: no disk")
        await settled()
        found = await port.instance("a@a-1")
        assert found is not None
        assert found.cause is not None
        assert (found.state, found.cause.what) == (State.READY, "no other is ready")


async def test_damping_can_be_off(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path, damping=None) as (port, _):
        flapping, _steady = await port.worker("a-1", "a"), await port.worker("a-2", "a")
        await flap(flapping, "a", 10)
        assert await port.state("a@a-1") is State.READY


# -- with ejections ----------------------------------------------------------------------------------------------------


async def test_a_check_that_fails_while_it_is_ejected_counts_when_it_is_let_back_in(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1, UP))
        await passed(port, 12)
        cause = Cause(what="ejected", actor="homeport eject")
        await port.registry.eject("legacy-1", 60.0, cause)
        places.fail(PLACE)
        await passed(port, 30)
        found = await instance(port)
        assert found.cause is not None
        assert found.cause.what == "ejected"
        await port.registry.readmit("legacy-1", Cause(what="readmitted", actor="homeport readmit"))
        found = await instance(port)
        assert found.cause is not None
        assert (found.state, found.cause.what) == (State.UNHEALTHY, "http check failed")
        places.mend(PLACE)
        await passed(port, 20)
        assert (await instance(port)).state is State.READY


async def test_a_check_that_passes_again_while_it_is_ejected_does_not_end_the_ejection(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        await port.registry.put_instance(legacy(1, UP))
        places.fail(PLACE)
        await passed(port, 12)
        await port.registry.eject("legacy-1", 60.0, Cause(what="ejected", actor="homeport eject"))
        places.mend(PLACE)
        await passed(port, 30)
        assert (await instance(port)).state is State.UNHEALTHY
        await passed(port, 31)
        for _ in range(500):  # its end is a declaration, which waits for the disk
            if (await instance(port)).state is State.READY:
                break
            await asyncio.sleep(0.01)
        assert (await instance(port)).state is State.READY


# -- suspicion ---------------------------------------------------------------------------------------------------------


async def silent_fleet(port: Harbour) -> None:
    for number in range(6):
        endpoints = (f"tcp://127.0.0.1:{9000 + number}",)
        await port.registry.put_instance(legacy(number, endpoints=endpoints, ttl=30.0))


async def test_when_all_outside_programs_fall_silent_those_that_answer_stay_and_those_that_are_gone_go(
    tmp_path: Path,
) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        await silent_fleet(port)
        places.fail("127.0.0.1:9003", "connection refused", refused=True)
        await passed(port, 31)
        left = {one.id: one.state for one in await port.registry.instances()}
        assert left == {f"legacy-{number}": State.READY for number in (0, 1, 2, 4, 5)}
        story = await port.registry.why("legacy-1")
        assert [entry.event for entry in story.entries] == ["registered, ready", "suspect", "no longer suspect"]
        assert "6 of 6 fell silent at once" in story.entries[1].cause.evidence
        assert story.entries[2].cause.what == "127.0.0.1:9001 is well"
        gone = (await port.registry.why("legacy-3")).entries[-1]
        assert (gone.event, gone.cause.what) == ("gone", "lease expired")
        assert "connection refused" in gone.cause.evidence
        await passed(port, 120)
        assert len(await port.registry.instances()) == 5
        for number in (0, 1, 2, 4):
            await port.registry.beat_instance(f"legacy-{number}")
        await passed(port, 29)
        assert len(await port.registry.instances()) <= 5


async def test_a_suspect_shows_its_doubt_without_waking_anybody(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, places):
        await silent_fleet(port)
        for number in range(6):
            places.fail(f"127.0.0.1:{9000 + number}", "network is unreachable")
        reader = watch(port.registry, "legacy")
        await reader.news()
        await passed(port, 31)
        found = await instance(port)
        assert found.state is State.READY
        assert found.cause is not None
        assert found.cause.what == "suspect"
        assert "is ready: suspect" in (await port.registry.why("legacy-1")).summary
        assert await reader.news() == []
        await passed(port, 30)
        assert await port.registry.instances() == []  # not for ever


async def test_a_worker_whose_connection_broke_and_whose_process_has_ended_goes_before_its_lease_runs_out(
    tmp_path: Path,
) -> None:
    async with watched_harbour(tmp_path) as (port, _):
        worker = await port.worker("a-1", "a")
        commands = worker.commands()
        await commands.news()
        port.alive.discard(worker.pid)
        await commands.close()
        await passed(port, 1.5)
        assert await port.registry.instances() == []
        gone = (await port.registry.why("a@a-1")).entries[-1].cause
        assert (gone.what, gone.evidence) == (
            "process exited",
            f"its connection broke; process {worker.pid} has ended",
        )


async def test_a_worker_whose_connection_broke_and_whose_process_runs_is_left_its_lease(tmp_path: Path) -> None:
    async with watched_harbour(tmp_path) as (port, _):
        worker = await port.worker("a-1", "a")
        commands = worker.commands()
        await commands.news()
        await commands.close()
        await passed(port, 2)
        assert await port.state("a@a-1") is State.READY


def test_places_pass_until_they_are_said_to_fail() -> None:
    places = Places(FakeClock())
    places.fail("x")
    places.mend("x")
    assert places.answers == {}
