from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.balancing.budget import RetryBudget
from homeport.balancing.policy import Retries
from homeport.balancing.retries import Attempted, GiveUp, Outcome, Retry, Step, next_step

LIMITS = Retries()


def step(
    outcome: Outcome,
    *,
    attempts: int = 1,
    idempotent: bool = False,
    is_retry: bool = False,
    remaining: float = 30.0,
    limits: Retries = LIMITS,
    budget: RetryBudget | None = None,
    draw: float = 0.5,
) -> Step:
    attempted = Attempted(
        outcome=outcome, attempts=attempts, idempotent=idempotent, is_retry=is_retry, remaining=remaining
    )
    return next_step(attempted, limits, budget or RetryBudget(), 1.0, lambda: draw)


@pytest.mark.parametrize("outcome", [Outcome.UNREACHED, Outcome.REFUSED])
def test_a_call_that_was_never_started_may_be_sent_again_whatever_it_does(outcome: Outcome) -> None:
    assert isinstance(step(outcome), Retry)


@pytest.mark.parametrize("outcome", [Outcome.UNANSWERED, Outcome.FAILED])
def test_one_that_may_have_been_carried_out_is_sent_again_only_if_idempotent(outcome: Outcome) -> None:
    assert step(outcome) == GiveUp(f"{outcome.value}, and the method is not idempotent")
    assert step(outcome, idempotent=True) == Retry(0.0)


def test_failures_of_the_handler_need_not_be_retried() -> None:
    limits = Retries(failures=False)
    assert isinstance(step(Outcome.FAILED, idempotent=True, limits=limits), GiveUp)
    assert isinstance(step(Outcome.UNANSWERED, idempotent=True, limits=limits), Retry)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNANSWERED, Outcome.FAILED])
def test_a_call_that_is_part_of_a_retry_is_not_retried_further_down(outcome: Outcome) -> None:
    assert step(outcome, idempotent=True, is_retry=True) == GiveUp(f"{outcome.value}, and the call is part of a retry")


def test_even_part_of_a_retry_goes_elsewhere_when_it_reached_nobody() -> None:
    assert step(Outcome.UNREACHED, is_retry=True) == Retry(0.0)


def test_three_attempts_are_enough() -> None:
    assert isinstance(step(Outcome.UNREACHED, attempts=2), Retry)
    assert step(Outcome.UNREACHED, attempts=3) == GiveUp("it reached nobody, at attempt 3 of 3")
    assert isinstance(step(Outcome.UNREACHED, limits=Retries(attempts=1)), GiveUp)


def test_a_spent_budget_ends_it() -> None:
    budget = RetryBudget(per_second=0.2)
    told = [step(Outcome.UNREACHED, budget=budget) for _ in range(3)]
    assert told == [Retry(0.0), Retry(0.0), GiveUp("it reached nobody, and the retry budget is spent")]


def test_what_is_not_retried_costs_nothing() -> None:
    budget = RetryBudget(per_second=0.1)
    for _ in range(10):
        assert isinstance(step(Outcome.FAILED, budget=budget), GiveUp)
        assert isinstance(step(Outcome.UNREACHED, remaining=0.0, budget=budget), GiveUp)
    assert budget.left(1.0) == 1.0


def test_refusals_are_waited_out_longer_each_time() -> None:
    limits = Retries(attempts=20)
    waits = [step(Outcome.REFUSED, attempts=attempts, limits=limits, draw=1.0) for attempts in range(1, 10)]
    assert waits == [Retry(seconds) for seconds in (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0)]


def test_another_instance_is_tried_at_once_and_a_third_soon() -> None:
    assert step(Outcome.UNREACHED, attempts=1, draw=1.0) == Retry(0.0)
    assert step(Outcome.UNREACHED, attempts=2, draw=1.0) == Retry(0.01)


def test_no_retry_is_begun_that_the_deadline_would_cut_off() -> None:
    assert isinstance(step(Outcome.REFUSED, draw=1.0, remaining=0.01), GiveUp)
    assert isinstance(step(Outcome.REFUSED, draw=1.0, remaining=0.011), Retry)


@given(
    st.sampled_from(Outcome),
    st.integers(1, 30),
    st.booleans(),
    st.booleans(),
    st.floats(0, 60),
    st.integers(1, 20),
    st.randoms(use_true_random=False),
)
def test_a_retry_is_always_allowed_in_time_and_paid_for(
    outcome: Outcome,
    attempts: int,
    idempotent: bool,
    is_retry: bool,
    remaining: float,
    most: int,
    rng: random.Random,
) -> None:
    budget, limits = RetryBudget(), Retries(attempts=most)
    attempted = Attempted(
        outcome=outcome, attempts=attempts, idempotent=idempotent, is_retry=is_retry, remaining=remaining
    )
    before = budget.left(1.0)
    decided = next_step(attempted, limits, budget, 1.0, rng.random)
    assert before - budget.left(1.0) == isinstance(decided, Retry)
    if isinstance(decided, Retry):
        assert attempts < most
        assert 0 <= decided.after < remaining
        assert decided.after <= limits.longest_backoff
        assert idempotent or outcome in (Outcome.UNREACHED, Outcome.REFUSED)
        assert not is_retry or outcome is Outcome.UNREACHED
