from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.balancing.budget import RetryBudget
from homeport.balancing.window import Window

STEPS = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["plus", "minus", "look"])), max_size=80)


def tell(window: Window, kind: str, now: float) -> None:
    if now >= window.ends:
        window.turn(now)
    setattr(window, kind, getattr(window, kind) + 1)


@given(STEPS)
def test_what_counts_depends_on_when_it_happened_and_not_on_who_looked(steps: list[tuple[int, str]]) -> None:
    window, told, quarters = Window(10.0, slices=10), Counter[tuple[int, str]](), 0
    for wait, kind in steps:
        quarters += wait
        if kind != "look":
            tell(window, kind, quarters / 4)
            told[quarters // 4, kind] += 1
        elif window.sums(quarters / 4):
            present = range(quarters // 4 - 9, quarters // 4 + 1)
            expected = tuple(sum(told[second, kind] for second in present) for kind in ("plus", "minus"))
            assert window.sums(quarters / 4) == expected


@given(st.lists(st.floats(0, 3), max_size=50), st.sampled_from([1.0, 10.0, 0.7]))
def test_a_slice_always_ends_after_the_present_moment(waits: list[float], seconds: float) -> None:
    window, now = Window(seconds), 0.0
    for wait in waits:
        now += wait
        window.sums(now)
        assert window.ends > now


def test_rounding_at_the_edge_of_a_slice_does_not_keep_it_open() -> None:
    edge = 15 * (0.7 / 10)
    assert int(edge / (0.7 / 10)) == 14, "as floats have it"
    window = Window(0.7)
    window.sums(edge - 0.01)
    window.sums(edge)
    assert window.ends > edge


def test_after_a_long_silence_nothing_is_left() -> None:
    window = Window()
    tell(window, "plus", 3.0)
    assert window.sums(12.9) == (1, 0)
    assert window.sums(13.0) == (0, 0)
    tell(window, "minus", 1e6)
    assert window.sums(1e6) == (0, 1)


@pytest.mark.parametrize("later", [13.0, 23.0, 1e6])
def test_one_look_after_a_long_silence_finds_nothing(later: float) -> None:
    window = Window()
    tell(window, "plus", 3.0)
    assert window.sums(later) == (0, 0)


def test_clearing_forgets_all() -> None:
    window = Window()
    for second in range(5):
        tell(window, "plus", float(second))
    window.clear()
    assert window.sums(5.0) == (0, 0)
    assert window.sums(50.0) == (0, 0)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=150),
    st.sampled_from([0.0, 0.2, 1.0]),
    st.sampled_from([0.0, 0.3, 2.0]),
)
def test_retries_never_exceed_their_share_of_the_calls_of_their_time(
    steps: list[tuple[int, bool]], share: float, per_second: float
) -> None:
    budget, calls, retries, quarters = RetryBudget(share, per_second), Counter[int](), Counter[int](), 0
    for wait, is_call in steps:
        quarters += wait
        if is_call:
            budget.deposit(quarters / 4)
            calls[quarters // 4] += 1
        elif budget.withdraw(quarters / 4):
            retries[quarters // 4] += 1
        lately = range(quarters // 4 - 9, quarters // 4 + 1)
        if not is_call:
            made, earned = (sum(counts[second] for second in lately) for counts in (retries, calls))
            assert made <= share * earned + per_second * 10 or not retries[quarters // 4]


def test_a_retry_storm_adds_a_fifth_and_ten_a_second() -> None:
    budget, extra = RetryBudget(), 0
    for call in range(20_000):  # 1,000 a second; from 10 s on, half of the attempts fail
        now = call / 1000
        budget.deposit(now)
        fails = now >= 10 and call % 2 == 0
        while fails and budget.withdraw(now):
            extra += 1
            fails = extra % 2 == 0
    assert 1900 < extra <= 0.2 * 10_000 + 10 * 10


def test_an_idle_caller_may_retry_out_of_the_reserve_and_it_comes_back() -> None:
    budget = RetryBudget()
    assert sum(budget.withdraw(5.0) for _ in range(200)) == 100
    assert not budget.withdraw(14.9)
    assert budget.left(16.0) == pytest.approx(100)  # a slice later than calls are forgotten


def test_a_budget_of_nothing_allows_nothing() -> None:
    budget = RetryBudget(share=0.0, per_second=0.0)
    budget.deposit(1.0)
    assert not budget.withdraw(1.0)
