"""How many calls an instance admits at once, learned from how long they take."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import msgspec

from homeport.balancing.policy import PRIORITIES, Limit

PERIOD = 1.0  # seconds between two decisions
SAMPLES = 10  # calls that a decision needs
WARM_UP = 5  # periods of a method's first calls that only teach what is usual
FASTER = 0.1  # how much of a difference is taken into what is usual each period, when calls are faster than it;
SLOWER = 0.005  # when they are slower, and nothing is limited;
SLOWER_AT_FLOOR = 0.02  # when they are slower though next to nothing is admitted: then it is not for want of room
FEW_ERRORS = 0.1  # of the calls of a period
NEAR = 1.5  # times the floor is as good as there: priorities below the highest never use the whole limit
LOWEST_GRADIENT = 0.5  # so that one outlier counts for no more
SMOOTHING = 0.2
QUEUE = 4  # calls that may always wait
GROWTH = 1.1


class Finished(msgspec.Struct, frozen=True):
    """The calls of one method that have ended since the instance started."""

    calls: int
    errors: int  # of these: failed, or cut short by their deadline
    seconds: float  # that they took


class _Method:
    """What calls of one method usually take."""

    __slots__ = ("before", "periods", "usual")

    def __init__(self) -> None:
        self.before = Finished(0, 0, 0.0)
        self.usual = 0.0
        self.periods = 0

    def turn(self, finished: Finished, slower: float) -> tuple[int, float, float]:
        """Close a period: its calls, the seconds they took and usually take. All are 0 while the method warms up."""
        before, self.before = self.before, finished
        calls, took = finished.calls - before.calls, finished.seconds - before.seconds
        if calls <= 0:
            return 0, 0.0, 0.0
        mean = took / calls
        if mean < self.usual and finished.errors - before.errors > FEW_ERRORS * calls:
            return 0, 0.0, 0.0  # errors may make the instance look slower, never faster
        self.periods += 1
        if self.periods <= WARM_UP:
            # The latest counts most: the first calls pay for imports, caches and connections.
            self.usual = mean if self.periods == 1 else (self.usual + mean) / 2
            return 0, 0.0, 0.0
        usually = self.usual * calls
        self.usual += (mean - self.usual) * (FASTER if mean < self.usual else slower)
        return calls, took, usually


class ConcurrencyLimit:
    """Lowers the number of calls an instance admits while they take clearly longer than they usually do.

    Longer means beyond ``tolerance`` times the usual and ``queueing`` seconds: a queue of a few fast calls is not worth
    refusing any. Calls are compared with others of their method, so a change in what is called is not taken for a
    change in how fast it is. At rest the limit is the ceiling. In trouble it sinks towards the calls that were running
    (by half a second at most, so that one stalled second does little), and then below them, a tenth a second at most;
    afterwards it rises by a tenth a second. Trouble among fewer calls than the floor is nothing a limit could mend.

    A call costs it one comparison: it learns from counters that are kept anyway. Priorities are numbers as on the wire.
    Each may use its share of the limit, so background is shed first.

    Source: the gradient of Netflix's concurrency-limits (``Gradient2Limit``), with CoDel's acceptable queueing delay
    (K. Nichols and V. Jacobson, "Controlling Queue Delay", 2012).
    """

    __slots__ = ("_ceiling", "_floor", "_limits", "_methods", "_started", "limit", "room")

    def __init__(self, limits: Limit, ceiling: int, now: float) -> None:
        self._limits = limits
        self._ceiling = float(ceiling)
        self._floor = float(min(limits.floor, ceiling))
        self._methods: dict[str, _Method] = {}
        self._started = now  # of the present period
        self.limit = self._ceiling
        self.room = self._rooms()  # by priority: the calls in flight at which no more is admitted

    def admits(self, in_flight: int, priority: int = 0) -> bool:
        """Whether one more call may start beside those ``in_flight``."""
        return in_flight < self.room[priority]

    def adapt(self, finished: Mapping[str, Finished], in_flight: int, now: float) -> bool:
        """Learn from a period; to be called about every ``PERIOD``. True when the limit has changed.

        ``finished`` holds each method's counts so far; with too few new calls, the period goes on.
        """
        seconds = now - self._started
        calls = sum(counts.calls - self._method(name).before.calls for name, counts in finished.items())
        if calls < SAMPLES or seconds <= 0:
            return False
        self._started = now
        slower = self._slower()
        calls, took, usually = 0, 0.0, 0.0
        for name, counts in finished.items():
            count, spent, usual = self._method(name).turn(counts, slower)
            calls, took, usually = calls + count, took + spent, usually + usual
        if not took or not self._limits.adaptive:
            return False
        accepted = self._limits.tolerance * usually + self._limits.queueing * calls
        running = max(in_flight, took / seconds)  # at a time, on average: J. D. C. Little, 1961
        before = self.limit
        self.limit = self._next(max(LOWEST_GRADIENT, min(1.0, accepted / took)), running)
        self.room = self._rooms()
        return self.limit != before

    def _slower(self) -> float:
        """How readily slow calls are taken as usual: not at all while the limit is at work on them."""
        if self.limit >= self._ceiling:
            return SLOWER
        return SLOWER_AT_FLOOR if self.limit <= NEAR * self._floor else 0.0

    def _method(self, name: str) -> _Method:
        return self._methods.setdefault(name, _Method())

    def _next(self, gradient: float, running: float) -> float:
        limit = self.limit
        if gradient == 1.0:
            return min(self._ceiling, limit * GROWTH + QUEUE)
        if running < self._floor:
            return limit
        start = min(limit, running)
        target = start + (start * gradient + QUEUE - start) * SMOOTHING
        return max(self._floor, limit / 2, min(limit, target))

    def _rooms(self) -> tuple[int, int, int]:
        """How many calls each priority finds room for; at least one."""
        # Rounded up, so that a small limit is not made smaller still.
        default, critical, background = (ceil(self.limit * getattr(self._limits, name) - 1e-9) for name in PRIORITIES)
        return default, critical, background
