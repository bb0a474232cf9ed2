"""Objections: an instance is ready when it says so and nobody objects, in whatever order they speak."""

from __future__ import annotations

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from homeport.health.objections import Objections
from homeport.model import Cause, Instance, State

A = Instance(id="a", service="s", endpoints=(), state=State.READY, cause=Cause(what="startup() done", actor="worker"))


def because(what: str, at: float = 5.0) -> Cause:
    return Cause(what=what, actor="test", at=at)


def test_an_objection_makes_a_ready_instance_unhealthy_and_its_end_makes_it_ready() -> None:
    objections = Objections()
    held = objections.raised(A, "http", because("http check failed"))
    assert held is not None
    assert (held.state, held.cause, held.since) == (State.UNHEALTHY, because("http check failed"), 5.0)
    objections.drop("a", "http")
    ready = objections.settled(held, because("http check passed", 9.0))
    assert ready is not None
    assert (ready.state, ready.cause, ready.since) == (State.READY, because("http check passed", 9.0), 9.0)


def test_the_end_of_one_objection_leaves_the_others_and_shows_the_next_reason() -> None:
    objections = Objections()
    held = objections.raised(A, "http", because("http check failed"))
    assert held is not None
    assert objections.raised(held, "damping", because("flapping")) is None
    objections.drop("a", "http")
    still = objections.settled(held, because("http check passed"))
    assert still is not None
    assert (still.state, still.cause) == (State.UNHEALTHY, because("flapping"))


def test_what_is_not_ready_by_its_own_account_is_left_alone_and_held_back_once_it_is() -> None:
    objections = Objections()
    for state in (State.STARTING, State.WAITING, State.UNHEALTHY, State.DRAINING):
        own = msgspec.structs.replace(A, state=state)
        assert objections.raised(own, "http", because("no")) is None
        assert objections.judged(own, None) is own
    held = objections.judged(A, None)
    assert (held.state, held.cause) == (State.UNHEALTHY, because("no"))


def test_saying_ready_again_while_held_back_changes_nothing() -> None:
    objections = Objections()
    held = objections.raised(A, "http", because("no"))
    assert objections.judged(msgspec.structs.replace(A, since=77.0), held) == held


def test_who_fails_by_its_own_account_meanwhile_is_not_made_ready_by_others() -> None:
    objections = Objections()
    objections.raised(A, "http", because("no"))
    own = msgspec.structs.replace(A, state=State.UNHEALTHY, cause=because("no disk"))
    assert objections.judged(own, None) is own
    objections.drop("a", "http")
    assert objections.settled(own, because("yes")) is None


def test_one_that_waits_to_be_seen_is_starting_until_something_is_wrong() -> None:
    objections = Objections()
    objections.note("a", "http", because("not yet looked at"), State.STARTING)
    objections.note("a", "tcp", because("not yet looked at"), State.STARTING)
    begun = objections.judged(A, None)
    assert begun.state is State.STARTING
    failed = objections.raised(begun, "tcp", because("refused"))
    assert failed is not None
    assert (failed.state, failed.cause) == (State.UNHEALTHY, because("refused"))


def test_one_held_back_in_an_earlier_life_is_let_go_when_nothing_speaks_against_it_any_more() -> None:
    objections = Objections()
    found = msgspec.structs.replace(A, state=State.UNHEALTHY, cause=because("http check failed"))
    objections.note("a", "http", because("http check failed"))
    objections.restored("a")
    assert objections.settled(found, because("nothing")) is None
    objections.drop("a", "http")
    ready = objections.settled(found, because("http check passed"))
    assert ready is not None
    assert ready.state is State.READY


class ObjectionMachine(RuleBasedStateMachine):
    """The catalog's instance is what its own state and the standing objections come to."""

    def __init__(self) -> None:
        super().__init__()
        self.objections = Objections()
        self.written, self.own, self.standing = A, State.READY, set[str]()

    @rule(state=st.sampled_from(State))
    @precondition(lambda self: self.own is not State.DRAINING)
    def it_says(self, state: State) -> None:
        self.own = state
        self.written = self.objections.judged(msgspec.structs.replace(A, state=state), self.written)

    @rule(source=st.sampled_from(["http", "stall", "damping"]))
    def somebody_objects(self, source: str) -> None:
        self.standing.add(source)
        self.written = self.objections.raised(self.written, source, because(source)) or self.written

    @rule(source=st.sampled_from(["http", "stall", "damping"]))
    def somebody_is_satisfied(self, source: str) -> None:
        self.standing.discard(source)
        self.objections.drop("a", source)
        self.written = self.objections.settled(self.written, because("well")) or self.written

    @rule()
    def nothing_happens(self) -> None:
        assert self.objections.settled(self.written, because("nothing")) is None

    @invariant()
    def it_is_ready_when_it_says_so_and_nobody_objects(self) -> None:
        expected = State.UNHEALTHY if self.own is State.READY and self.standing else self.own
        assert self.written.state is expected
        assert set(self.objections.sources("a")) == self.standing
        if self.own is State.READY and self.standing:
            assert self.written.cause is not None
            assert self.written.cause.what in self.standing


TestObjectionMachine = ObjectionMachine.TestCase
TestObjectionMachine.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
