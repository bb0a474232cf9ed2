"""One active check of one instance: when it is due, and when its results make a difference."""

from __future__ import annotations

import hashlib

import msgspec

from homeport.model import Check

TTL = "ttl"


class Passed(msgspec.Struct, frozen=True, tag=True):
    """The instance did what the check asks for."""

    evidence: str = ""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """It did not. ``refused``: there is certainly nobody, as when a connection is refused."""

    reason: str
    refused: bool = False


Result = Passed | Failed


class RunCheck(msgspec.Struct, frozen=True, tag=True):
    """Look now, and tell what was seen."""


class BecameHealthy(msgspec.Struct, frozen=True, tag=True):
    evidence: str


class BecameUnhealthy(msgspec.Struct, frozen=True, tag=True):
    reason: str
    evidence: str


class Deregister(msgspec.Struct, frozen=True, tag=True):
    """It has been unhealthy for as long as its registration allows; told again after the same time once more."""

    reason: str
    evidence: str
    times: int  # how often it has been told


Effect = RunCheck | BecameHealthy | BecameUnhealthy | Deregister


def check_key(check: Check) -> str:
    """Names a declared check: two that differ in anything have different keys."""
    digest = hashlib.blake2b(msgspec.msgpack.encode(check), digest_size=4).hexdigest()
    return f"{check.kind} check {digest}"


class ActiveCheck:
    """Counts what a check finds, and says when that changes how the instance is seen.

    Times are monotonic seconds; ``draw`` is a random number from 0 to 1, which places a moment within the jitter.
    ``healthy`` is how the instance was seen before: ``None`` when nobody has looked yet. A check never runs twice at a
    time, and begins ``interval`` after it last began.
    """

    def __init__(self, check: Check, now: float, *, first: float, healthy: bool | None) -> None:
        self.check = check
        self.healthy = healthy
        self._next_run = first
        self._running: float | None = None  # since when
        self._streak = 0  # successes in a row, or as a negative number failures
        self._streak_since = now
        self._reason = ""
        self._unhealthy_since = now
        self._asked = 0  # how often its removal was asked for

    @property
    def due(self) -> float:
        """When ``tick`` has something to do next, unless a result comes before."""
        run = self._next_run if self._running is None else float("inf")
        return min(run, self._deregister_at())

    @property
    def failing(self) -> bool:
        return self._streak < 0

    def tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        if self._running is None and now >= self._next_run:
            self._running = now
            effects.append(RunCheck())
        if now >= self._deregister_at():
            self._asked += 1
            seconds = now - self._unhealthy_since
            evidence = f"{self.check.kind} check: {self._reason or 'it has not passed yet'}"
            effects.append(Deregister(f"unhealthy for {seconds:.1f} s", evidence, self._asked))
        return effects

    def passed(self, now: float, draw: float, evidence: str = "") -> list[Effect]:
        self._ended(now, draw)
        self._count(now, +1)
        if self.healthy is True or self._streak < self.check.successes:
            return []
        self.healthy = True
        return [BecameHealthy(_sentence(evidence, self._row(now)))]

    def failed(self, reason: str, now: float, draw: float) -> list[Effect]:
        self._ended(now, draw)
        self._count(now, -1)
        self._reason = reason
        if self.healthy is False or -self._streak < self.check.failures:
            return []
        if self.healthy is True:
            self._unhealthy_since, self._asked = now, 0
        self.healthy = False
        return [BecameUnhealthy(reason, self._row(now))]

    def skipped(self, now: float) -> None:
        """Nothing was learnt, because the one who looks was itself held up: look again soon."""
        self._running = None
        self._next_run = now + min(1.0, self.check.interval)

    def _ended(self, now: float, draw: float) -> None:
        began = now if self._running is None else self._running
        self._running = None
        # A heartbeat has a time by which it must come, which is none to vary.
        vary = 0.0 if self.check.kind == TTL else self.check.jitter * (2.0 * draw - 1.0)
        self._next_run = max(now, began + self.check.interval * (1.0 + vary))

    def _count(self, now: float, step: int) -> None:
        if self._streak * step <= 0:
            self._streak, self._streak_since = 0, now
        self._streak += step

    def _row(self, now: float) -> str:
        count = abs(self._streak)
        return f"{count} in a row within {now - self._streak_since:.1f} s" if count > 1 else ""

    def _deregister_at(self) -> float:
        after = self.check.deregister_after
        if after is None or self.healthy is True:
            return float("inf")
        return self._unhealthy_since + after * (1 + self._asked)


def _sentence(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
