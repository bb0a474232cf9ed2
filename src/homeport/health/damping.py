"""Flap damping: who becomes unhealthy again and again is held back until it has been quiet for a while."""

from __future__ import annotations

import math

import msgspec


class DampingLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When to hold back and when to let go, in penalty points.

    An instance that fails for the third time within 20 s or so is held back for about two minutes; one that fails
    once a minute never is.
    """

    penalty: float = 1000.0  # per flip from ready to unhealthy
    suppress: float = 2500.0  # held back from here on
    reuse: float = 750.0  # let go below this
    half_life: float = 60.0  # seconds in which a penalty halves
    longest: float = 300.0  # seconds, however often it has flipped

    def __post_init__(self) -> None:
        if not 0 < self.reuse < self.suppress:
            raise ValueError(f"need 0 < reuse < suppress, got {self.reuse:g} and {self.suppress:g}")
        if not (self.penalty > 0 and self.half_life > 0 and self.longest > 0):
            raise ValueError("penalty, half_life and longest must be above 0")

    @property
    def ceiling(self) -> float:
        """The most that is ever held against one, so that it is let go within ``longest``."""
        return max(self.suppress, self.reuse * math.exp2(min(64.0, self.longest / self.half_life)))


class Suppressed(msgspec.Struct, frozen=True, tag=True):
    """It is held back from now on, for about ``seconds`` if it keeps still."""

    instance: str
    flips: int  # within ``within`` seconds
    within: float
    penalty: float
    seconds: float


class Reusable(msgspec.Struct, frozen=True, tag=True):
    """It has been quiet for long enough."""

    instance: str
    seconds: float  # it was held back


class _Record(msgspec.Struct):
    penalty: float
    at: float  # when the penalty was that
    first: float
    flips: int
    suppressed_at: float | None = None


class Damping:
    """Adds up penalties that decay exponentially, and holds back between two thresholds.

    Source: C. Villamizar et al., "BGP Route Flap Damping", RFC 2439, 1998, whose usual figures are a penalty of 1000
    per withdrawal, suppress at 2000 to 3000, reuse at 750, half-life 15 min, at most 60 min; RFC 7196 found those too
    harsh for routes. Services are looked at every few seconds and mend sooner: here a half-life of 60 s, at most 5 min.
    """

    def __init__(self, limits: DampingLimits) -> None:
        self._limits = limits
        self._records: dict[str, _Record] = {}
        self._suppressed: set[str] = set()

    def flipped(self, instance: str, now: float) -> Suppressed | None:
        """It was ready and has become unhealthy; what follows from that, if anything does."""
        limits = self._limits
        record = self._records.setdefault(instance, _Record(0.0, now, now, 0))
        if record.suppressed_at is None and self._penalty(record, now) < limits.penalty / 100:
            record.first, record.flips = now, 0
        record.penalty = min(self._penalty(record, now) + limits.penalty, limits.ceiling)
        record.at = now
        record.flips += 1
        if record.suppressed_at is not None or record.penalty < limits.suppress:
            return None
        record.suppressed_at = now
        self._suppressed.add(instance)
        seconds = self._until_reuse(record)
        return Suppressed(instance, record.flips, now - record.first, record.penalty, seconds)

    def tick(self, now: float) -> list[Reusable]:
        effects = []
        for instance in sorted(self._suppressed):
            record = self._records[instance]
            if self._penalty(record, now) < self._limits.reuse:
                effects.append(Reusable(instance, now - (record.suppressed_at or now)))
                self._release(instance)
        if len(self._records) > 2 * len(self._suppressed) + 1000:
            self._sweep(now)
        return effects

    def penalty(self, instance: str, now: float) -> float:
        record = self._records.get(instance)
        return self._penalty(record, now) if record else 0.0

    def suppressed(self, instance: str) -> bool:
        return instance in self._suppressed

    def forgive(self, instance: str) -> bool:
        """Hold nothing against it any more; whether it was held back."""
        self._records.pop(instance, None)
        held = instance in self._suppressed
        self._suppressed.discard(instance)
        return held

    def _release(self, instance: str) -> None:
        # The rest of the penalty stays: whoever flaps on at once is held back sooner.
        self._suppressed.discard(instance)
        self._records[instance].suppressed_at = None

    def _penalty(self, record: _Record, now: float) -> float:
        return record.penalty * math.exp2(-max(0.0, now - record.at) / self._limits.half_life)

    def _until_reuse(self, record: _Record) -> float:
        return self._limits.half_life * math.log2(record.penalty / self._limits.reuse)

    def _sweep(self, now: float) -> None:
        for instance in [name for name in self._records if name not in self._suppressed]:
            if self._penalty(self._records[instance], now) < 1.0:
                del self._records[instance]
