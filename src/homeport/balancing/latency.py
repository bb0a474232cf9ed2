"""How slow an endpoint has lately been, quick to believe bad news."""

from __future__ import annotations

from math import exp

DECAY = 10.0  # seconds in which an old sample loses 63 % of its weight
UNKNOWN = 0.0  # a fresh endpoint is tried at once, one call at a time: see ``cost``
FIRST_GUESS = 0.01  # seconds an endpoint without history is taken to need once a call is under way


class PeakLatency:
    """An exponentially weighted average of latencies in which a peak replaces the average at once.

    A call that is still unanswered is news as well: the latency is at least what its oldest call has waited. So an
    instance that hangs or slows down loses its traffic within a few usual latencies, not when its first late answer
    comes. Tell of each call with ``begin``, and ``answered`` or ``gave_up``.

    Times are monotonic seconds. Source: Finagle's peak EWMA load metric, but for the unanswered calls.
    """

    __slots__ = ("_generation", "_young", "seconds", "since", "stamp", "unanswered")

    def __init__(self) -> None:
        self.seconds = UNKNOWN
        self.stamp = 0.0
        # Each call belongs to the old generation or to the young one. When the last of the old has ended, the young
        # become the old. So whenever a call is out, one that began no later than ``since`` is: two counters stand in
        # for a queue of beginnings, and tell the oldest call's age short of at most one generation.
        self.since = 0.0
        self.unanswered = 0  # calls of the old generation; 0 only when there is no call at all
        self._young = 0
        self._generation = 0

    def begin(self, now: float) -> int:
        """A call has been sent. Returns what ``answered`` wants to know of it."""
        if self.unanswered:
            self._young += 1
            return self._generation + 1
        self.unanswered = 1
        self.since = now
        return self._generation

    def answered(self, begun: int, sample: float, now: float) -> None:
        """A call is over and took ``sample`` seconds; ``begun`` is what ``begin`` returned."""
        if begun != self._generation:
            self._young -= 1
        else:
            self._end_one(now)
        if sample >= self.seconds:
            self.seconds = sample
        else:
            age = now - self.stamp
            keep = exp(-age / DECAY) if age > 0 else 1.0
            self.seconds = self.seconds * keep + sample * (1.0 - keep)
        self.stamp = now

    def gave_up(self, begun: int, waited: float, now: float) -> None:
        """A call was abandoned by its caller: it would have taken longer than it ``waited``, nobody knows how much."""
        if waited > self.settled(now):
            self.answered(begun, waited, now)
        elif begun != self._generation:
            self._young -= 1
        else:
            self._end_one(now)

    def _end_one(self, now: float) -> None:
        self.unanswered -= 1
        if not self.unanswered:
            self.unanswered, self._young = self._young, 0
            self._generation += 1
            self.since = now

    def observe(self, sample: float, now: float) -> None:
        """A call of which ``begin`` was not told took ``sample`` seconds."""
        self.answered(self.begin(now), sample, now)

    def settled(self, now: float) -> float:
        """The average as it has decayed by ``now``, without a new sample."""
        age = now - self.stamp
        return self.seconds * exp(-age / DECAY) if age > 0 else self.seconds

    def at(self, now: float) -> float:
        """What a call is expected to take, given all that is known by ``now``."""
        seconds = self.settled(now)
        return max(seconds, now - self.since) if self.unanswered else seconds
