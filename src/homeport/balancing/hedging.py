"""After how long a second attempt is sent beside an unanswered first."""

from __future__ import annotations

from math import frexp

from homeport.balancing.policy import Hedge

SAMPLES = 20  # fewer say nothing about a high quantile
EPOCH = 1000  # samples after which the older ones begin to be forgotten
RENEW = 32  # samples between two readings of the quantile
SOONEST = 0.001  # seconds; the timers of an event loop are no finer
_STEPS = 8  # buckets between a power of two and the next: the answer is up to 1/8 too high
_LOWEST = -20  # exponent of the lowest bucket's seconds, about 1 µs
_BUCKETS = 30 * _STEPS  # up to 2**9 seconds


class LatencyHistogram:
    """The distribution of the last one to two thousand latencies, in buckets that grow with the latency.

    Source: the log-linear buckets of G. Tene's HdrHistogram; two of them take turns, so that old samples go.
    """

    __slots__ = ("_before", "_buckets", "_count", "_count_before")

    def __init__(self) -> None:
        self._buckets, self._count = [0] * _BUCKETS, 0
        self._before, self._count_before = [0] * _BUCKETS, 0

    @property
    def count(self) -> int:
        return self._count + self._count_before

    def observe(self, seconds: float) -> None:
        if self._count >= EPOCH:
            self._before, self._count_before = self._buckets, self._count
            self._buckets, self._count = [0] * _BUCKETS, 0
        mantissa, exponent = frexp(seconds)  # seconds == mantissa * 2**exponent, 0.5 <= mantissa < 1
        index = (exponent - 1 - _LOWEST) * _STEPS + int((mantissa - 0.5) * 2 * _STEPS)
        self._buckets[min(max(index, 0), _BUCKETS - 1)] += 1
        self._count += 1

    def quantile(self, share: float) -> float:
        """The upper edge of the bucket in which the ``share`` of samples is reached; 0 without any."""
        wanted = share * self.count
        seen = 0
        for index, (now, before) in enumerate(zip(self._buckets, self._before, strict=True)):
            seen += now + before
            if seen and seen >= wanted:
                power, step = divmod(index, _STEPS)
                return float(2.0 ** (power + _LOWEST) * (1 + (step + 1) / _STEPS))
        return 0.0


class Hedging:
    """When a call of one idempotent method is hedged; the hedge is paid for from the retry budget.

    Source: J. Dean and L. A. Barroso, "The Tail at Scale", Communications of the ACM 56(2), 2013: deferring the second
    request to the 95th percentile limits the added load to some 5 %.
    """

    __slots__ = ("_delay", "_due", "_hedge", "_histogram")

    def __init__(self, hedge: Hedge) -> None:
        self._hedge = hedge
        self._histogram = LatencyHistogram()
        self._delay = hedge.seconds
        self._due = SAMPLES

    def observe(self, seconds: float) -> None:
        """A first attempt was answered.

        When the hedge won, tell what the first had waited by then: leaving slow calls out would lower the quantile, and
        so make for ever more hedges.
        """
        if self._hedge.quantile is None:
            return
        self._histogram.observe(seconds)
        self._due -= 1
        if self._due <= 0:
            self._due = RENEW
            self._delay = max(SOONEST, self._histogram.quantile(self._hedge.quantile))

    def delay(self) -> float | None:
        """Seconds to wait for the first attempt; None: too little is known to hedge."""
        return self._delay
