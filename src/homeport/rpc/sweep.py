"""One sweep over everything that has a deadline, so that a call pays for a dict entry and not for a timer."""

from __future__ import annotations

import asyncio
import weakref
from typing import Protocol

NEVER = float("inf")


class Expirable(Protocol):
    """Something with a deadline."""

    def expire(self, now: float) -> float:
        """The deadline has passed; act, and return when to be asked again (``NEVER``: not any more)."""


class Sweep:
    """Expires what is overdue, waking only when the earliest deadline comes.

    Times are the event loop's. ``entries`` maps to deadlines; add with ``add``, remove with
    ``entries.pop(entry, None)``, which is all a call pays when it ends in time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.entries: dict[Expirable, float] = {}
        self.suspended = False  # --debug: deadlines do not count while a person is thinking
        self._loop = loop
        self._due = NEVER
        self._timer: asyncio.TimerHandle | None = None

    def add(self, entry: Expirable, deadline: float) -> None:
        self.entries[entry] = deadline
        if deadline < self._due:
            self._wake_at(deadline)

    def _wake_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = when
        self._timer = self._loop.call_at(when, self._run) if when < NEVER else None

    def _run(self) -> None:
        now = self._loop.time()
        self._timer, self._due = None, NEVER
        if self.suspended:
            self._wake_at(now + 0.5)
            return
        overdue = [entry for entry, deadline in self.entries.items() if deadline <= now]
        for entry in overdue:
            again = entry.expire(now)
            if again < NEVER:
                self.entries[entry] = again
            else:
                self.entries.pop(entry, None)
        # Never tighter than 5 ms, so that a crowd of close deadlines costs one scan and not one each.
        if self.entries:
            self._wake_at(max(min(self.entries.values()), now + 0.005))


_sweeps: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Sweep] = weakref.WeakKeyDictionary()


def sweep_of(loop: asyncio.AbstractEventLoop) -> Sweep:
    """The sweep of this loop; made at its first use."""
    sweep = _sweeps.get(loop)
    if sweep is None:
        sweep = _sweeps[loop] = Sweep(loop)
    return sweep
