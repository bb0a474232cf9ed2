"""A worker that ends again and again is started ever later, and one that has recovered soon."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.node.backoff import Backoff, BackoffLimits

LIMITS = BackoffLimits(first=1.0, longest=8.0, stable_after=10.0)


def test_the_longest_wait_doubles_up_to_the_limit() -> None:
    backoff = Backoff(LIMITS)
    assert [backoff.failed(0.1, draw=1.0) for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 8.0]


def test_the_draw_chooses_anything_below_the_longest_wait() -> None:
    assert Backoff(LIMITS).failed(0.1, draw=0.25) == 0.25


def test_a_stable_run_forgets_the_failures_before() -> None:
    backoff = Backoff(LIMITS)
    for _ in range(4):
        backoff.failed(0.1, draw=1.0)
    assert backoff.failed(10.0, draw=1.0) == 1.0


def test_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="first <= longest"):
        BackoffLimits(first=9.0, longest=8.0)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1, exclude_max=True)), max_size=50))
def test_no_wait_is_ever_longer_than_the_limit(runs: list[tuple[float, float]]) -> None:
    backoff = Backoff(LIMITS)
    for ran_for, draw in runs:
        assert 0 <= backoff.failed(ran_for, draw) <= LIMITS.longest


def test_a_worker_that_fails_for_years_does_not_overflow() -> None:
    backoff = Backoff(LIMITS)
    backoff.failures = 10**6
    assert backoff.failed(0.0, draw=1.0) == LIMITS.longest
