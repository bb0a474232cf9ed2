from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.balancing.hedging import SAMPLES, SOONEST, Hedging, LatencyHistogram
from homeport.balancing.policy import Hedge


@given(st.lists(st.floats(1e-6, 400), min_size=1, max_size=500), st.floats(0.5, 0.999))
def test_a_quantile_is_the_true_one_or_up_to_an_eighth_more(samples: list[float], share: float) -> None:
    histogram = LatencyHistogram()
    for sample in samples:
        histogram.observe(sample)
    wanted = next(one for rank, one in enumerate(sorted(samples), 1) if rank >= share * len(samples))
    assert wanted <= histogram.quantile(share) <= wanted * 1.125 + 2e-7


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_any_latency_can_be_told(samples: list[float]) -> None:
    histogram = LatencyHistogram()
    for sample in samples:
        histogram.observe(sample)
    assert histogram.count == len(samples)
    assert histogram.quantile(0.99) >= 0


def test_old_latencies_are_forgotten() -> None:
    histogram = LatencyHistogram()
    for sample in [5.0] * 3000 + [0.01] * 2001:
        histogram.observe(sample)
    assert histogram.quantile(0.999) < 0.012


def test_a_fixed_delay_is_just_that() -> None:
    hedging = Hedging(Hedge(seconds=0.25))
    hedging.observe(10.0)
    assert hedging.delay() == 0.25


def test_nothing_is_hedged_before_enough_is_known() -> None:
    hedging = Hedging(Hedge(quantile=0.95))
    for _ in range(SAMPLES - 1):
        hedging.observe(0.1)
    assert hedging.delay() is None
    hedging.observe(0.1)
    assert hedging.delay() == pytest.approx(0.1, rel=0.13)


def test_about_one_call_in_twenty_is_hedged_at_p95() -> None:
    rng, hedging, hedged = random.Random(1), Hedging(Hedge(quantile=0.95)), 0
    for _ in range(20_000):
        seconds, delay = rng.lognormvariate(-4, 1), hedging.delay()
        hedged += delay is not None and seconds > delay
        hedging.observe(seconds)
    assert 0.03 < hedged / 20_000 < 0.055


def test_it_follows_a_service_that_becomes_slower() -> None:
    hedging = Hedging(Hedge(quantile=0.95))
    for seconds in [0.01] * 500 + [0.1] * 2000:
        hedging.observe(seconds)
    assert hedging.delay() == pytest.approx(0.1, rel=0.13)


def test_no_hedge_is_sent_sooner_than_a_timer_can_tell() -> None:
    hedging = Hedging(Hedge(quantile=0.95))
    for _ in range(100):
        hedging.observe(0.00002)
    assert hedging.delay() == SOONEST
