"""How slow an endpoint has lately been, quick to believe bad news."""

from __future__ import annotations

from math import exp

DECAY = 10.0  # seconds in which an old sample loses 63 % of its weight
UNKNOWN = 0.0  # a fresh endpoint is tried at once, one call at a time: see ``cost``
FIRST_GUESS = 0.01  # seconds an endpoint without history is taken to need once a call is under way


class PeakLatency:
    """An exponentially weighted average of latencies in which a peak replaces the average at once.

    Times are monotonic seconds. Source: Finagle's peak EWMA load metric.
    """

    __slots__ = ("seconds", "stamp")

    def __init__(self) -> None:
        self.seconds = UNKNOWN
        self.stamp = 0.0

    def observe(self, sample: float, now: float) -> None:
        if sample >= self.seconds:
            self.seconds = sample
        else:
            age = now - self.stamp
            keep = exp(-age / DECAY) if age > 0 else 1.0
            self.seconds = self.seconds * keep + sample * (1.0 - keep)
        self.stamp = now

    def at(self, now: float) -> float:
        """The average as it has decayed by ``now``, without a new sample."""
        age = now - self.stamp
        return self.seconds * exp(-age / DECAY) if age > 0 else self.seconds
