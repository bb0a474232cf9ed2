"""The failure detector: it doubts itself before it takes anybody away, and never for long."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from homeport.health.detector import (
    DetectorLimits,
    Effect,
    Expired,
    FailureDetector,
    Probe,
    Recovered,
    Slept,
    Suspected,
)

PERIOD, TTL = 0.5, 3.0
WALL = 1_700_000_000.0


class Run:
    """A detector that is ticked on time, and what it says."""

    def __init__(self, *holders: str, domains: dict[str, tuple[str, ...]] | None = None) -> None:
        self.now = 0.0
        self.detector = FailureDetector(0.0, DetectorLimits(period=PERIOD))
        for holder in holders:
            self.detector.open(holder, TTL, 0.0)
            self.detector.belongs(holder, (domains or {}).get(holder, ()))

    def until(self, end: float, *beating: str, ahead: float = 0.0) -> list[tuple[float, Effect]]:
        said: list[tuple[float, Effect]] = []
        while self.now < end:
            self.now += PERIOD
            for holder in beating:
                self.detector.renewed(holder, self.now)
            said += [(self.now, effect) for effect in self.detector.tick(self.now, WALL + self.now + ahead)]
        return said


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def holders(said: list[tuple[float, Effect]], kind: type) -> list[str]:
    return [effect.holder for _, effect in said if isinstance(effect, kind)]  # type: ignore[union-attr]


def test_when_most_of_a_service_fall_silent_at_once_they_are_suspects_though_the_fleet_is_well() -> None:
    failing, well = names("p", 6), names("w", 20)
    run = Run(*failing, *well, domains=dict.fromkeys(failing, ("service payments",)))
    said = run.until(3.0, *well)
    assert holders(said, Suspected) == holders(said, Probe) == failing
    assert not holders(said, Expired)
    (doubts,) = {effect.doubt for _, effect in said if isinstance(effect, Suspected)}
    assert doubts == "6 of 6 of service payments fell silent at once"
    assert run.detector.suspect


def test_when_a_node_falls_silent_its_workers_are_suspects_and_others_are_judged_as_ever() -> None:
    there, here = names("t", 5), names("h", 20)
    domains = {**dict.fromkeys(there, ("node there",)), **dict.fromkeys(here, ("node here",))}
    run = Run(*there, *here, domains=domains)
    said = run.until(3.0, *here[1:])
    assert holders(said, Suspected) == there
    assert holders(said, Expired) == ["h0"]


def test_a_suspect_that_is_heard_is_cleared() -> None:
    run = Run(*names("a", 6))
    run.until(3.0)
    said = run.until(3.5, *names("a", 6))
    assert said == [(3.5, Recovered(name, "heard again")) for name in names("a", 6)]
    assert not run.detector.suspect


def test_a_suspect_that_is_not_heard_dies_after_one_more_time_to_live() -> None:
    run = Run(*names("a", 6))
    said = run.until(3.5) + run.until(10.0, *names("a", 5))
    assert [(now, effect.holder) for now, effect in said if isinstance(effect, Expired)] == [(6.0, "a5")]


def test_a_suspect_found_dead_dies_at_once() -> None:
    run = Run(*names("a", 6))
    run.until(3.0)
    assert run.detector.probed("a1", False, 3.2, "connection refused") == [
        Expired("a1", silence=3.2, evidence="connection refused")
    ]
    assert "a1" not in run.detector


def test_a_suspect_found_alive_is_cleared_and_kept_as_long_as_most_are_silent_and_it_answers() -> None:
    run = Run(*names("a", 6))
    run.until(3.0)
    for _ in range(20):
        for name in names("a", 6):
            cleared = run.detector.probed(name, True, run.now, "it accepts connections")
            assert cleared == [Recovered(name, "it accepts connections")]
        assert not run.detector.suspect
        said = run.until(run.now + TTL)
        assert holders(said, Suspected) == names("a", 6)
        assert not holders(said, Expired)


def test_the_doubt_ends_for_those_who_stay_silent_once_the_others_are_back() -> None:
    run = Run(*names("a", 6))
    run.until(3.0)
    run.detector.probed("a0", True, 3.0)
    run.until(4.0, *names("a", 6)[1:])
    said = run.until(9.0, *names("a", 6)[1:])
    assert [(now, effect.holder) for now, effect in said if isinstance(effect, Expired)] == [(6.0, "a0")]


def test_a_probe_that_could_not_tell_changes_nothing_and_is_repeated() -> None:
    run = Run(*names("a", 6))
    run.until(3.0)
    assert run.detector.probed("a0", None, 3.0) == []
    assert holders(run.until(4.0), Probe) == names("a", 6)
    assert len(holders(run.until(6.0), Expired)) == 6


def test_a_lost_connection_is_looked_into_unless_it_is_back_by_the_next_tick_but_one() -> None:
    run = Run("a", "b", "c")
    run.until(0.5, "a", "b", "c")
    run.detector.lost("a", 0.6, "its connection broke")
    run.detector.lost("b", 0.6, "its connection broke")
    assert run.until(1.0) == []
    run.detector.renewed("b", 1.1)
    assert run.until(1.5) == [(1.5, Probe("a"))]
    assert run.detector.probed("a", False, 1.5, "process 7 has ended") == [
        Expired("a", silence=1.0, evidence="its connection broke; process 7 has ended")
    ]


def test_a_lease_that_runs_out_after_its_connection_broke_says_so() -> None:
    run = Run("a")
    run.detector.lost("a", 0.0, "its connection broke")
    assert (3.0, Expired("a", 3.0, "its connection broke")) in run.until(3.0)


def test_a_suspended_machine_gives_everybody_one_more_time_to_live() -> None:
    run = Run(*names("a", 3))
    run.until(2.5)
    said = run.until(3.0, ahead=3600.0)  # the wall clock went on, the monotonic one did not
    assert [type(effect) for _, effect in said] == [Slept]
    assert run.until(5.5, ahead=3600.0) == []
    assert len(holders(run.until(6.0, ahead=3600.0), Expired)) == 3


def test_a_wall_clock_that_jumps_all_the_time_keeps_nobody_for_ever() -> None:
    run = Run("a")
    said: list[tuple[float, Effect]] = []
    for step in range(1, 30):
        said += run.until(step * PERIOD, ahead=step * 100.0)
    assert holders(said, Expired) == ["a"]
    assert next(now for now, effect in said if isinstance(effect, Expired)) <= 3 * TTL


def test_a_wall_clock_set_back_concerns_nobody() -> None:
    run = Run("a")
    run.until(1.0)
    assert holders(run.until(3.0, ahead=-1e6), Expired) == ["a"]


def test_ticks_that_are_a_little_late_lengthen_the_leases_a_little() -> None:
    detector = FailureDetector(0.0, DetectorLimits(period=PERIOD))
    detector.open("a", TTL, 0.0)
    now, effects = 0.0, list[Effect]()
    while not effects:
        now += 1.6 * PERIOD
        effects = detector.tick(now)
    assert 1.5 * TTL <= now <= 2 * TTL
    assert isinstance(effects[0], Expired)


def test_a_session_opened_again_is_heard_and_keeps_its_domains() -> None:
    run = Run(*names("a", 6), domains=dict.fromkeys(names("a", 6), ("service s",)))
    run.until(3.0)
    run.detector.open("a0", TTL, 3.1)
    assert run.until(3.5) == [(3.5, Recovered("a0", "heard again"))]


class DetectorMachine(RuleBasedStateMachine):
    """Beating holders stay; silent ones go within three times to live, whatever clocks, probes and others do."""

    NAMES = tuple(names("a", 8))

    def __init__(self) -> None:
        super().__init__()
        self.detector = FailureDetector(0.0, DetectorLimits(period=PERIOD))
        self.now = self.slept = self.ahead = 0.0
        self.beating: set[str] = set()
        self.silent: dict[str, float] = {}  # since when, in time that the detector was awake
        self.suspects: set[str] = set()

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Expired(holder=holder, silence=silence):
                    assert holder in self.silent, "it was beating"
                    assert silence >= 0
                    del self.silent[holder]
                    self.suspects.discard(holder)
                case Suspected(holder=holder):
                    assert holder in self.silent
                    assert holder not in self.suspects
                    self.suspects.add(holder)
                case Recovered(holder=holder):
                    assert holder in self.suspects
                    self.suspects.discard(holder)
                case Probe(holder=holder):
                    assert holder in self.detector
                case Slept():
                    pass

    @rule(holder=st.sampled_from(NAMES), domains=st.sets(st.sampled_from(["node x", "service y"])))
    def join(self, holder: str, domains: set[str]) -> None:
        self.detector.open(holder, TTL, self.now)
        self.detector.belongs(holder, sorted(domains))
        self.beating.add(holder)
        self.silent.pop(holder, None)

    @precondition(lambda self: self.beating)
    @rule(data=st.data())
    def fall_silent(self, data: st.DataObject) -> None:
        holder = data.draw(st.sampled_from(sorted(self.beating)))
        self.beating.discard(holder)
        self.silent[holder] = self.now - self.slept

    @rule(ticks=st.integers(1, 8), jump=st.sampled_from([0.0, 0.0, 0.0, 50.0]))
    def time_passes(self, ticks: int, jump: float) -> None:
        self.ahead += jump
        for _ in range(ticks):
            self.now += PERIOD
            for holder in self.beating:
                assert self.detector.renewed(holder, self.now)
            self.take(self.detector.tick(self.now, WALL + self.now + self.ahead))

    @rule(seconds=st.floats(1.1, 1000))
    def the_detector_sleeps(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds - PERIOD
        effects = self.detector.tick(self.now, WALL + self.now + self.ahead)
        assert not [effect for effect in effects if isinstance(effect, Expired)]
        self.take(effects)
        for holder in self.beating:
            self.detector.renewed(holder, self.now)

    @precondition(lambda self: self.suspects & set(self.silent))
    @rule(data=st.data())
    def a_suspect_is_found_dead(self, data: st.DataObject) -> None:
        holder = data.draw(st.sampled_from(sorted(self.suspects & set(self.silent))))
        effects = self.detector.probed(holder, False, self.now, "dead")
        assert [type(effect) for effect in effects] == [Expired]
        self.take(effects)

    @rule(holder=st.sampled_from(NAMES))
    def a_connection_breaks(self, holder: str) -> None:
        self.detector.lost(holder, self.now, "broke")

    @invariant()
    def nobody_silent_is_kept_for_long(self) -> None:
        for holder, since in self.silent.items():
            assert self.now - self.slept - since <= 3 * TTL + 2 * PERIOD, holder

    @invariant()
    def exactly_the_living_and_the_not_yet_dead_have_leases(self) -> None:
        assert len(self.detector) == len(self.beating | set(self.silent))
        assert self.detector.suspect == bool(self.suspects)


TestDetectorMachine = DetectorMachine.TestCase
TestDetectorMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
