"""When a worker that is alive but does not work is given up, and what is asked of it before."""

from __future__ import annotations

import msgspec


class DumpStack(msgspec.Struct, frozen=True, tag=True):
    """Have it write where it is stuck, while it can still be asked."""

    worker: str


class Replace(msgspec.Struct, frozen=True, tag=True):
    """Kill it; whoever started it starts another."""

    worker: str
    evidence: str


Effect = DumpStack | Replace


class StuckLimits(msgspec.Struct, frozen=True, kw_only=True):
    stuck_after: float = 30.0  # seconds without a sign of life, or with a stalled loop, before it is given up
    dump_time: float = 1.0  # seconds between asking for the stack and the kill
    spacing: float = 5.0  # seconds between one and the next while most are stuck
    crowd: int = 3  # workers, at least, before "most" means anything
    period: float = 0.5  # seconds between ticks


class _Ailing(msgspec.Struct):
    why: str
    since: float
    dumped_at: float | None = None


class StuckJudge:
    """Gives up workers whose process is alive and whose loop is not, called about every ``period`` seconds.

    Times are monotonic seconds. A tick that comes late was held up itself and takes its lateness out of everybody's
    account. When most workers are stuck at once, the machine is more likely at fault than they are: then they are
    replaced one at a time, so that those that come to again in between are spared.
    """

    def __init__(self, now: float, limits: StuckLimits | None = None) -> None:
        self._limits = limits or StuckLimits()
        self._workers: set[str] = set()
        self._ailing: dict[str, _Ailing] = {}
        self._next_tick = now + self._limits.period
        self._last_begun = float("-inf")

    def runs(self, worker: str) -> None:
        """It has a process; nothing is held against it."""
        self._workers.add(worker)

    def ailing(self, worker: str, why: str, now: float) -> None:
        """Its lease has run out, or its loop is blocked; the first such moment counts."""
        self._workers.add(worker)
        known = self._ailing.get(worker)
        if known is None:
            self._ailing[worker] = _Ailing(why, now)
        else:
            known.why = why

    def well(self, worker: str) -> None:
        self._ailing.pop(worker, None)

    def gone(self, worker: str) -> None:
        self._workers.discard(worker)
        self._ailing.pop(worker, None)

    def tick(self, now: float) -> list[Effect]:
        limits = self._limits
        late, self._next_tick = now - self._next_tick, now + limits.period
        if late > limits.period:
            for one in self._ailing.values():
                one.since = min(now, one.since + late)
                if one.dumped_at is not None:
                    one.dumped_at = min(now, one.dumped_at + late)
            return []
        effects: list[Effect] = []
        for worker, one in sorted(self._ailing.items(), key=lambda item: (item[1].since, item[0])):
            if now - one.since < limits.stuck_after:
                continue
            if one.dumped_at is None:
                if not self._must_wait(now):
                    one.dumped_at = now
                    effects.append(DumpStack(worker))
                    if self._most_are_stuck(now):
                        self._last_begun = now
            elif now - one.dumped_at >= limits.dump_time:
                effects.append(Replace(worker, f"{one.why}; for {now - one.since:.1f} s"))
                self.gone(worker)
        return effects

    def _must_wait(self, now: float) -> bool:
        return self._most_are_stuck(now) and now - self._last_begun < self._limits.spacing

    def _most_are_stuck(self, now: float) -> bool:
        stuck = sum(now - one.since >= self._limits.stuck_after for one in self._ailing.values())
        return len(self._workers) >= self._limits.crowd and 2 * stuck > len(self._workers)
