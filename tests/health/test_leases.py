"""Leases: silence ends them, unless the silence is the registry's own or too many fall silent together."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from homeport.health.detector import DetectorLimits, Expired, FailureDetector

PERIOD, TTL = 0.5, 3.0


def detector() -> FailureDetector:
    return FailureDetector(now=0, limits=DetectorLimits(period=PERIOD))


def expired(leases: FailureDetector, now: float) -> list[Expired]:
    return [effect for effect in leases.tick(now) if isinstance(effect, Expired)]


def run(leases: FailureDetector, start: float, end: float, beating: set[str] | None = None) -> list[tuple[float, str]]:
    """Tick on time, with everyone in ``beating`` heard at each tick; who expired, and when."""
    gone = []
    for step in range(round((end - start) / PERIOD)):
        now = start + (step + 1) * PERIOD
        for holder in beating or ():
            leases.renewed(holder, now)
        gone += [(now, effect.holder) for effect in expired(leases, now)]
    return gone


def test_a_lease_runs_out_after_its_full_silence_and_says_how_long_it_was() -> None:
    leases = detector()
    leases.open("a", TTL, now=0)
    assert run(leases, 0, 2.5) == []
    assert leases.tick(3.0) == [Expired("a", silence=3.0)]
    assert "a" not in leases


def test_a_heartbeat_gives_the_full_time_again() -> None:
    leases = detector()
    leases.open("a", TTL, now=0)
    assert run(leases, 0, 2.5) == []
    assert leases.renewed("a", now=2.5)
    assert run(leases, 2.5, 5.0) == []
    assert leases.tick(5.5) == [Expired("a", silence=3.0)]
    assert not leases.renewed("a", now=6.0)


def test_a_closed_lease_does_not_expire() -> None:
    leases = detector()
    leases.open("a", TTL, now=0)
    leases.close("a")
    assert run(leases, 0, 20) == []


def test_a_late_tick_extends_every_lease_by_its_lateness_and_expires_nobody() -> None:
    leases = detector()
    for holder in ("a", "b"):
        leases.open(holder, TTL, now=0)
    assert run(leases, 0, 1) == []
    assert expired(leases, now=3601) == []  # a laptop lid was closed for an hour
    assert leases.slept == 3601 - 1.5
    assert run(leases, 3601, 3602) == []
    assert {holder for _, holder in run(leases, 3602, 3604)} == {"a", "b"}


def test_a_first_tick_that_comes_late_expires_nobody_either() -> None:
    leases = detector()
    leases.open("a", TTL, now=0)
    assert expired(leases, now=100) == []


def test_the_first_lease_after_a_restart_lasts_a_grace_longer() -> None:
    leases = detector()
    leases.open("a", TTL, now=0, grace=TTL)
    assert run(leases, 0, 5.5) == []
    assert leases.tick(6.0) == [Expired("a", silence=6.0)]


def test_when_most_fall_silent_together_nobody_expires_until_another_round_shows_who_is_alive() -> None:
    leases = detector()
    fleet = {f"w{number}" for number in range(10)}
    for holder in fleet:
        leases.open(holder, TTL, now=0)
    assert run(leases, 0, 10, fleet) == []
    assert run(leases, 10, 13) == []
    assert leases.suspect
    assert run(leases, 13, 14.5, fleet - {"w0"}) == []  # the cable is back, one was really dead
    assert run(leases, 14.5, 16.5, fleet - {"w0"}) == [(16.0, "w0")]
    assert not leases.suspect


def test_a_suspicion_ends_by_itself_also_when_all_are_dead() -> None:
    leases = detector()
    for number in range(10):
        leases.open(f"w{number}", TTL, now=0)
    assert len(run(leases, 0, 6.5)) == 10
    assert not leases.suspect


def test_beats_that_are_spread_out_do_not_hide_that_most_fell_silent() -> None:
    leases = detector()
    for number in range(10):
        leases.open(f"w{number}", TTL, now=number / 10)
    assert run(leases, 0, 3.5) == []
    assert leases.suspect


def test_the_death_of_a_few_is_believed_at_once() -> None:
    leases = detector()
    for number in range(10):
        leases.open(f"w{number}", TTL, now=0)
    alive = {f"w{number}" for number in range(4, 10)}
    assert len(run(leases, 0, 3.5, alive)) == 4
    assert not leases.suspect


def test_a_small_fleet_is_believed_too() -> None:
    leases = detector()
    for number in range(4):
        leases.open(f"w{number}", TTL, now=0)
    assert len(run(leases, 0, 3.0)) == 4


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 20)), max_size=30))
def test_nobody_expires_before_the_full_silence(beats: list[tuple[str, float]]) -> None:
    leases, heard, now = detector(), dict[str, float](), 0.0
    for holder, wait in beats:
        now += wait
        for effect in expired(leases, now):
            assert now - heard[effect.holder] >= TTL - 1e-9
        leases.open(holder, TTL, now)
        heard[holder] = now


class LeaseMachine(RuleBasedStateMachine):
    """Whoever keeps beating stays; whoever is silent goes, sooner or later; late ticks end no lease."""

    def __init__(self) -> None:
        super().__init__()
        self.leases = detector()
        self.now = 0.0
        self.beating: set[str] = set()
        self.silent_since: dict[str, float] = {}

    @rule(holder=st.sampled_from([f"w{number}" for number in range(12)]))
    def join(self, holder: str) -> None:
        self.leases.open(holder, TTL, self.now)
        self.beating.add(holder)
        self.silent_since.pop(holder, None)

    @precondition(lambda self: self.beating)
    @rule(data=st.data())
    def fall_silent(self, data: st.DataObject) -> None:
        holder = data.draw(st.sampled_from(sorted(self.beating)))
        self.beating.discard(holder)
        self.silent_since[holder] = self.now

    @rule(ticks=st.integers(1, 8))
    def time_passes(self, ticks: int) -> None:
        for _ in range(ticks):
            self.now += PERIOD
            for holder in self.beating:
                assert self.leases.renewed(holder, self.now)
            for effect in expired(self.leases, self.now):
                assert self.now - self.silent_since[effect.holder] >= TTL - 1e-6
                del self.silent_since[effect.holder]

    @rule(seconds=st.floats(1.1, 1000))
    def the_registry_sleeps(self, seconds: float) -> None:
        self.now += seconds
        for holder in self.silent_since:
            self.silent_since[holder] += seconds - PERIOD
        assert expired(self.leases, self.now) == []
        for holder in self.beating:
            assert self.leases.renewed(holder, self.now)

    @rule()
    def long_after(self) -> None:
        self.time_passes(4 * round(TTL / PERIOD))
        assert not self.silent_since
        assert not self.leases.suspect

    @invariant()
    def exactly_the_living_and_the_not_yet_dead_hold_leases(self) -> None:
        assert len(self.leases) == len(self.beating | set(self.silent_since))


TestLeaseMachine = LeaseMachine.TestCase
TestLeaseMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
