"""Two counters over the last seconds, kept in exact slices of time."""

from __future__ import annotations

from collections import deque


class Window:
    """How many of two kinds (``plus``, ``minus``) fell into the last ``seconds``, the present slice included.

    Slices begin at whole multiples of their width, so what counts depends on when things happened and never on how
    often anybody looked: a decaying average lets the timing of a burst change the decision. It remembers between
    ``seconds`` and one slice less. Times are monotonic seconds, and do not go back.

    To count, the hot path writes itself: ``if now >= window.ends: window.turn(now)``, then ``window.plus += 1``.
    Source: the time buckets of Finagle's ``WindowedAdder``, and of Linkerd's success-rate accrual.
    """

    __slots__ = ("_minus", "_number", "_past", "_plus", "_width", "ends", "minus", "plus")

    def __init__(self, seconds: float = 10.0, slices: int = 10) -> None:
        self._width = seconds / slices
        self._past: deque[tuple[int, int]] = deque([(0, 0)] * (slices - 1))
        self._plus = self._minus = 0  # sums of the past slices
        self._number = -1  # of the present slice
        self.ends = 0.0  # when the present slice does
        self.plus = self.minus = 0  # in the present slice

    def turn(self, now: float) -> None:
        """Close the slices that have ended by ``now``, which is not before ``ends``."""
        number = max(int(now / self._width), self._number + 1)  # rounding may leave ``now`` on the near side of an edge
        for _ in range(min(number - self._number, len(self._past) + 1)):
            self._past.append((self.plus, self.minus))
            plus, minus = self._past.popleft()
            self._plus += self.plus - plus
            self._minus += self.minus - minus
            self.plus = self.minus = 0
        self._number = number
        self.ends = (number + 1) * self._width

    def sums(self, now: float) -> tuple[int, int]:
        """Both counts as of ``now``."""
        if now >= self.ends:
            self.turn(now)
        return self._plus + self.plus, self._minus + self.minus

    def clear(self) -> None:
        self._past = deque([(0, 0)] * len(self._past))
        self._plus = self._minus = self.plus = self.minus = 0
