"""How long to wait before a worker that ended is started again."""

from __future__ import annotations

import msgspec


class BackoffLimits(msgspec.Struct, frozen=True, kw_only=True):
    first: float = 0.5  # seconds: the longest first wait
    longest: float = 30.0
    stable_after: float = 10.0  # a worker that ran this long has recovered: its next end counts as the first

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.longest:
            raise ValueError(f"need 0 < first <= longest, got {self.first} and {self.longest}")


class Backoff:
    """Exponential backoff with full jitter.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    def __init__(self, limits: BackoffLimits) -> None:
        self._limits = limits
        self.failures = 0

    def failed(self, ran_for: float, draw: float) -> float:
        """Seconds to wait after a run of ``ran_for`` seconds; ``draw`` is a random number from [0, 1)."""
        limits = self._limits
        self.failures = 1 if ran_for >= limits.stable_after else self.failures + 1
        # Beyond 2^32 the ceiling has long been reached, and a float would overflow in the end.
        ceiling = min(limits.longest, limits.first * 2.0 ** min(self.failures - 1, 32))
        return ceiling * draw
