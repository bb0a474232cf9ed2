"""Eleven instances, one caller, 1,000 calls/s for 60 s; one instance answers late, or never, for 30 s of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import inf

import pytest

from homeport.balancing.outliers import Ejected, Restored
from homeport.balancing.policy import Ejection
from tests.balancing.fleet import Balancer, Instance, Ours, least_loaded, round_robin, run

LIMITS = Ejection()
SLOW = 0  # number of the instance
SLOW_FROM, SLOW_UNTIL = 15.0, 45.0


def work(rng: random.Random, usual: float, slow: float) -> Callable[[Instance, float], float]:
    """Most calls take about ``usual`` seconds; those sent to the slow instance in its time take ``slow``."""

    def takes(instance: Instance, now: float) -> float:
        if instance.number == SLOW and SLOW_FROM <= now < SLOW_UNTIL:
            return slow
        return usual * rng.lognormvariate(0.0, 0.5)

    return takes


def share_within_a_second(
    make: Callable[[list[Instance], random.Random], Balancer],
    usual: float = 0.02,
    slow: float = 2.0,
    deadline: float = inf,
    seed: int = 1,
) -> float:
    rng = random.Random(seed)
    balancer = make([Instance(number, LIMITS) for number in range(11)], rng)
    took, _ = run(
        balancer, rate=1000, seconds=60, takes=work(rng, usual, slow), deadline=deadline, rng=random.Random(seed)
    )
    return sum(seconds < 1.0 for seconds in took) / len(took)


def ours(instances: list[Instance], rng: random.Random) -> Ours:
    return Ours(instances, LIMITS, rng)


@pytest.mark.parametrize("usual", [0.002, 0.02, 0.1])
def test_nearly_all_calls_are_done_within_a_second(usual: float) -> None:
    assert share_within_a_second(ours, usual) >= 0.999


def test_round_robin_and_least_loaded_do_worse() -> None:
    turns = share_within_a_second(lambda instances, rng: round_robin(instances), usual=0.2)
    loaded = share_within_a_second(least_loaded, usual=0.2)
    assert 0.945 < turns < 0.965
    assert turns < loaded < 0.998


@pytest.mark.parametrize(("usual", "lost"), [(0.002, 5), (0.1, 30)])
def test_a_hung_instance_loses_its_traffic_long_before_a_deadline_tells(usual: float, lost: int) -> None:
    assert share_within_a_second(ours, usual, slow=inf, deadline=30) >= 1 - lost / 60_000


def test_the_slow_instance_gets_its_calls_back_when_it_is_well() -> None:
    rng = random.Random(3)
    balancer = ours([Instance(number, LIMITS) for number in range(11)], rng)
    run(balancer, rate=1000, seconds=60, takes=work(rng, 0.02, inf), deadline=1.0, rng=rng)
    shown = [effect for _, effect in balancer.effects if isinstance(effect, Ejected | Restored)]
    assert isinstance(shown[0], Ejected)
    assert isinstance(shown[-1], Restored)
    late = random.Random(4)
    instances = balancer.ejector.available
    _, counts = run(balancer, rate=1000, seconds=90, takes=work(late, 0.02, 0.02), rng=late)
    assert len(instances) == 11
    assert counts[SLOW] > 2000
