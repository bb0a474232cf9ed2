from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.balancing.choice import cost
from homeport.balancing.latency import FIRST_GUESS, PeakLatency


def test_an_unanswered_call_makes_an_instance_as_slow_as_it_has_waited() -> None:
    latency = PeakLatency()
    latency.observe(0.01, 0.0)
    begun = latency.begin(1.0)
    assert latency.at(1.005) < 0.01
    assert latency.at(4.0) == pytest.approx(3.0)
    latency.answered(begun, 3.0, 4.0)
    assert latency.at(4.0) == 3.0


def test_one_answer_does_not_hide_that_another_is_missing() -> None:
    latency = PeakLatency()
    first, hung = latency.begin(1.0), latency.begin(1.1)
    latency.answered(first, 0.2, 1.2)
    for second in range(2, 60):
        latency.answered(latency.begin(float(second)), 0.01, second + 0.01)
    assert latency.at(60.0) == pytest.approx(60.0 - 1.2)
    latency.gave_up(hung, 58.9, 60.0)
    assert latency.at(60.0) == 58.9


def test_giving_up_early_proves_nothing() -> None:
    latency = PeakLatency()
    latency.observe(1.0, 0.0)
    latency.gave_up(latency.begin(0.0), 0.1, 0.1)
    assert latency.seconds == 1.0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=200))
def test_the_age_known_is_the_oldest_calls_short_of_at_most_a_generation(steps: list[tuple[int, int]]) -> None:
    latency, now = PeakLatency(), 0.0
    calls: list[tuple[float, int]] = []
    for wait, index in steps:
        now += wait
        if index < 5 or not calls:
            calls.append((now, latency.begin(now)))
        else:
            _, begun = calls.pop(index % len(calls))
            latency.answered(begun, 0.0, now)
        assert bool(latency.unanswered) == bool(calls)
        if calls:
            oldest = min(began for began, _ in calls)
            assert oldest <= latency.since <= now
            assert latency.at(now) <= now - oldest


class Busy:
    def __init__(self, latency: PeakLatency, in_flight: int) -> None:
        self.latency, self.in_flight, self.weight = latency, in_flight, 1.0


@given(st.floats(0, 5), st.floats(0, 100), st.floats(0, 100), st.integers(0, 50))
def test_the_cost_is_the_expected_latency_of_one_call_more(
    sample: float, began: float, later: float, in_flight: int
) -> None:
    latency = PeakLatency()
    if sample:
        latency.observe(sample, began)
    if in_flight:
        latency.begin(began)
    now = began + later
    expected = max(latency.settled(now) or (FIRST_GUESS if in_flight else 1e-9), later if in_flight else 0.0)
    assert cost(Busy(latency, in_flight), now) == pytest.approx(expected * (in_flight + 1))
