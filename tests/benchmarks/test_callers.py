"""The callers that benchmarks drive: what they note, and how others than Homeport would choose."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.death import Kill, bars
from benchmarks.harness.callers import Calls
from benchmarks.harness.calling import Witness
from benchmarks.harness.choices import CHOICES
from benchmarks.rollout import Counts, Sample
from benchmarks.rollout import bar as rollout_bar
from benchmarks.storm import Phase
from homeport.discovery.view import View
from homeport.model import Instance, State
from homeport.registry.api import ServiceAnswer
from homeport.rpc.peers import Links
from homeport.rpc.routes import Route, clock

IDS = ["depot-a", "depot-b", "depot-c", "depot-d"]


def answer(revision: int, ids: list[str]) -> ServiceAnswer:
    instances = tuple(
        Instance(id=one, service="depot", endpoints=(f"unix:/nowhere/{one}",), state=State.READY) for one in ids
    )
    return ServiceAnswer(service="depot", revision=revision, instances=instances)


@pytest.fixture
def view() -> View:
    made = View()
    made.answer(answer(1, IDS))
    return made


@pytest.fixture
def route(view: View) -> Route:
    made = Route("depot", view.service("depot"), Links("test"))
    made.refresh()
    return made


def test_a_caller_has_stopped_once_its_connection_is_lost(route: Route) -> None:
    witness = Witness(route)
    witness.watch("depot-b")
    assert witness.told() is None
    route.heed(route.ejector.lost(route.peers[1], clock()))
    found = witness.told()
    assert found is not None
    assert found["since"] is None


def test_a_caller_has_stopped_once_the_registry_has_told_it(route: Route, view: View) -> None:
    witness = Witness(route)
    witness.watch("depot-b")
    view.answer(answer(2, [one for one in IDS if one != "depot-b"]))
    route.refresh()
    assert witness.told() is not None


def test_what_happens_to_another_instance_stops_nobody(route: Route) -> None:
    witness = Witness(route)
    witness.watch("depot-b")
    route.heed(route.ejector.lost(route.peers[2], clock()))
    assert witness.told() is None


def test_a_caller_with_a_call_there_tells_since_when(route: Route) -> None:
    witness, peer = Witness(route), route.peers[1]
    witness.watch("depot-b")
    sent = clock()
    peer.in_flight += 1
    peer.latency.begin(sent)
    route.heed(route.ejector.silent(peer, sent + 0.8, 0.3))
    found = witness.told()
    assert found is not None
    assert found["since"] == sent


def test_a_caller_with_a_call_there_tells_so_too_when_it_learns_from_the_registry(route: Route, view: View) -> None:
    witness, peer = Witness(route), route.peers[1]
    witness.watch("depot-b")
    sent = clock()
    peer.in_flight += 1
    peer.latency.begin(sent)
    view.answer(answer(2, [one for one in IDS if one != "depot-b"]))
    route.refresh()
    found = witness.told()
    assert found is not None
    assert found["since"] == sent


def test_round_robin_takes_each_in_turn_and_heeds_no_ejection(route: Route) -> None:
    choose = CHOICES["round robin"]()
    route.heed(route.ejector.lost(route.peers[1], clock()))
    chosen = [choose(route, clock(), ()) for _ in range(8)]
    assert [peer.instance.id for peer in chosen if peer] == IDS * 2


def test_the_least_loaded_has_the_fewest_calls_unanswered(route: Route) -> None:
    choose = CHOICES["least loaded"]()
    for peer, calls in zip(route.peers, (3, 1, 0, 2), strict=True):
        peer.in_flight = calls
    assert choose(route, clock(), ()) is route.peers[2]
    assert choose(route, clock(), (route.peers[2],)) is route.peers[1]


def test_a_call_that_failed_was_not_answered_in_time() -> None:
    assert Calls(4, {"ConnectionLost": 1}, [0.1, 0.2, 1.5]).within(1.0) == 0.5


def test_the_bar_of_a_kill_is_its_last_caller_and_missed_if_one_never_stops() -> None:
    calls = {name: Calls(1, {}, []) for name in ("depot.look", "depot.book")}
    kill = Kill(callers=100, times=[0.01, 0.02], still=0, calls=calls)
    assert [bar.measured for bar in bars({100: [kill]})] == ["20.0 ms", "0"]
    stuck = Kill(callers=100, times=[0.01], still=1, calls=calls)
    assert bars({100: [kill, stuck]})[0].met is False
    assert bars({10: [kill]})[0].met is None


def test_a_rollout_meets_its_bar_only_if_it_succeeds_and_nothing_fails() -> None:
    counts = Counts(requests=9, failed={}, p99=0.1, most=0.2, calls=9, calls_failed={}, calls_most=0.1)
    sample = Sample(title="deploy", seconds=1.0, counts=counts)
    assert rollout_bar(sample).met is True
    lost = msgspec.structs.replace(counts, calls_failed={"cart.add: ConnectionLost": 1})
    assert rollout_bar(msgspec.structs.replace(sample, counts=lost)).met is False
    assert rollout_bar(msgspec.structs.replace(sample, error="rolled back")).met is False


def test_what_retries_add_is_the_attempts_beyond_the_calls() -> None:
    phase = Phase(title="storm", seconds=10, calls=1000, attempts=1150, failed={})
    assert phase.extra == 15
