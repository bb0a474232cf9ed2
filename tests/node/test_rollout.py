"""How one version takes the place of another: step by step, observed, and back when it proves worse."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from homeport.model import Cause
from homeport.node.backoff import BackoffLimits
from homeport.node.desired import Drain, DrainInstances, Effect, Fleet, Phase, Start, Wish
from homeport.node.rollout import (
    Aim,
    Pace,
    Rollout,
    Seen,
    Stage,
    Step,
    Tally,
    Version,
    Watch,
    advance,
    aims,
    due,
    go_back,
    judge,
    promote,
)

OLD, NEW = Version("r1"), Version("r2", 1)
SOAK, READY_WITHIN = 5.0, 30.0


def rollout(*services: str, **options: Any) -> Rollout:
    steps = tuple(Step(services=(name,), singleton=name == "one") for name in services)
    pace = Pace(surge=options.pop("surge", 1), soak=SOAK, ready_within=READY_WITHIN, share=options.pop("share", 0.0))
    before, after = dict.fromkeys(services, OLD), dict.fromkeys(services, NEW)
    base: dict[str, Any] = {"before": before, "after": after, "steps": steps, "pace": pace, "trial": pace.share > 0}
    return Rollout(id="deploy-1", kind="deploy", actor="test", **(base | options))


def seen(wanted: int = 3, **counts: Any) -> dict[str, Seen]:
    return {"cart": Seen(wanted=wanted, **counts)}


class Course:
    """One rollout of ``cart``, moved on by what is seen of it."""

    def __init__(self, begun: Rollout) -> None:
        self.rollout, self.watch, self.now = begun, Watch(0.0), 0.0

    def see(self, wanted: Any = 3, **counts: Any) -> Stage:
        """Also counts of other services of the rollout, which are as good as those of ``cart``."""
        found = dict.fromkeys(
            (name for step in self.rollout.steps for name in step.services), Seen(wanted=wanted, **counts)
        )
        self.rollout, self.watch = advance(self.rollout, self.watch, found, self.now)
        return self.rollout.stage

    def aim(self, wanted: int = 3) -> tuple[int | None, int | None]:
        aim = aims(self.rollout, {"cart": wanted})["cart"]
        return aim.fresh, aim.keep


# -- start-first -------------------------------------------------------------------------------------------------------


def test_one_new_instance_is_ready_and_observed_before_one_old_leaves() -> None:
    course = Course(rollout("cart"))
    assert course.aim() == (1, 3)
    assert course.see(old=3, old_ready=3, new=1) is Stage.STARTING
    assert course.see(old=3, old_ready=3, new=1, new_ready=1) is Stage.SOAKING
    course.now = SOAK - 0.1
    assert course.see(old=3, old_ready=3, new=1, new_ready=1) is Stage.SOAKING
    assert course.aim() == (1, 3)
    course.now = SOAK
    assert course.see(old=3, old_ready=3, new=1, new_ready=1) is Stage.DRAINING
    assert course.aim() == (1, 2)
    assert course.see(old=2, old_ready=2, new=1, new_ready=1) is Stage.STARTING
    assert course.aim() == (2, 2)


def test_a_surge_replaces_several_at_a_time() -> None:
    course = Course(rollout("cart", surge=2))
    assert course.aim() == (2, 3)
    course.see(old=3, new=2, new_ready=2)
    course.now = SOAK
    course.see(old=3, new=2, new_ready=2)
    assert course.aim() == (2, 1)
    course.see(old=1, new=2, new_ready=2)
    assert course.aim() == (3, 1)


def test_the_last_old_one_that_is_gone_ends_it() -> None:
    course = Course(rollout("cart"))
    course.see(1, old=1, new=1, new_ready=1)
    course.now = SOAK
    assert course.see(1, old=1, new=1, new_ready=1) is Stage.DRAINING
    assert course.see(1, new=1, new_ready=1) is Stage.DONE
    assert aims(course.rollout, {"cart": 1}) == {"cart": Aim(version=NEW)}


def test_later_services_wait_for_earlier_ones() -> None:
    begun = aims(rollout("cart", "payment"), {"cart": 1, "payment": 1})
    assert begun["payment"] == Aim(version=OLD)


def test_a_service_that_is_new_is_not_wanted_before_its_step() -> None:
    begun = rollout("cart", "stock", before={"cart": OLD})
    assert set(aims(begun, {"cart": 1})) == {"cart"}
    assert set(aims(msgspec.structs.replace(begun, passed=1), {"cart": 1})) == {"cart", "stock"}


def test_a_service_that_is_removed_stays_until_its_step() -> None:
    begun = rollout("cart", after={})
    course = Course(begun)
    assert course.see(old=3, old_ready=3) is Stage.DRAINING
    assert aims(course.rollout, {"cart": 3}) == {}
    assert course.see() is Stage.DONE


def test_a_service_scaled_to_zero_is_not_soaked() -> None:
    assert Course(rollout("cart")).see(0) is Stage.DONE


def test_nothing_to_change_is_done_at_once() -> None:
    assert advance(rollout(), Watch(0), {}, 0)[0].stage is Stage.DONE


# -- singletons --------------------------------------------------------------------------------------------------------


def test_a_new_singleton_stands_by_before_the_old_one_is_told_to_leave() -> None:
    course = Course(rollout("one"))
    assert course.see(1, old=1, old_ready=1, new=1) is Stage.STARTING
    assert aims(course.rollout, {"one": 1})["one"] == Aim(version=NEW, fresh=1, keep=1)
    assert course.see(1, old=1, old_ready=1, new=1, standing_by=1) is Stage.DRAINING
    assert aims(course.rollout, {"one": 1})["one"] == Aim(version=NEW, fresh=1, keep=0)
    assert course.see(1, new=1, standing_by=1) is Stage.TAKING_OVER
    assert course.see(1, new=1, standing_by=1, new_ready=1) is Stage.SOAKING
    assert aims(course.rollout, {"one": 1})["one"].keep == 0
    course.now = SOAK
    assert course.see(1, new=1, standing_by=1, new_ready=1) is Stage.DONE


def test_a_new_singleton_that_cannot_be_imported_costs_the_old_one_nothing() -> None:
    course = Course(rollout("one"))
    assert course.see(1, old=1, old_ready=1, new=1, trouble="worker one-2 failed: exit status 1") is Stage.RETURNING
    assert aims(course.rollout, {"one": 1})["one"] == Aim(version=OLD, fresh=1, keep=0)


# -- going back --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [Stage.STARTING, Stage.SOAKING, Stage.DRAINING, Stage.HOLDING])
def test_a_new_instance_that_fails_halts_it_and_says_why(stage: Stage) -> None:
    course = Course(rollout("cart", stage=stage))
    assert course.see(old=3, old_ready=3, new=1, trouble="worker cart-4 failed: no bank") is Stage.RETURNING
    assert course.rollout.error == "cart: worker cart-4 failed: no bank"
    assert aims(course.rollout, {"cart": 3}) == {"cart": Aim(version=OLD)}


def test_new_code_that_is_never_ready_is_given_up() -> None:
    course = Course(rollout("cart"))
    assert due(course.rollout, course.watch) == READY_WITHIN
    course.now = READY_WITHIN
    assert course.see(old=3, old_ready=3, new=1) is Stage.RETURNING
    assert course.rollout.error == "cart: the new code was not ready within 30 s"


def test_it_is_back_when_the_old_are_all_ready_and_the_new_all_gone() -> None:
    course = Course(go_back(rollout("cart"), "worse"))
    assert course.see(old=3, old_ready=2, new=1) is Stage.RETURNING
    assert course.see(old=3, old_ready=3, new=1) is Stage.RETURNING
    assert course.see(old=3, old_ready=3) is Stage.RETURNED


def test_going_back_does_not_wait_for_a_service_that_was_never_touched() -> None:
    begun = go_back(rollout("cart", "broken"), "worse")
    found = {"cart": Seen(wanted=1, old=1, old_ready=1), "broken": Seen(wanted=1, old=1)}
    assert advance(begun, Watch(0), found, 0)[0].stage is Stage.RETURNED


def test_instances_that_do_not_stay_ready_are_given_up_in_the_end() -> None:
    course = Course(rollout("cart"))
    for _ in range(3):
        assert course.see(old=3, new=1, new_ready=1) is Stage.SOAKING
        course.see(old=3, new=1)
    assert course.rollout.stage is Stage.RETURNING
    assert "did not stay so" in course.rollout.error


def test_what_is_over_is_not_taken_back() -> None:
    done = rollout("cart", stage=Stage.DONE)
    assert go_back(done, "too late") is done


# -- judging -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (Tally(100, 0, 1.0), Tally(9, 9, 0.1), ""),
        (Tally(100, 0, 1.0), Tally(100, 2, 1.0), ""),
        (Tally(100, 0, 1.0), Tally(50, 10, 0.5), "20% of the 50 calls to new instances failed, of the old ones' 0%"),
        (Tally(100, 20, 1.0), Tally(50, 10, 0.5), ""),
        (Tally(), Tally(50, 10, 0.5), "20% of the 50 calls to new instances failed"),
        (Tally(100, 0, 1.0), Tally(100, 0, 40.0), "new instances take 400 ms a call, the old ones 10 ms"),
        (Tally(100, 0, 1.0), Tally(100, 0, 20.0), ""),
        (Tally(), Tally(100, 0, 900.0), ""),
    ],
)
def test_new_instances_are_judged_by_the_old_ones(old: Tally, new: Tally, told: str) -> None:
    assert judge(old, new) == told


def test_only_what_the_old_answered_meanwhile_counts() -> None:
    course = Course(rollout("cart"))
    course.see(old=3, new=1, new_ready=1, old_tally=Tally(1000, 0, 10.0))
    slow = {"old_tally": Tally(1100, 0, 60.0), "new_tally": Tally(100, 0, 60.0)}
    assert course.see(old=3, new=1, new_ready=1, **slow) is Stage.SOAKING, "all are slow now"
    slow["old_tally"] = Tally(1100, 0, 11.0)
    assert course.see(old=3, new=1, new_ready=1, **slow) is Stage.RETURNING


def test_counters_of_an_instance_that_is_gone_are_no_comparison() -> None:
    assert Tally(50, 0, 1.0).since(Tally(80, 0, 1.0)) == Tally()


# -- trials ------------------------------------------------------------------------------------------------------------


def trial() -> Course:
    course = Course(rollout("cart", "one", "email", share=0.1))
    for _ in range(2):
        course.see(old=3, old_ready=3, new=1, new_ready=1)
        course.now += SOAK
    course.see(old=3, old_ready=3, new=1, new_ready=1)
    return course


def test_a_trial_puts_one_new_instance_beside_the_old_and_holds() -> None:
    course = trial()
    assert course.rollout.stage is Stage.HOLDING
    course.now += 10_000
    assert course.see(old=3, old_ready=3, new=1, new_ready=1) is Stage.HOLDING
    wanted = {"cart": 3, "one": 1, "email": 2}
    assert aims(course.rollout, wanted) == {
        "cart": Aim(version=NEW, fresh=1, keep=3),
        "one": Aim(version=OLD),
        "email": Aim(version=NEW, fresh=1, keep=2),
    }


def test_promoting_replaces_all_beginning_with_what_was_on_trial() -> None:
    course = trial()
    course.rollout = promote(course.rollout)
    found = aims(course.rollout, {"cart": 3, "one": 1, "email": 2})
    assert found["cart"] == Aim(version=NEW, fresh=1, keep=3)
    assert found["one"] == Aim(version=OLD)
    assert found["email"] == Aim(version=NEW, fresh=1, keep=2), "it stays until its turn comes"


def test_a_trial_that_goes_badly_ends_by_itself() -> None:
    course = trial()
    bad = {"old_tally": Tally(1000, 0, 1.0), "new_tally": Tally(100, 50, 1.0)}
    assert course.see(old=3, old_ready=3, new=1, new_ready=1, **bad) is Stage.RETURNING


def test_only_a_trial_can_be_promoted() -> None:
    running = rollout("cart")
    assert promote(running) is running


# -- with a fleet, whatever happens ------------------------------------------------------------------------------------

LIMITS = BackoffLimits(first=1.0, longest=2.0, stable_after=10.0)
CRASH = Cause(what="process exited", actor="test", evidence="exit status 1")
WANTED = {"a": 3, "b": 2, "one": 1}


class Node:
    """A fleet and its processes, and the rollout as the disk has it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.fleet = Fleet("spread", LIMITS, 15)
        self.running: dict[str, tuple[str, Version]] = {}  # worker → service and version
        self.registered: set[str] = set()
        self.ready: set[str] = set()
        self.draining: set[str] = set()
        self.versions = dict.fromkeys(WANTED, OLD)
        self.disk: bytes = b""
        self.watch = Watch(0.0)
        self.crashed = False  # anything that was running
        self.apply()

    @property
    def rollout(self) -> Rollout | None:
        return msgspec.json.decode(self.disk, type=Rollout) if self.disk else None

    def keep(self, rollout: Rollout, watch: Watch) -> None:
        self.disk, self.watch = msgspec.json.encode(rollout), watch
        if rollout.stage is Stage.DONE:
            self.versions |= rollout.after
        self.apply()

    def apply(self) -> None:
        rollout = self.rollout
        going = rollout is not None and not rollout.over
        found = {name: Aim(version=version) for name, version in self.versions.items()}
        if going and rollout is not None:
            found |= aims(rollout, WANTED)
        wishes = {
            name: Wish(
                replicas=WANTED[name],
                release=aim.version.release,
                round=aim.version.round,
                fresh=aim.fresh,
                keep=aim.keep,
                singleton=name == "one",
            )
            for name, aim in found.items()
        }
        self.carry_out(self.fleet.wish(wishes, self.now))

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            assert not isinstance(effect, DrainInstances)
            if isinstance(effect, Start):
                ((service, _),) = effect.services
                self.running[effect.worker] = (service, Version(effect.release, effect.round))
            elif isinstance(effect, Drain):
                self.draining.add(effect.worker)

    def observe(self) -> dict[str, Seen]:
        rollout = self.rollout
        assert rollout is not None
        found = {}
        for service, wanted in WANTED.items():
            hosts = [w for w in self.fleet.workers.values() if service in w.services]
            new = [w for w in hosts if Version(w.release, w.round) == rollout.after[service]]
            staying = [w for w in hosts if w.phase is not Phase.DRAINING]
            failed = [w.name for w in new if w.phase is Phase.BACKING_OFF]
            found[service] = Seen(
                wanted=wanted,
                old=len(hosts) - len(new),
                old_ready=sum(w.name in self.ready for w in staying if w not in new),
                new=len(new),
                new_ready=sum(w.name in self.ready for w in staying if w in new),
                standing_by=sum(w.name in self.registered for w in staying if w in new),
                trouble=f"{failed[0]} failed" if failed else "",
            )
        return found

    def look(self) -> None:
        rollout = self.rollout
        if rollout is None or rollout.over:
            return
        after, watch = advance(rollout, self.watch, self.observe(), self.now)
        if after != rollout:
            self.keep(after, watch)

    # -- what processes do --

    def may_start(self, worker: str) -> bool:
        service, version = self.running[worker]
        others = {
            name
            for name, (what, which) in self.running.items()
            if what == service and name != worker and (which != version or name in self.draining)
        }
        wish = self.fleet.wishes[service]
        return service != "one" or not others or (wish.release, wish.round) != (version.release, version.round)

    def becomes_ready(self, worker: str) -> None:
        self.registered.add(worker)
        if worker not in self.draining and self.may_start(worker):
            self.ready.add(worker)
            self.carry_out(self.fleet.ready(worker, self.now))
        self.look()

    def ends(self, worker: str) -> None:
        del self.running[worker]
        for some in (self.registered, self.ready, self.draining):
            some.discard(worker)
        self.carry_out(self.fleet.exited(worker, CRASH, self.now, 0.5))
        self.look()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.carry_out(self.fleet.tick(self.now))
        self.look()

    def is_killed(self) -> None:
        """Kill -9 of the node process: another one begins with what the disk and the processes say."""
        self.fleet = Fleet("spread", LIMITS, 15)
        self.watch = Watch(self.now)
        for worker, (service, version) in self.running.items():
            ready = worker in self.ready
            leaving = CRASH if worker in self.draining else None
            self.fleet.adopt(
                worker, {service: 1}, version.release, self.now, ready=ready, round=version.round, leaving=leaving
            )
        self.apply()
        self.look()

    def settle(self) -> None:
        """Everything works from here on, and goes on until nothing changes."""
        for _ in range(400):
            for worker in sorted(self.draining & set(self.running)):
                self.ends(worker)
            for worker in sorted(set(self.running) - self.ready - self.draining):
                self.becomes_ready(worker)
            self.pass_time(1.0)

    def check(self) -> None:
        serving = [self.running[worker] for worker in self.ready if worker in self.running]
        assert sum(service == "one" for service, _ in serving) <= 1, "two singletons serve"
        if not self.crashed:
            for service in ("a", "b"):
                up = sum(
                    what == service
                    for worker, (what, _) in self.running.items()
                    if worker in self.ready - self.draining
                )
                assert up >= WANTED[service], f"{service} has fewer than wanted"

    def is_settled(self) -> None:
        rollout = self.rollout
        assert rollout is None or rollout.over, rollout
        for service, wanted in WANTED.items():
            expected = [(service, self.versions[service])] * wanted
            assert [found for found in self.running.values() if found[0] == service] == expected
        assert self.ready == set(self.running)


def begun() -> Node:
    node = Node()
    for worker in sorted(node.running):
        node.becomes_ready(worker)
    return node


def order(node: Node, number: int, surge: int, share: float) -> None:
    after = dict.fromkeys(WANTED, Version(f"r{number}", number))
    steps = tuple(Step(services=(name,), singleton=name == "one") for name in ("one", "a", "b"))
    pace = Pace(surge=surge, soak=SOAK, ready_within=READY_WITHIN, share=share)
    started = Rollout(
        id=f"deploy-{number}",
        kind="deploy",
        actor="test",
        before=dict(node.versions),
        after=after,
        steps=steps,
        pace=pace,
        trial=share > 0,
    )
    node.keep(started, Watch(node.now))
    node.look()


class RolloutMachine(RuleBasedStateMachine):
    """Deploys while processes crash and the node is killed: it ends in one version, and singletons stay single."""

    @initialize()
    def start(self) -> None:
        self.node, self.number = begun(), 1

    @precondition(lambda self: self.node.rollout is None or self.node.rollout.over)
    @rule(surge=st.integers(1, 3), share=st.sampled_from([0.0, 0.1]))
    def deploy(self, surge: int, share: float) -> None:
        self.number += 1
        order(self.node, self.number, surge, share)

    @rule(seconds=st.floats(0, 10))
    def time_passes(self, seconds: float) -> None:
        self.node.pass_time(seconds)

    @precondition(lambda self: set(self.node.running) - self.node.ready - self.node.draining)
    @rule(data=st.data())
    def one_becomes_ready(self, data: st.DataObject) -> None:
        coming = sorted(set(self.node.running) - self.node.ready - self.node.draining)
        self.node.becomes_ready(data.draw(st.sampled_from(coming)))

    @precondition(lambda self: self.node.draining & set(self.node.running))
    @rule(data=st.data())
    def a_drained_one_ends(self, data: st.DataObject) -> None:
        self.node.ends(data.draw(st.sampled_from(sorted(self.node.draining & set(self.node.running)))))

    @precondition(lambda self: self.node.running)
    @rule(data=st.data())
    def one_crashes(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(sorted(self.node.running)))
        self.node.crashed |= worker in self.node.ready
        self.node.ends(worker)

    @rule()
    def the_node_is_killed(self) -> None:
        self.node.is_killed()

    @precondition(lambda self: self.node.rollout is not None)
    @rule()
    def somebody_promotes(self) -> None:
        assert self.node.rollout is not None
        promoted = promote(self.node.rollout)
        if promoted != self.node.rollout:
            self.node.keep(promoted, Watch(self.node.now))

    @precondition(lambda self: self.node.rollout is not None)
    @rule()
    def somebody_takes_it_back(self) -> None:
        assert self.node.rollout is not None
        back = go_back(self.node.rollout, "second thoughts")
        if back != self.node.rollout:
            self.node.keep(back, Watch(self.node.now))

    @invariant()
    def singletons_are_single_and_nobody_is_missing(self) -> None:
        self.node.check()

    def teardown(self) -> None:
        if hasattr(self, "node"):
            if self.node.rollout is not None and self.node.rollout.trial:
                self.somebody_takes_it_back()
            self.node.settle()
            if self.node.rollout is not None and self.node.rollout.stage is Stage.HOLDING:
                self.node.keep(promote(self.node.rollout), Watch(self.node.now))
                self.node.settle()
            self.node.is_settled()


TestRolloutMachine = RolloutMachine.TestCase
TestRolloutMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_a_node_killed_at_any_step_boundary_is_succeeded_by_one_that_ends_it(share: float) -> None:
    """Every event of a whole deploy in turn is followed by a kill."""
    for kill_at in range(80):
        node, events = begun(), 0
        order(node, 2, 1, share)
        while node.rollout is not None and not node.rollout.over and events < 200:
            leaving, coming = (
                sorted(node.draining & set(node.running)),
                sorted(set(node.running) - node.ready - node.draining),
            )
            if leaving:
                node.ends(leaving[0])
            elif coming and not all(not node.may_start(one) and one in node.registered for one in coming):
                node.becomes_ready(coming[0])
            elif node.rollout.stage is Stage.HOLDING:
                node.keep(promote(node.rollout), Watch(node.now))
            else:
                node.pass_time(1.0)
            events += 1
            if events == kill_at:
                node.is_killed()
            node.check()
        node.settle()
        node.is_settled()
        assert set(node.versions.values()) == {Version("r2", 2)}, f"killed after event {kill_at}"
