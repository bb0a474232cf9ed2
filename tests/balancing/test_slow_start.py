from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from homeport.balancing.choice import pick
from homeport.balancing.policy import Ejection, SlowStartPolicy
from homeport.balancing.slowstart import SlowStart
from tests.balancing.fleet import Forgetful, Instance, run

LIMITS = SlowStartPolicy()


def started(*members: str, limits: SlowStartPolicy = LIMITS) -> SlowStart[str]:
    slow: SlowStart[str] = SlowStart(limits)
    slow.update(members, 0.0)
    return slow


def test_a_newcomer_gets_a_growing_share() -> None:
    slow = started("a", "b")
    slow.update(["a", "b", "new"], 100.0)
    assert [slow.factor("new", 100.0 + age) for age in (0, 0.5, 5, 9, 10, 99)] == [0.1, 0.1, 0.5, 0.9, 1.0, 1.0]
    assert slow.factor("a", 100.0) == 1.0


def test_who_was_there_from_the_beginning_is_seasoned() -> None:
    slow = started("a", "b", "c")
    assert not slow.warming
    assert not slow.passes_over("a", 0.0, lambda: 0.999)


def test_with_fewer_than_three_nobody_is_spared() -> None:
    slow = started("a")
    slow.update(["a", "new"], 1.0)
    assert not slow.warming
    assert slow.factor("new", 1.0) == 1.0


def test_newcomers_are_not_spared_when_nobody_else_is_there() -> None:
    slow = started("a")
    slow.update(["a", "x", "y"], 1.0)
    assert slow.warming
    slow.update(["x", "y", "z"], 2.0)
    assert not slow.warming


def test_the_ramp_begins_anew_when_an_instance_is_healthy_again() -> None:
    slow = started("a", "b", "c")
    slow.restarted("a", 50.0)
    assert slow.warming
    assert slow.factor("a", 52.0) == 0.2
    assert not slow.passes_over("a", 60.0, lambda: 0.999)
    assert not slow.warming


def test_a_window_of_zero_turns_it_off() -> None:
    slow = started("a", "b", limits=SlowStartPolicy(window=0.0))
    slow.update(["a", "b", "new"], 1.0)
    assert not slow.warming


def test_one_that_left_is_forgotten() -> None:
    slow = started("a", "b", "c")
    slow.update(["a", "b", "c", "new"], 1.0)
    slow.update(["a", "b", "c"], 2.0)
    assert not slow.warming
    slow.restarted("new", 3.0)
    assert not slow.warming


@given(st.floats(0, 20), st.floats(0, 0.999))
def test_the_chance_to_be_passed_over_only_falls_with_age(age: float, draw: float) -> None:
    slow = started("a", "b")
    slow.update(["a", "b", "new"], 0.0)
    if not slow.passes_over("new", age, lambda: draw):
        assert not slow.passes_over("new", age + 1, lambda: draw)


def test_in_traffic_the_share_grows_from_little_to_the_usual() -> None:
    rng = random.Random(1)
    instances = [Instance(number, Ejection()) for number in range(6)]
    slow: SlowStart[Instance] = SlowStart(LIMITS)
    slow.update(instances[:5], 0.0)
    slow.update(instances, 0.0)
    clock = [0.0]
    counts: Counter[int] = Counter()

    def choose() -> Instance:
        now = clock[0] = clock[0] + 1 / 500
        chosen = pick(instances, now, rng.random)
        if slow.warming and slow.passes_over(chosen, now, rng.random):
            chosen = pick([one for one in instances if one is not chosen], now, rng.random)
        counts[int(now)] += chosen.number == 5
        return chosen

    run(Forgetful(choose), rate=500, seconds=20, takes=lambda _, now: rng.expovariate(100), rng=rng)
    assert 0 < counts[0] < 40, "of some 83 that would be its due"
    assert 20 < counts[4] < 80
    assert sum(counts[second] for second in range(12, 18)) > 6 * 60
