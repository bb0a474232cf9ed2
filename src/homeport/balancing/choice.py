"""Which of several ready endpoints takes the next call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp
from typing import Protocol, TypeVar

from homeport.balancing.latency import DECAY, FIRST_GUESS, PeakLatency

FAILURE_FACTOR = 10.0  # a failure counts as this many times the service's usual latency
FAILURE_FLOOR = 0.05  # seconds; at least this much
FAILURE_CEILING = 5.0


class Loaded(Protocol):
    @property
    def in_flight(self) -> int: ...
    @property
    def latency(self) -> PeakLatency: ...
    @property
    def weight(self) -> float: ...


L = TypeVar("L", bound=Loaded)


def cost(endpoint: Loaded, now: float) -> float:
    """What sending one more call there is expected to take: latency × (calls in flight + 1), per weight.

    The latency is at least what the oldest unanswered call has waited. An endpoint without history costs nothing while
    idle, so that it is tried, and a first guess per call once busy, so that it is not flooded before its first answer.
    """
    latency = endpoint.latency
    in_flight = endpoint.in_flight
    age = now - latency.stamp
    seconds = latency.seconds * exp(-age / DECAY) if age > 0 else latency.seconds  # ``latency.at``, but a call cheaper
    if not seconds:
        seconds = FIRST_GUESS if in_flight else 1e-9
    if latency.unanswered and now - latency.since > seconds:
        seconds = now - latency.since
    return seconds * (in_flight + 1) / endpoint.weight


def pick(endpoints: Sequence[L], now: float, draw: Callable[[], float]) -> L:
    """The cheaper of two endpoints drawn at random; of three or fewer, the cheapest of two distinct ones.

    ``draw`` gives uniform numbers in [0, 1). An endpoint of weight 0 is taken only when there is no other.
    Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.

    Raises:
        ValueError: ``endpoints`` is empty.
    """
    count = len(endpoints)
    if count == 1:
        return endpoints[0]
    if not count:
        raise ValueError("pick() needs at least one endpoint")
    first = int(draw() * count)
    second = int(draw() * (count - 1))
    if second >= first:
        second += 1
    one, other = endpoints[first], endpoints[second]
    if one.weight <= 0 or other.weight <= 0:
        weighted = [endpoint for endpoint in endpoints if endpoint.weight > 0]
        return pick(weighted, now, draw) if weighted else one
    return one if cost(one, now) <= cost(other, now) else other


def failure_sample(elapsed: float, usual: float) -> float:
    """The latency to record for a failed call, in seconds.

    A failure is counted as slow, however fast it came: otherwise an instance that refuses at once looks like the
    fastest of all and draws every call. ``usual`` is what calls of this service take.
    """
    return max(elapsed, min(FAILURE_CEILING, max(FAILURE_FLOOR, usual * FAILURE_FACTOR)))
