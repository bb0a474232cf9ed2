"""A storm of failures at a steady rate of calls: the promise of the budget, to the retry."""

from __future__ import annotations

import pytest

from homeport.balancing.budget import RetryBudget


@pytest.mark.parametrize("phase", range(10))
def test_ten_seconds_of_failures_cost_a_fifth_of_the_calls_and_ten_a_second(phase: int) -> None:
    budget, begin = RetryBudget(), 100 + phase / 10
    retries = 0
    for number in range(30_000):
        now = begin - 20 + number / 1000
        budget.deposit(now)
        if now >= begin and number % 2:
            retries += budget.withdraw(now)
    assert 2_000 < retries <= 0.2 * 10_000 + 10 * 10
