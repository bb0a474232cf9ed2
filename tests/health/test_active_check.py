"""Active checks: run in time, and heard only when enough results in a row agree."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from homeport.health.checks import (
    ActiveCheck,
    BecameHealthy,
    BecameUnhealthy,
    Deregister,
    Effect,
    RunCheck,
    check_key,
)
from homeport.model import Check

CHECK = Check(kind="http", interval=10.0, jitter=0.0, failures=3, successes=2)
MIDDLE = 0.5  # of the jitter: none


def active(check: Check = CHECK, healthy: bool | None = True, first: float = 0.0) -> ActiveCheck:
    return ActiveCheck(check, 0.0, first=first, healthy=healthy)


def results(state: ActiveCheck, *outcomes: bool, start: float = 0.0) -> list[tuple[float, Effect]]:
    """Run the check as often as there are outcomes; what it said, and when."""
    said: list[tuple[float, Effect]] = []
    now = start
    for outcome in outcomes:
        now = max(now, state.due)
        ticked = state.tick(now)
        assert RunCheck() in ticked
        said += [(now, effect) for effect in ticked if effect != RunCheck()]
        after = state.passed(now, MIDDLE) if outcome else state.failed("no", now, MIDDLE)
        said += [(now, effect) for effect in after]
    return said


def test_it_runs_once_per_interval_counted_from_when_it_began() -> None:
    state = active(first=4.0)
    assert state.tick(3.9) == []
    assert state.tick(4.0) == [RunCheck()]
    assert state.tick(9.0) == []  # still running
    state.passed(9.0, MIDDLE)
    assert state.due == 14.0


def test_one_that_took_longer_than_its_interval_runs_again_at_once_and_never_twice_at_a_time() -> None:
    state = active()
    state.tick(0.0)
    assert state.tick(25.0) == []
    state.passed(25.0, MIDDLE)
    assert state.due == 25.0


def test_jitter_moves_the_next_run_by_at_most_its_share_of_the_interval() -> None:
    check = Check(kind="http", interval=10.0, jitter=0.2)
    for draw, due in ((0.0, 8.0), (0.5, 10.0), (1.0, 12.0)):
        state = active(check)
        state.tick(0.0)
        state.passed(0.0, draw)
        assert abs(state.due - due) < 1e-9


def test_it_is_unhealthy_only_after_enough_failures_in_a_row() -> None:
    state = active()
    assert results(state, False, False, True, False, False) == []
    assert results(state, False) == [(50.0, BecameUnhealthy("no", "3 in a row within 20.0 s"))]
    assert results(state, False, False) == []


def test_it_is_healthy_again_only_after_enough_successes_in_a_row() -> None:
    state = active(healthy=False)
    assert results(state, True, False, True) == []
    assert results(state, True) == [(30.0, BecameHealthy("2 in a row within 10.0 s"))]


def test_one_that_nobody_has_looked_at_becomes_either() -> None:
    assert results(active(healthy=None), True, True) == [(10.0, BecameHealthy("2 in a row within 10.0 s"))]
    assert results(active(healthy=None), False, False, False)[0][1] == BecameUnhealthy("no", "3 in a row within 20.0 s")


def test_what_stays_unhealthy_for_too_long_is_to_be_deregistered_with_its_last_reason() -> None:
    state = active(Check(kind="http", interval=10.0, jitter=0.0, failures=1, deregister_after=25.0))
    said = results(state, False, False, False)
    assert said == [(0.0, BecameUnhealthy("no", ""))]
    assert state.due == 25.0
    assert state.tick(25.0) == [Deregister("unhealthy for 25.0 s", "http check: no", times=1)]
    assert state.due == 30.0
    assert [effect for _, effect in results(state, False, False, False, start=30.0)] == [
        Deregister("unhealthy for 50.0 s", "http check: no", times=2)
    ]


def test_what_mends_in_time_is_not_deregistered_and_begins_anew() -> None:
    state = active(Check(kind="http", interval=10.0, jitter=0.0, failures=1, deregister_after=25.0))
    results(state, False, False, True)
    assert state.due == 30.0
    said = results(state, False, False, False)
    assert not [effect for _, effect in said if isinstance(effect, Deregister)]


def test_what_never_passes_is_deregistered_counted_from_its_registration() -> None:
    state = active(Check(kind="http", interval=10.0, jitter=0.0, deregister_after=15.0), healthy=None)
    results(state, False)
    results(state, False)
    assert state.tick(15.0) == [Deregister("unhealthy for 15.0 s", "http check: no", times=1)]


def test_a_look_that_says_nothing_is_repeated_soon_and_counts_for_nothing() -> None:
    state = active()
    results(state, False, False)
    state.tick(20.0)
    state.skipped(22.0)
    assert state.due == 23.0
    assert results(state, True) == []
    assert not state.failing


def test_a_heartbeat_before_the_time_is_over_moves_the_time() -> None:
    state = active(Check(kind="ttl", interval=10.0, failures=1), first=10.0)
    state.passed(7.0, MIDDLE)
    assert state.tick(16.9) == []
    assert state.tick(17.0) == [RunCheck()]


def test_checks_that_differ_in_anything_have_different_keys() -> None:
    assert check_key(CHECK) == check_key(Check(kind="http", interval=10.0, jitter=0.0, failures=3, successes=2))
    assert check_key(CHECK) != check_key(Check(kind="http", interval=10.0, jitter=0.0, failures=2, successes=2))


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 30)), max_size=60),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([True, False, None]),
    st.sampled_from([None, 25.0, 60.0]),
)
def test_whatever_the_results_each_change_needs_its_full_row_and_removal_its_full_time(
    outcomes: list[tuple[bool, float]], failures: int, successes: int, healthy: bool | None, after: float | None
) -> None:
    check = Check(
        kind="http", interval=10.0, jitter=0.1, failures=failures, successes=successes, deregister_after=after
    )
    state = ActiveCheck(check, 0.0, first=0.0, healthy=healthy)
    now, row, last_well, seen = 0.0, 0, 0.0, healthy
    for outcome, took in outcomes:
        now = max(now, state.due)
        effects = state.tick(now)
        for effect in effects:
            if isinstance(effect, Deregister):
                assert after is not None
                assert seen is not True
                assert now - last_well >= after - 1e-9
        if RunCheck() not in effects:
            continue
        began, now = now, now + took
        row = (max(row, 0) + 1) if outcome else (min(row, 0) - 1)
        effects = state.passed(now, took / 30) if outcome else state.failed("no", now, took / 30)
        if after is None:
            assert max(now, began + 9.0) - 1e-9 <= state.due <= max(now, began + 11.0) + 1e-9
        for effect in effects:
            assert isinstance(effect, BecameHealthy) is outcome
            assert abs(row) >= (successes if outcome else failures)
            assert outcome is not seen
            if not outcome and seen is True:
                last_well = now
            seen = outcome
        assert state.healthy is seen
