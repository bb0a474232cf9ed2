"""Which workers run: what is wanted against what there is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from homeport.model import Cause
from homeport.node.backoff import BackoffLimits
from homeport.node.desired import Drain, DrainInstances, Effect, Fleet, Kill, Phase, Start, Wish

LIMITS = BackoffLimits(first=1.0, longest=8.0, stable_after=10.0)
DRAIN_WITHIN = 15.0
CRASH = Cause(what="process exited", actor="test", evidence="exit status 1")
WHY = Cause(what="scaled", actor="test")


def fleet(layout: str = "spread") -> Fleet:
    return Fleet(layout, LIMITS, DRAIN_WITHIN)


def wish(replicas: int = 1, release: str = "r1", **options: bool) -> Wish:
    return Wish(replicas=replicas, release=release, **options)


def started(effects: Iterable[Effect]) -> list[str]:
    return [effect.worker for effect in effects if isinstance(effect, Start)]


def drained(effects: Iterable[Effect]) -> list[str]:
    return [effect.worker for effect in effects if isinstance(effect, Drain)]


# -- spread ------------------------------------------------------------------------------------------------------------


def test_every_instance_gets_a_worker_of_its_own() -> None:
    effects = fleet().wish({"cart": wish(), "payments": wish(2)}, now=0)
    assert effects == [
        Start(worker="cart-1", services=(("cart", 1),), release="r1"),
        Start(worker="payments-1", services=(("payments", 1),), release="r1"),
        Start(worker="payments-2", services=(("payments", 1),), release="r1"),
    ]


def test_a_second_look_starts_nothing_twice() -> None:
    some = fleet()
    some.wish({"cart": wish()}, now=0)
    assert some.wish({"cart": wish()}, now=1) == []


def test_scaling_up_starts_what_is_missing() -> None:
    some = fleet()
    some.wish({"cart": wish()}, now=0)
    assert started(some.scale("cart", 3, WHY, now=1)) == ["cart-2", "cart-3"]


def test_scaling_down_drains_the_newest_and_says_why() -> None:
    some = fleet()
    some.wish({"cart": wish()}, now=0)
    some.scale("cart", 2, WHY, now=1)
    assert some.scale("cart", 1, WHY, now=2) == [Drain(worker="cart-2", cause=WHY)]


def test_services_are_idled_at_once_and_those_that_are_already_are_left_alone() -> None:
    some = fleet()
    some.wish({"cart": wish(2), "ad": wish(0), "mail": wish(), "payments": wish()}, now=0)
    assert drained(some.idle({"cart", "ad", "payments", "nobody"}, WHY, now=1)) == ["cart-1", "cart-2", "payments-1"]
    assert {name: wished.replicas for name, wished in some.wishes.items()} == {
        "cart": 0,
        "ad": 0,
        "mail": 1,
        "payments": 0,
    }
    assert some.idle({"ad"}, WHY, now=2) == []


def test_scaling_down_takes_a_worker_that_has_no_process_first() -> None:
    some = fleet()
    some.wish({"cart": wish(2)}, now=0)
    some.exited("cart-1", CRASH, now=1, draw=0.5)
    assert some.scale("cart", 1, WHY, now=1.1) == []
    assert list(some.workers) == ["cart-2"]


def test_a_drained_worker_that_ends_is_forgotten() -> None:
    some = fleet()
    some.wish({"cart": wish()}, now=0)
    some.scale("cart", 0, WHY, now=1)
    assert some.exited("cart-1", CRASH, now=2, draw=0.5) == []
    assert not some.workers


def test_a_crashed_worker_is_started_again_after_its_backoff() -> None:
    some = fleet()
    some.wish({"cart": wish()}, now=0)
    assert some.exited("cart-1", CRASH, now=1, draw=0.5) == []
    assert some.next_due() == 1.5
    assert some.tick(now=1.4) == []
    assert started(some.tick(now=1.5)) == ["cart-1"]
    assert some.workers["cart-1"].restarts == 1


def test_a_worker_that_does_not_drain_in_time_is_killed() -> None:
    some = fleet()
    some.wish({"cart": wish()}, now=0)
    some.scale("cart", 0, WHY, now=1)
    assert some.tick(now=15.9) == []
    (killed,) = some.tick(now=16)
    assert isinstance(killed, Kill)
    assert "did not end within 15 s" in killed.cause.evidence


def test_a_service_that_left_the_application_is_drained() -> None:
    some = fleet()
    some.wish({"cart": wish(), "old": wish()}, now=0)
    (effect,) = some.wish({"cart": wish()}, now=1)
    assert isinstance(effect, Drain)
    assert effect.cause.what == "no longer part of the application"


def test_long_service_names_make_short_worker_names() -> None:
    (name,) = started(fleet().wish({"a" * 64: wish()}, now=0))
    assert len(name) <= 40


# -- replacing ---------------------------------------------------------------------------------------------------------


def test_a_new_release_is_started_before_the_old_is_drained() -> None:
    some = fleet()
    some.wish({"cart": wish()}, now=0)
    some.ready("cart-1", now=1)
    assert some.wish({"cart": wish(release="r2")}, now=2) == [
        Start(worker="cart-2", services=(("cart", 1),), release="r2")
    ]
    assert drained(some.ready("cart-2", now=3)) == ["cart-1"]


def test_old_workers_go_one_by_one_as_new_ones_become_ready() -> None:
    some = fleet()
    some.wish({"cart": wish(2)}, now=0)
    some.ready("cart-1", now=1)
    some.ready("cart-2", now=1)
    some.wish({"cart": wish(2, "r2")}, now=2)
    assert len(drained(some.ready("cart-3", now=3))) == 1
    assert len(drained(some.ready("cart-4", now=3))) == 1


def test_going_back_keeps_the_old_and_drains_the_new() -> None:
    some = fleet()
    some.wish({"cart": wish()}, now=0)
    some.ready("cart-1", now=1)
    some.wish({"cart": wish(release="r2")}, now=2)
    some.exited("cart-2", CRASH, now=3, draw=0.5)
    assert some.wish({"cart": wish()}, now=3) == []
    assert [worker.phase for worker in some.workers.values()] == [Phase.RUNNING]


def test_a_singleton_ends_before_its_successor_starts() -> None:
    some = fleet()
    some.wish({"clock": wish(singleton=True)}, now=0)
    some.ready("clock-1", now=1)
    effects = some.wish({"clock": wish(release="r2", singleton=True)}, now=2)
    assert (drained(effects), started(effects)) == (["clock-1"], [])
    assert started(some.exited("clock-1", CRASH, now=3, draw=0.5)) == ["clock-1"]


def test_one_that_is_to_leave_is_replaced_first() -> None:
    some = fleet()
    some.wish({"cart": wish(2)}, now=0)
    for name in ("cart-1", "cart-2"):
        some.ready(name, now=1)
    assert started(some.retire("cart-1", WHY, now=2)) == ["cart-3"]
    assert some.retire("cart-1", WHY, now=2) == [], "it has been told"
    assert some.ready("cart-3", now=3) == [Drain(worker="cart-1", cause=WHY)]


def test_one_that_is_to_leave_and_crashes_is_not_started_again() -> None:
    some = fleet()
    some.wish({"cart": wish()}, now=0)
    some.retire("cart-1", WHY, now=1)
    some.exited("cart-1", CRASH, now=2, draw=0.5)
    assert list(some.workers) == ["cart-2"]


def test_what_was_told_to_leave_goes_before_others_when_fewer_are_wanted() -> None:
    some = fleet()
    some.adopt("cart-1", {"cart": 1}, "r1", started=0, ready=True, leaving=WHY)
    some.adopt("cart-2", {"cart": 1}, "r1", started=0, ready=True)
    assert some.wish({"cart": wish()}, now=1) == [Drain(worker="cart-1", cause=WHY)]


# -- single ------------------------------------------------------------------------------------------------------------


def test_single_puts_all_but_the_isolated_into_one_worker() -> None:
    effects = fleet("single").wish({"a": wish(), "b": wish(2), "c": wish(isolated=True)}, now=0)
    assert effects == [
        Start(worker="app-1", services=(("a", 1), ("b", 2)), release="r1"),
        Start(worker="c-1", services=(("c", 1),), release="r1"),
    ]


def test_scaling_a_member_up_adds_workers_of_its_own() -> None:
    some = fleet("single")
    some.wish({"a": wish(), "b": wish()}, now=0)
    assert started(some.scale("a", 3, WHY, now=1)) == ["a-1", "a-2"]


def test_scaling_a_member_down_takes_its_own_workers_before_those_in_the_group() -> None:
    some = fleet("single")
    some.wish({"a": wish(), "b": wish()}, now=0)
    some.scale("a", 2, WHY, now=1)
    assert some.scale("a", 0, WHY, now=2) == [
        Drain(worker="a-1", cause=WHY),
        DrainInstances(worker="app-1", service="a", count=1, cause=WHY),
    ]


def test_a_group_whose_last_member_is_scaled_to_zero_ends() -> None:
    some = fleet("single")
    some.wish({"a": wish(), "b": wish()}, now=0)
    some.scale("a", 0, WHY, now=1)
    assert some.scale("b", 0, WHY, now=1) == [Drain(worker="app-1", cause=WHY)]


def test_a_group_is_replaced_as_a_whole() -> None:
    some = fleet("single")
    some.wish({"a": wish(), "b": wish()}, now=0)
    some.ready("app-1", now=1)
    new = {"a": wish(release="r2"), "b": wish(release="r2")}
    assert started(some.wish(new, now=2)) == ["app-2"]
    assert drained(some.ready("app-2", now=3)) == ["app-1"]


# -- adopting ----------------------------------------------------------------------------------------------------------


def test_an_adopted_worker_that_belongs_is_left_alone() -> None:
    some = fleet()
    some.adopt("cart-1", {"cart": 1}, "r1", started=0, ready=True)
    assert some.wish({"cart": wish()}, now=1) == []


def test_an_adopted_worker_of_another_release_serves_until_its_successor_is_ready() -> None:
    some = fleet()
    some.adopt("cart-1", {"cart": 1}, "r0", started=0, ready=True)
    assert started(some.wish({"cart": wish()}, now=1)) == ["cart-2"]
    assert drained(some.ready("cart-2", now=2)) == ["cart-1"]


def test_abandoning_drains_all_and_restarts_nothing() -> None:
    some = fleet()
    some.wish({"cart": wish(2)}, now=0)
    assert drained(some.abandon(WHY, now=1)) == ["cart-1", "cart-2"]
    some.exited("cart-1", CRASH, now=2, draw=0.0)
    some.exited("cart-2", CRASH, now=2, draw=0.0)
    assert not some.workers
    assert some.next_due() is None


# -- always ------------------------------------------------------------------------------------------------------------

SERVICES = ("a", "b", "lone", "one")
OPTIONS: dict[str, dict[str, Any]] = {"lone": {"isolated": True}, "one": {"singleton": True}}


class FleetMachine(RuleBasedStateMachine):
    """Plays the operating system: carries out effects, lets processes become ready, crash and end."""

    layout = "spread"

    def __init__(self) -> None:
        super().__init__()
        self.fleet, self.now, self.release = Fleet(self.layout, LIMITS, DRAIN_WITHIN), 0.0, 1
        self.running: dict[str, dict[str, int]] = {}
        self.draining: set[str] = set()
        self.wanted = dict.fromkeys(SERVICES, 1)
        self.wish()

    def wish(self) -> None:
        release = f"r{self.release}"
        found = {
            name: Wish(replicas=count, release=release, **OPTIONS.get(name, {})) for name, count in self.wanted.items()
        }
        self.carry_out(self.fleet.wish(found, self.now))

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Start():
                    assert effect.worker not in self.running, "started beside itself"
                    assert effect.services
                    for name, count in effect.services:
                        assert count > 0
                        if name == "one":
                            assert not any(held.get("one") for held in self.running.values()), "two singletons"
                    self.running[effect.worker] = dict(effect.services)
                case Drain(worker=worker):
                    assert worker in self.running, "drained without a process"
                    assert worker not in self.draining, "drained twice"
                    self.draining.add(worker)
                case DrainInstances(worker=worker, service=service, count=count):
                    self.running[worker][service] -= count
                    assert self.running[worker][service] >= 0
                case Kill(worker=worker):
                    assert worker in self.draining, "killed without being drained"

    @rule(seconds=st.floats(0, 20))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.carry_out(self.fleet.tick(self.now))

    @rule(service=st.sampled_from(SERVICES), count=st.integers(0, 3))
    def scale(self, service: str, count: int) -> None:
        count = min(count, 1) if service == "one" else count
        self.wanted[service] = count
        self.carry_out(self.fleet.scale(service, count, WHY, self.now))

    @rule()
    def release_anew(self) -> None:
        self.release += 1
        self.wish()

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def becomes_ready(self, data: st.DataObject) -> None:
        self.carry_out(self.fleet.ready(data.draw(st.sampled_from(sorted(self.running))), self.now))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), draw=st.floats(0, 1, exclude_max=True))
    def ends(self, data: st.DataObject, draw: float) -> None:
        worker = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[worker]
        self.draining.discard(worker)
        self.carry_out(self.fleet.exited(worker, CRASH, self.now, draw))

    @invariant()
    def the_fleet_knows_every_process(self) -> None:
        with_process = {w.name for w in self.fleet.workers.values() if w.phase is not Phase.BACKING_OFF}
        assert with_process == set(self.running)
        assert {w.name for w in self.fleet.workers.values() if w.phase is Phase.DRAINING} == self.draining

    @invariant()
    def what_is_wanted_is_there_or_on_its_way(self) -> None:
        release = f"r{self.release}"
        for service, count in self.wanted.items():
            have = sum(
                worker.services.get(service, 0)
                for worker in self.fleet.workers.values()
                if worker.phase is not Phase.DRAINING and worker.release == release
            )
            waits = service == "one" and any(held.get("one") for held in self.running.values())
            assert have == count or (waits and have < count)

    def teardown(self) -> None:
        """When nothing more happens, it comes to rest at exactly what is wanted."""
        for _ in range(20):
            for worker in sorted(self.draining):
                del self.running[worker]
                self.draining.discard(worker)
                self.carry_out(self.fleet.exited(worker, CRASH, self.now, 0.0))
            self.now += 10
            self.carry_out(self.fleet.tick(self.now))
            for worker in sorted(self.running):
                self.carry_out(self.fleet.ready(worker, self.now))
        for service, count in self.wanted.items():
            assert sum(held.get(service, 0) for held in self.running.values()) == count
        assert {worker.release for worker in self.fleet.workers.values()} <= {f"r{self.release}"}


class SingleFleetMachine(FleetMachine):
    layout = "single"


TestSpreadFleet = FleetMachine.TestCase
TestSingleFleet = SingleFleetMachine.TestCase
TestSpreadFleet.settings = TestSingleFleet.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
