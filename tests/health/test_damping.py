"""Flap damping: three quick flips hold an instance back, quiet lets it go, and nobody is held back for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.health.damping import Damping, DampingLimits, Reusable

LIMITS = DampingLimits()


def test_the_third_quick_flip_holds_it_back_and_says_for_how_long() -> None:
    damping = Damping(LIMITS)
    assert damping.flipped("a", now=0) is None
    assert damping.flipped("a", now=10) is None
    suppressed = damping.flipped("a", now=20)
    assert suppressed is not None
    assert (suppressed.flips, suppressed.within) == (3, 20)
    assert 2500 < suppressed.penalty < 3000
    assert damping.suppressed("a")
    assert damping.tick(now=20 + suppressed.seconds - 1) == []
    (reusable,) = damping.tick(now=20 + suppressed.seconds + 1)
    assert reusable == Reusable("a", pytest.approx(suppressed.seconds + 1))
    assert not damping.suppressed("a")


def test_one_that_fails_once_a_minute_is_never_held_back() -> None:
    damping = Damping(LIMITS)
    assert not [minute for minute in range(600) if damping.flipped("a", now=60.0 * minute)]


def test_flapping_on_while_held_back_prolongs_it_within_bounds() -> None:
    damping = Damping(LIMITS)
    for moment in range(1000):
        damping.flipped("a", now=float(moment))
    assert damping.tick(now=999 + LIMITS.longest - 1) == []
    assert len(damping.tick(now=999 + LIMITS.longest + 1)) == 1


def test_what_flaps_again_right_after_is_held_back_sooner() -> None:
    damping = Damping(LIMITS)
    for moment in (0.0, 1.0, 2.0):
        damping.flipped("a", moment)
    assert len(damping.tick(now=130)) == 1
    assert damping.flipped("a", now=131) is None
    assert damping.flipped("a", now=132) is not None


def test_others_are_not_concerned() -> None:
    damping = Damping(LIMITS)
    for moment in (0.0, 1.0, 2.0):
        damping.flipped("a", moment)
    assert damping.penalty("b", now=2) == 0.0
    assert not damping.suppressed("b")


def test_forgiven_is_forgotten() -> None:
    damping = Damping(LIMITS)
    for moment in (0.0, 1.0, 2.0):
        damping.flipped("a", moment)
    assert damping.forgive("a")
    assert not damping.forgive("a")
    assert damping.penalty("a", now=2) == 0.0
    assert damping.tick(now=3) == []


def test_what_has_been_quiet_for_long_is_not_remembered() -> None:
    damping = Damping(LIMITS)
    for number in range(3000):
        damping.flipped(f"i{number}", now=0)
    damping.tick(now=3600)
    assert damping._records == {}


@pytest.mark.parametrize("wrong", [{"reuse": 3000.0}, {"reuse": 0.0}, {"half_life": 0.0}, {"penalty": -1.0}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"reuse|above 0"):
        DampingLimits(**wrong)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 200)), max_size=60))
def test_the_penalty_stays_in_bounds_and_suppression_ends_within_the_longest_time(
    flips: list[tuple[str, float]],
) -> None:
    damping, now, last = Damping(LIMITS), 0.0, dict[str, float]()
    for instance, wait in flips:
        now += wait
        for reusable in damping.tick(now):
            assert damping.penalty(reusable.instance, now) < LIMITS.reuse
        suppressed = damping.flipped(instance, now)
        last[instance] = now
        if suppressed is not None:
            assert LIMITS.suppress <= suppressed.penalty <= LIMITS.ceiling
            assert suppressed.flips >= 2
            assert suppressed.seconds <= LIMITS.longest + 1e-6
        for name, moment in last.items():
            assert 0 <= damping.penalty(name, now) <= LIMITS.ceiling
            if damping.suppressed(name):
                assert now - moment <= LIMITS.longest + 1e-6
    damping.tick(now + LIMITS.longest + 1e-3)
    assert not damping.suppressed("a")
    assert not damping.suppressed("b")
