"""Whether a call that went wrong is sent again, and when."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec

from homeport.balancing.budget import RetryBudget
from homeport.balancing.policy import Retries


class Outcome(Enum):
    """How an attempt went wrong."""

    UNREACHED = "it reached nobody"  # no connection, or the instance was draining: certainly never started
    REFUSED = "it was refused"  # by an instance that has too much to do: certainly never started
    UNANSWERED = "no answer came"  # the connection was lost, or time ran out: it may or may not have been carried out
    FAILED = "the handler failed"


class Retry(msgspec.Struct, frozen=True):
    after: float  # seconds; at another instance, if there is one


class GiveUp(msgspec.Struct, frozen=True):
    reason: str  # for the log and for ``homeport why``; the caller gets the attempt's own error


Step = Retry | GiveUp


class Attempted(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it stands after its latest attempt went wrong."""

    outcome: Outcome
    attempts: int  # made so far
    idempotent: bool
    is_retry: bool  # made on behalf of a call that is itself a retry
    remaining: float  # seconds until its deadline


def next_step(
    attempted: Attempted,
    limits: Retries,
    budget: RetryBudget,
    now: float,
    draw: Callable[[], float],
) -> Step:
    """Decide; a retry is paid for from the ``budget``.

    Any call that was certainly never started may be sent again, an idempotent one also when it may have been. A call on
    behalf of a retry is not, since every hop would multiply the load; but for one that reached nobody: sending it
    elsewhere is still its first attempt.

    Source of the waits: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015: the "full jitter".
    """
    outcome = attempted.outcome
    if attempted.attempts >= limits.attempts:
        return GiveUp(f"{outcome.value}, at attempt {attempted.attempts} of {limits.attempts}")
    if outcome in (Outcome.UNANSWERED, Outcome.FAILED) and not attempted.idempotent:
        return GiveUp(f"{outcome.value}, and the method is not idempotent")
    if outcome is Outcome.FAILED and not limits.failures:
        return GiveUp(f"{outcome.value}, and retries.failures is off")
    if attempted.is_retry and outcome is not Outcome.UNREACHED:
        return GiveUp(f"{outcome.value}, and the call is part of a retry")
    after = _wait(attempted, limits, draw)
    if after >= attempted.remaining:
        return GiveUp(f"{outcome.value}, and the deadline leaves no time for another attempt")
    if not budget.withdraw(now):
        return GiveUp(f"{outcome.value}, and the retry budget is spent")
    return Retry(after)


def _wait(attempted: Attempted, limits: Retries, draw: Callable[[], float]) -> float:
    """Seconds to let pass: none at first, as another instance is tried, unless it was refused for want of room."""
    refusals = attempted.attempts - (attempted.outcome is not Outcome.REFUSED)
    if not refusals:
        return 0.0
    most = min(limits.longest_backoff, limits.backoff * 2.0 ** (refusals - 1))
    return most * draw()
