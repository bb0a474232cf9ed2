from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.balancing.choice import cost, failure_sample, pick
from homeport.balancing.latency import PeakLatency


class Endpoint:
    def __init__(self, name: str, seconds: float = 0.0, in_flight: int = 0, weight: float = 1.0) -> None:
        self.name, self.in_flight, self.weight = name, in_flight, weight
        self.latency = PeakLatency()
        if seconds:
            self.latency.observe(seconds, 0.0)


def test_a_peak_is_believed_at_once_and_forgotten_slowly() -> None:
    latency = PeakLatency()
    latency.observe(0.01, 0.0)
    latency.observe(1.0, 1.0)
    assert latency.seconds == 1.0
    latency.observe(0.01, 2.0)
    assert 0.8 < latency.seconds < 1.0
    assert latency.at(60.0) < 0.01


def test_the_faster_of_two_is_taken() -> None:
    slow, fast = Endpoint("slow", 0.5), Endpoint("fast", 0.01)
    draw = random.Random(1).random
    assert {pick([slow, fast], 0.0, draw).name for _ in range(50)} == {"fast"}


def test_a_busy_endpoint_costs_more_than_an_idle_one() -> None:
    assert cost(Endpoint("busy", 0.01, in_flight=9), 0.0) == pytest.approx(10 * cost(Endpoint("idle", 0.01), 0.0))


def test_a_new_endpoint_is_tried_but_not_flooded() -> None:
    seasoned, new = Endpoint("seasoned", 0.001), Endpoint("new")
    assert pick([seasoned, new], 0.0, random.Random(1).random) is new
    new.in_flight = 1
    assert pick([seasoned, new], 0.0, random.Random(1).random) is seasoned


def test_an_instance_that_fails_fast_does_not_attract_calls() -> None:
    steady, failing = Endpoint("steady", 0.02), Endpoint("failing", 0.02)
    rng, counts, now = random.Random(7), {"steady": 0, "failing": 0}, 0.0
    for _ in range(1000):
        now += 0.01
        chosen = pick([steady, failing], now, rng.random)
        counts[chosen.name] += 1
        sample = failure_sample(0.0001, usual=0.02) if chosen is failing else 0.02
        chosen.latency.observe(sample, now)
    assert counts["failing"] < 50


@given(st.lists(st.floats(0.001, 2), min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_the_slowest_of_all_is_never_taken_when_all_are_idle(latencies: list[float], rng: random.Random) -> None:
    endpoints = [Endpoint(str(number), seconds) for number, seconds in enumerate(latencies)]
    chosen = pick(endpoints, 0.0, rng.random)
    others = [endpoint.latency.seconds for endpoint in endpoints if endpoint is not chosen]
    assert chosen.latency.seconds <= max(others)


def test_weight_draws_calls_and_weight_zero_refuses_them() -> None:
    heavy, light, off = Endpoint("heavy", 0.01, weight=4), Endpoint("light", 0.01), Endpoint("off", 0.001, weight=0)
    draw = random.Random(3).random
    picked = {pick([heavy, light, off], 0.0, draw).name for _ in range(100)}
    assert "off" not in picked
    assert pick([off], 0.0, draw) is off


def test_nothing_to_pick_from_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        pick([], 0.0, random.random)
