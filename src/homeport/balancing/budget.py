"""How many retries a caller may add to the calls it makes of one service."""

from __future__ import annotations

from homeport.balancing.window import Window

SLICES = 10


class RetryBudget(Window):  # plus: calls
    """Lets retries be at most a ``share`` of the calls, and ``per_second`` more.

    Every call deposits a share of a retry, every retry (and hedge) withdraws one whole; both are forgotten after
    ``seconds``. So whenever a retry is made, those of the ``seconds`` up to it are at most ``share`` of the calls of
    the same time plus ``per_second × seconds``; a burst may spend all of that at once. One budget per caller process
    and target service. Source: Finagle's ``RetryBudget``, a leaky token bucket.
    """

    __slots__ = ("_reserve", "_retries", "_share")

    def __init__(self, share: float = 0.2, per_second: float = 10.0, seconds: float = 10.0) -> None:
        super().__init__(seconds, SLICES)
        # A window forgets up to one slice early. Retries are remembered for a slice longer than calls, so that in no
        # ``seconds`` at all there are more of them than the calls of those seconds have earned.
        self._retries = Window(seconds * (SLICES + 1) / SLICES, SLICES + 1)
        self._share = share
        self._reserve = per_second * seconds

    def deposit(self, now: float) -> None:
        """A call is made; its retries are not calls."""
        if now >= self.ends:
            self.turn(now)
        self.plus += 1

    def withdraw(self, now: float) -> bool:
        """Whether one more retry may be made; if so, it is paid for."""
        if self.left(now) < 1.0:
            return False
        self._retries.plus += 1
        return True

    def left(self, now: float) -> float:
        """Retries that could be made now."""
        calls, _ = self.sums(now)
        retries, _ = self._retries.sums(now)
        # Below zero when the calls that earned past retries are forgotten before these are.
        return max(0.0, self._share * calls + self._reserve - retries)
