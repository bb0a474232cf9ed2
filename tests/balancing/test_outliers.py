from __future__ import annotations

import random
from collections.abc import Sequence
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from homeport.balancing.outliers import (
    Effect,
    Ejected,
    Ejector,
    Evidence,
    PanicBegan,
    PanicEnded,
    Probe,
    Record,
    Restored,
    Trouble,
)
from homeport.balancing.policy import Ejection

LIMITS = Ejection(jitter=0.0)


class Peer:
    def __init__(self, name: str, limits: Ejection = LIMITS) -> None:
        self.record = Record(name, limits)

    def __repr__(self) -> str:
        return self.record.instance


def fleet(count: int, limits: Ejection = LIMITS) -> tuple[Ejector[Peer], list[Peer]]:
    ejector: Ejector[Peer] = Ejector(limits, random.Random(1).random)
    peers = [Peer(f"p{number}", limits) for number in range(count)]
    ejector.update(peers, 0.0)
    return ejector, peers


def fail(ejector: Ejector[Peer], peer: Peer, times: int, now: float) -> list[Effect]:
    return [effect for _ in range(times) for effect in ejector.failed(peer, now)]


# -- ejection ----------------------------------------------------------------------------------------------------------


def test_five_failures_in_a_row_eject_for_a_second() -> None:
    ejector, (bad, *good) = fleet(4)
    assert fail(ejector, bad, 4, 1.0) == []
    assert fail(ejector, bad, 1, 1.0) == [Ejected("p0", 2.0, Evidence.FAILURES, "5 failures in a row")]
    assert list(ejector.available) == good
    assert ejector.due == 2.0


def test_a_success_between_failures_breaks_the_row() -> None:
    ejector, (bad, *_) = fleet(4)
    for _ in range(100):
        ejector.succeeded(bad, 1.0)
    assert fail(ejector, bad, 4, 1.0) == []
    ejector.succeeded(bad, 1.0)
    assert fail(ejector, bad, 4, 1.0) == []


def test_a_low_success_rate_ejects_once_there_are_enough_calls() -> None:
    ejector, (bad, *_) = fleet(4)
    for _ in range(3):
        ejector.succeeded(bad, 1.0)
    assert ejector.failed(bad, 1.0) == ()
    (ejected,) = ejector.failed(bad, 1.0)
    assert isinstance(ejected, Ejected)
    assert (ejected.evidence, ejected.reason) == (Evidence.RATE, "3 of 5 calls went well in 10 s")


def test_old_successes_do_not_hide_a_low_rate() -> None:
    ejector, (bad, *_) = fleet(4)
    for _ in range(1000):
        ejector.succeeded(bad, 1.0)
    assert ejector.failed(bad, 1.0) == ()
    for _ in range(3):
        ejector.succeeded(bad, 12.0)
    assert ejector.failed(bad, 12.0) == ()
    assert ejector.failed(bad, 12.0)


def test_refusals_lower_the_rate_but_are_no_row_of_failures() -> None:
    ejector, (busy, *_) = fleet(4)
    for _ in range(90):
        ejector.succeeded(busy, 1.0)
    told = [ejector.failed(busy, 1.0, Trouble.OVERLOADED) for _ in range(22)]
    assert told == [()] * 22
    (ejected,) = ejector.failed(busy, 1.0, Trouble.OVERLOADED)
    assert isinstance(ejected, Ejected)
    assert ejected.evidence is Evidence.RATE


@pytest.mark.parametrize(("count", "most"), [(4, 1), (19, 1), (20, 2), (35, 3)])
def test_the_success_rate_ejects_at_most_one_or_a_tenth(count: int, most: int) -> None:
    ejector, peers = fleet(count)
    for peer in peers:
        for _ in range(4):
            ejector.succeeded(peer, 1.0)
            ejector.failed(peer, 1.0)
            ejector.failed(peer, 1.0)
    assert len(ejector.available) == count - most


def test_signs_of_death_eject_however_many_are_out() -> None:
    ejector, peers = fleet(10)
    fail(ejector, peers[0], 5, 1.0)
    assert ejector.lost(peers[1], 1.0) == (Ejected("p1", 2.0, Evidence.LOST, "the connection was lost"),)
    assert ejector.silent(peers[2], 1.0, 0.3) == (
        Ejected("p2", 2.0, Evidence.SILENT, "no answer to a ping within 0.3 s"),
    )
    assert list(ejector.available) == peers[3:]


def test_one_lost_connection_counts_once_however_many_calls_it_carried() -> None:
    ejector, (lost, *_) = fleet(4)
    assert len(ejector.lost(lost, 1.0)) == 1
    assert ejector.lost(lost, 1.0) == ()


# -- coming back -------------------------------------------------------------------------------------------------------


def test_one_live_call_is_the_probe_and_its_success_restores() -> None:
    ejector, (bad, *good) = fleet(4)
    fail(ejector, bad, 5, 1.0)
    assert ejector.probe(1.9, retryable=True) is None
    probe = ejector.probe(2.0, retryable=True)
    assert probe is not None
    assert probe.member is bad
    assert ejector.probe(3.5, retryable=False) is None, "one at a time"
    assert list(ejector.available) == good
    assert ejector.probe_ended(probe, True, 4.0) == (Restored("p0", 3.0),)
    assert list(ejector.available) == [bad, *good]
    assert ejector.due == inf


def test_calls_that_must_not_fail_are_no_probes_until_nothing_else_comes() -> None:
    ejector, (bad, *_) = fleet(4)
    fail(ejector, bad, 5, 1.0)
    assert ejector.probe(2.5, retryable=False) is None
    assert ejector.probe(3.0, retryable=False) is not None


def test_every_failed_probe_doubles_the_time_up_to_a_minute() -> None:
    ejector, (bad, *_) = fleet(4)
    fail(ejector, bad, 5, 0.0)
    lengths = []
    for _ in range(8):
        now = ejector.due
        probe = ejector.probe(now, retryable=True)
        assert probe is not None
        ejected = ejector.probe_ended(probe, False, now)[0]
        assert isinstance(ejected, Ejected)
        lengths.append(ejected.until - now)
    assert lengths == [2, 4, 8, 16, 32, 60, 60, 60]


def test_each_healthy_period_halves_the_next_ejection() -> None:
    ejector, (bad, *_) = fleet(4)
    fail(ejector, bad, 5, 0.0)
    for well in (False, False, True):
        probe = ejector.probe(ejector.due, retryable=True)
        assert probe is not None
        ejector.probe_ended(probe, well, 10.0)
    ejected = fail(ejector, bad, 5, 31.0)[0]  # level 3, two periods of 10 s later
    assert isinstance(ejected, Ejected)
    assert ejected.until == 31.0 + 2.0


def test_a_long_outage_is_forgotten_as_soon_as_any_other_of_that_length() -> None:
    ejector, (bad, *_) = fleet(4)
    fail(ejector, bad, 5, 0.0)
    for attempt in range(100):
        probe = ejector.probe(ejector.due, retryable=True)
        assert probe is not None
        ejector.probe_ended(probe, attempt == 99, 5000.0)
    ejected = fail(ejector, bad, 5, 5060.0)[0]  # six halvings lead from a minute to a second
    assert isinstance(ejected, Ejected)
    assert ejected.until == 5061.0


def test_a_probe_given_up_unanswered_leaves_the_question_to_the_next() -> None:
    ejector, (bad, *_) = fleet(4)
    fail(ejector, bad, 5, 0.0)
    first = ejector.probe(1.0, retryable=True)
    assert first is not None
    assert ejector.probe_ended(first, None, 1.5) == ()
    assert ejector.probe(1.5, retryable=True) is not None


def test_a_late_failure_of_a_call_sent_before_the_ejection_changes_nothing() -> None:
    ejector, (bad, *_) = fleet(4)
    fail(ejector, bad, 5, 0.0)
    until = bad.record.until
    assert fail(ejector, bad, 20, 5.0) == []
    assert bad.record.until == until


def test_what_was_held_against_an_instance_is_forgotten_when_it_is_well() -> None:
    ejector, (bad, *_) = fleet(4)
    fail(ejector, bad, 5, 0.0)
    probe = ejector.probe(1.0, retryable=True)
    assert probe is not None
    ejector.probe_ended(probe, True, 1.0)
    assert fail(ejector, bad, 4, 1.0) == []


def test_a_sign_of_life_brings_the_probe_forward() -> None:
    ejector, (hung, *_) = fleet(4)
    ejector.silent(hung, 0.0, 0.3)
    ejector.alive(hung, 0.4)
    probe = ejector.probe(0.4, retryable=True)
    assert probe is not None
    assert probe.member is hung


def test_no_call_is_risked_on_an_instance_that_leaves_pings_unanswered() -> None:
    ejector, (hung, *_) = fleet(4)
    ejector.silent(hung, 0.0, 0.3)
    assert ejector.probe(100.0, retryable=True) is None
    assert ejector.due == inf
    ejector.alive(hung, 101.0)
    assert ejector.due == 1.0
    assert ejector.probe(101.0, retryable=True) is not None


def test_each_further_ping_unanswered_keeps_it_out_for_longer() -> None:
    ejector, (hung, *_) = fleet(4)
    ejector.silent(hung, 0.0, 0.3)
    assert ejector.silent(hung, 0.5, 0.3) == ()
    (again,) = ejector.silent(hung, 1.0, 0.3)
    assert isinstance(again, Ejected)
    assert again.until == 3.0


def test_one_whose_connection_has_gone_is_probed_by_making_another() -> None:
    ejector, (hung, *_) = fleet(4)
    ejector.silent(hung, 0.0, 0.3)
    ejector.unlinked(hung)
    assert ejector.probe(0.9, retryable=True) is None
    assert ejector.probe(1.0, retryable=True) is not None


def test_a_sign_of_life_says_nothing_about_failures() -> None:
    ejector, (bad, *_) = fleet(4)
    fail(ejector, bad, 5, 0.0)
    ejector.alive(bad, 0.4)
    assert ejector.probe(0.4, retryable=True) is None


def test_an_outdated_probe_decides_nothing() -> None:
    ejector, (bad, *_) = fleet(4)
    fail(ejector, bad, 5, 0.0)
    outdated = ejector.probe(1.0, retryable=True)
    assert outdated is not None
    ejector.silent(bad, 1.5, 0.3)
    assert ejector.probe_ended(outdated, True, 1.6) == ()
    assert bad not in ejector.available


# -- panic -------------------------------------------------------------------------------------------------------------


def test_with_fewer_than_half_left_all_are_used() -> None:
    ejector, peers = fleet(4)
    ejector.lost(peers[0], 0.0)
    ejector.lost(peers[1], 0.0)
    assert list(ejector.available) == peers[2:], "half is enough"
    assert ejector.lost(peers[2], 0.0)[1:] == (PanicBegan(1, 4),)
    assert list(ejector.available) == peers
    assert ejector.succeeded(peers[0], 1.5) == (Restored("p0", 1.5), PanicEnded(2, 4))
    assert list(ejector.available) == [peers[0], peers[3]]


def test_the_only_instance_is_used_whatever_it_does() -> None:
    ejector, (only,) = fleet(1)
    fail(ejector, only, 50, 0.0)
    assert list(ejector.available) == [only]


def test_in_a_panic_failures_after_the_ejection_eject_again() -> None:
    ejector, (only,) = fleet(1)
    fail(ejector, only, 5, 0.0)
    assert ejector.failed(only, 1.0) == (Ejected("p0", 3.0, Evidence.FAILURES, "it failed again"),)


def test_what_becomes_of_an_instance_that_has_left_is_no_news() -> None:
    ejector, (leaving, *others) = fleet(4)
    fail(ejector, leaving, 5, 0.0)
    probe = ejector.probe(1.0, retryable=True)
    assert probe is not None
    ejector.update(others, 1.5)
    assert ejector.probe_ended(probe, True, 2.0) == ()
    assert ejector.lost(leaving, 2.0) == ()
    assert fail(ejector, leaving, 50, 2.0) == []
    assert list(ejector.available) == others


def test_instances_that_leave_may_end_a_panic() -> None:
    ejector, peers = fleet(3)
    ejector.lost(peers[0], 0.0)
    ejector.lost(peers[1], 0.0)
    assert ejector.update(peers[1:], 0.5) == (PanicEnded(1, 2),)
    assert list(ejector.available) == [peers[2]]


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_an_order_holds_in_a_panic_and_may_leave_nobody() -> None:
    ejector, (one, other) = fleet(2)
    ejector.eject(one, inf, "looks odd", 0.0)
    ejector.lost(other, 0.0)
    assert list(ejector.available) == [other]
    ejector.eject(other, 60.0, "so does this", 0.0)
    assert list(ejector.available) == []
    assert ejector.succeeded(one, 1.0) == ()
    assert Restored("p0", 2.0) in ejector.restore(one, 2.0)
    assert list(ejector.available) == [one]


def test_an_order_that_has_run_out_ends_with_a_probe() -> None:
    ejector, (one, *_) = fleet(3)
    ejector.eject(one, 60.0, "looks odd", 0.0)
    assert ejector.probe(59.0, retryable=True) is None
    probe = ejector.probe(60.0, retryable=True)
    assert probe is not None
    (ejected,) = ejector.probe_ended(probe, False, 60.0)
    assert isinstance(ejected, Ejected)
    assert ejected.evidence is Evidence.FAILURES


def test_a_restored_instance_that_was_never_out_is_no_news() -> None:
    ejector, (one, *_) = fleet(3)
    assert ejector.restore(one, 1.0) == ()


@given(st.floats(0, 0.999), st.integers(0, 20), st.floats(0, 1))
def test_an_ejection_is_never_longer_than_its_level_says(draw: float, level: int, jitter: float) -> None:
    ejector: Ejector[Peer] = Ejector(Ejection(jitter=jitter), lambda: draw)
    peers = [Peer(str(number)) for number in range(3)]
    ejector.update(peers, 0.0)
    peers[0].record.level = level
    (ejected,) = ejector.lost(peers[0], 0.0)
    assert isinstance(ejected, Ejected)
    nominal = min(60.0, 2.0**level)
    assert nominal * (1 - jitter) <= ejected.until <= nominal


# -- what always holds -------------------------------------------------------------------------------------------------


class AnyTraffic(RuleBasedStateMachine):
    """Whatever happens, in any order."""

    @initialize(count=st.integers(1, 25))
    def begin(self, count: int) -> None:
        self.ejector, self.peers = fleet(count, Ejection())
        self.now = 0.0
        self.out: set[str] = set()
        self.panic = False
        self.probes: list[Probe[Peer]] = []

    def peer(self, index: int) -> Peer:
        return self.peers[index % len(self.peers)]

    def told(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Ejected(instance=name, until=until):
                    self.out.add(name)
                    assert until >= self.now
                case Restored(instance=name):
                    self.out.remove(name)
                case PanicBegan():
                    assert not self.panic
                    self.panic = True
                case PanicEnded():
                    assert self.panic
                    self.panic = False

    @rule(seconds=st.sampled_from([0.01, 0.5, 2.0, 11.0, 70.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(index=st.integers(0, 24), good=st.integers(0, 6), bad=st.integers(0, 6))
    def calls(self, index: int, good: int, bad: int) -> None:
        for _ in range(good):
            self.told(self.ejector.succeeded(self.peer(index), self.now))
        for _ in range(bad):
            self.told(self.ejector.failed(self.peer(index), self.now))

    @rule(index=st.integers(0, 24))
    def refusal(self, index: int) -> None:
        self.told(self.ejector.failed(self.peer(index), self.now, Trouble.OVERLOADED))

    @rule(index=st.integers(0, 24))
    def loss(self, index: int) -> None:
        self.told(self.ejector.lost(self.peer(index), self.now))

    @rule(index=st.integers(0, 24), alive=st.booleans())
    def ping(self, index: int, alive: bool) -> None:
        if alive:
            self.ejector.alive(self.peer(index), self.now)
        else:
            self.told(self.ejector.silent(self.peer(index), self.now, 0.3))

    @rule(index=st.integers(0, 24))
    def disconnect(self, index: int) -> None:
        self.ejector.unlinked(self.peer(index))

    @rule(index=st.integers(0, 24), seconds=st.sampled_from([1.0, 30.0, inf]))
    def order(self, index: int, seconds: float) -> None:
        self.told(self.ejector.eject(self.peer(index), self.now + seconds, "by hand", self.now))

    @rule(index=st.integers(0, 24))
    def pardon(self, index: int) -> None:
        self.told(self.ejector.restore(self.peer(index), self.now))

    @rule(retryable=st.booleans())
    def try_a_probe(self, retryable: bool) -> None:
        early = self.now < self.ejector.due
        probe = self.ejector.probe(self.now, retryable=retryable)
        if probe is not None:
            assert not early
            assert probe.member.record.instance in self.out
            assert not probe.member.record.mute
            self.probes.append(probe)

    @precondition(lambda self: self.probes)
    @rule(index=st.integers(0, 9), well=st.sampled_from([True, False, None]))
    def end_a_probe(self, index: int, well: bool | None) -> None:
        probe = self.probes.pop(index % len(self.probes))
        self.told(self.ejector.probe_ended(probe, well, self.now))

    @precondition(lambda self: len(self.peers) > 1)
    @rule(index=st.integers(0, 24))
    def leave(self, index: int) -> None:
        gone = self.peer(index)
        self.peers = [peer for peer in self.peers if peer is not gone]
        self.out.discard(gone.record.instance)
        self.told(self.ejector.update(self.peers, self.now))

    @invariant()
    def effects_tell_the_whole_story(self) -> None:
        assert self.out == {peer.record.instance for peer in self.peers if peer.record.evidence is not None}
        assert self.panic == self.ejector.panic

    @invariant()
    def only_silence_makes_mute(self) -> None:
        mute = [peer for peer in self.peers if peer.record.mute]
        assert all(peer.record.evidence is Evidence.SILENT for peer in mute)

    @invariant()
    def somebody_is_available_unless_all_are_ejected_by_hand(self) -> None:
        by_hand = [peer for peer in self.peers if peer.record.evidence is Evidence.ORDER]
        assert self.ejector.available or len(by_hand) == len(self.peers)

    @invariant()
    def nobody_well_is_ever_left_out(self) -> None:
        well = [peer for peer in self.peers if peer.record.evidence is None]
        assert set(well) <= set(self.ejector.available)

    @invariant()
    def at_least_half_is_in_use(self) -> None:
        held = [peer for peer in self.peers if peer.record.evidence is Evidence.ORDER]
        assert 2 * len(self.ejector.available) >= len(self.peers) - len(held)

    @invariant()
    def the_success_rate_alone_never_takes_more_than_its_share(self) -> None:
        by_rate = [peer for peer in self.peers if peer.record.evidence is Evidence.RATE]
        most_ever = max(1, 25 // 10)
        assert len(by_rate) <= most_ever


TestAnyTraffic = AnyTraffic.TestCase
TestAnyTraffic.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
