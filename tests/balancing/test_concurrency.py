from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.balancing.concurrency import ConcurrencyLimit, Finished
from homeport.balancing.policy import Limit

DEFAULT, CRITICAL, BACKGROUND = 0, 1, 2


class Counters:
    """What an instance counts, told to its limit second by second."""

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self.limit = limit
        self.now = 0.0
        self.methods: dict[str, Finished] = {}

    def second(self, *, in_flight: int = 50, errors: int = 0, **seconds_per_call: float) -> float:
        """A second in which each method ended 100 calls."""
        for name, seconds in seconds_per_call.items():
            before = self.methods.get(name, Finished(0, 0, 0.0))
            self.methods[name] = Finished(before.calls + 100, before.errors + errors, before.seconds + 100 * seconds)
        self.now += 1.0
        self.limit.adapt(self.methods, in_flight, self.now)
        return self.limit.limit


def seasoned(limits: Limit | None = None, ceiling: int = 1000, **usual: float) -> Counters:
    counters = Counters(ConcurrencyLimit(limits or Limit(), ceiling, 0.0))
    for _ in range(20):
        counters.second(**usual)
    return counters


# -- priorities --------------------------------------------------------------------------------------------------------


def test_background_is_shed_first_and_critical_last() -> None:
    limit = ConcurrencyLimit(Limit(), 100, 0.0)
    admitted = {
        in_flight: [limit.admits(in_flight, priority) for priority in (BACKGROUND, DEFAULT, CRITICAL)]
        for in_flight in (69, 70, 89, 90, 99, 100)
    }
    assert admitted == {
        69: [True, True, True],
        70: [False, True, True],
        89: [False, True, True],
        90: [False, False, True],
        99: [False, False, True],
        100: [False, False, False],
    }


@pytest.mark.parametrize("ceiling", [1, 2, 5, 9])
def test_a_small_limit_is_not_made_smaller_for_ordinary_calls(ceiling: int) -> None:
    assert ConcurrencyLimit(Limit(), ceiling, 0.0).room[DEFAULT] == ceiling


# -- adapting ----------------------------------------------------------------------------------------------------------


def test_at_rest_the_limit_is_the_ceiling() -> None:
    assert seasoned(get=0.02).limit.limit == 1000


def test_calls_that_take_clearly_longer_lower_it() -> None:
    counters = seasoned(get=0.02)
    seen = [counters.second(in_flight=300, get=1.0) for _ in range(10)]
    assert seen[0] == 500, "half in a second, at most"
    assert 250 < seen[1] < 300, "then towards the calls that were running"
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] < 150


def test_a_second_in_which_the_process_stood_still_only_halves_it() -> None:
    counters = seasoned(get=0.02)
    assert counters.second(in_flight=30, get=0.5) == 500
    for _ in range(10):
        counters.second(get=0.02)
    assert counters.limit.limit == 1000


def test_a_short_queue_of_fast_calls_is_no_reason_to_refuse() -> None:
    counters = seasoned(echo=0.0001)
    assert counters.second(in_flight=500, echo=0.05) == 1000


def test_it_never_falls_below_the_floor_and_recovers() -> None:
    counters = seasoned(get=0.02)
    lowest = min(counters.second(in_flight=int(counters.limit.limit), get=2.0) for _ in range(60))
    assert lowest == 20
    for _ in range(60):
        counters.second(get=0.02)
    assert counters.limit.limit == 1000


def test_trouble_among_a_few_calls_is_no_reason_to_limit() -> None:
    counters = seasoned(report=0.02)
    for _ in range(10):
        counters.methods["report"] = Finished(
            counters.methods["report"].calls + 10, 0, counters.methods["report"].seconds + 10.0
        )
        counters.now += 1.0
        counters.limit.adapt(counters.methods, 10, counters.now)
    assert counters.limit.limit == 1000


def test_a_change_in_what_is_called_is_no_change_in_how_fast_it_is() -> None:
    counters = seasoned(get=0.001, report=1.0)
    for _ in range(10):
        assert counters.second(in_flight=300, report=1.0) == 1000


def test_slow_first_calls_are_neither_limited_nor_taken_as_usual() -> None:
    counters = Counters(ConcurrencyLimit(Limit(), 1000, 0.0))
    for seconds in (3.0, 1.0, 0.02, 0.02, 0.02, 0.02, 0.02):
        assert counters.second(in_flight=300, get=seconds) == 1000
    assert counters.second(in_flight=300, get=1.0) < 1000


def test_fast_failures_do_not_teach_that_calls_are_fast() -> None:
    counters = seasoned(get=1.0)
    for _ in range(100):
        counters.second(errors=90, get=0.001)
    assert counters.second(in_flight=300, get=1.0) == 1000


def test_what_no_limit_mends_becomes_the_usual() -> None:
    counters = seasoned(get=0.1)
    seen = [counters.second(in_flight=50, get=2.0) for _ in range(120)]
    assert min(seen) == 20
    assert seen[-1] == 1000


def test_a_dependency_that_has_become_slow_is_limited_for_two_minutes_at_most() -> None:
    """100 calls a second arrive; they take 50 ms, then 2 s, whatever the number that is running."""
    limit = ConcurrencyLimit(Limit(), 1000, 0.0)
    calls, spent, seen = 0.0, 0.0, list[float]()
    for second in range(180):
        takes = 0.05 if second < 30 else 2.0
        running = min(100 * takes, limit.room[DEFAULT])
        calls, spent = calls + running / takes, spent + running
        limit.adapt({"get": Finished(int(calls), 0, spent)}, int(running), second + 1.0)
        seen.append(limit.limit)
    assert min(seen) < 40
    assert seen[150] == 1000


def test_idle_minutes_change_nothing() -> None:
    counters = seasoned(get=0.02)
    for _ in range(100):
        counters.now += 1.0
        assert not counters.limit.adapt(counters.methods, 0, counters.now)
    assert counters.limit.limit == 1000


def test_it_can_be_turned_off() -> None:
    counters = seasoned(Limit(adaptive=False), get=0.02)
    assert counters.second(in_flight=900, get=20.0) == 1000


@given(
    st.integers(1, 2000),
    st.integers(1, 500),
    st.lists(st.tuples(st.floats(0, 60), st.integers(0, 2000), st.integers(0, 100)), max_size=60),
)
def test_it_stays_between_floor_and_ceiling_and_never_leaps(
    ceiling: int, floor: int, seconds: list[tuple[float, int, int]]
) -> None:
    counters = Counters(ConcurrencyLimit(Limit(floor=floor), ceiling, 0.0))
    for took, in_flight, errors in seconds:
        before = counters.limit.limit
        after = counters.second(in_flight=in_flight, errors=errors, get=took)
        assert min(floor, ceiling) <= after <= ceiling
        assert before / 2 <= after <= before * 1.1 + 4
        room = counters.limit.room
        assert 1 <= room[BACKGROUND] <= room[DEFAULT] <= room[CRITICAL] <= ceiling


def test_under_twice_the_load_it_can_bear_a_worker_keeps_answering_in_time() -> None:
    """A worker does 100 calls a second, one after the other; for two minutes 200 a second arrive."""
    limit = ConcurrencyLimit(Limit(), 1000, 0.0)
    rng, queue = random.Random(1), deque[float]()
    calls, spent, late, refused, free = 0, 0.0, 0, 0, 0.0
    for tick in range(150_000):  # of a millisecond
        now = tick / 1000
        if rng.random() < (0.05 if now < 30 else 0.2):
            if limit.admits(len(queue)):
                queue.append(now)
            else:
                refused += 1
        if queue and now >= free:
            took = now - queue.popleft() + 0.01
            free = now + 0.01
            calls, spent = calls + 1, spent + took
            late += now > 60 and took > 0.5
        if tick % 1000 == 0:
            limit.adapt({"work": Finished(calls, 0, spent)}, len(queue), now)
    assert late == 0
    assert calls > 30 * 50 * 0.8 + 118 * 100, "no capacity is wasted"
    assert refused > 10_000
