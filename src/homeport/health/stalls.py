"""A loop that is held up, and what holds it up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import PurePath
from types import FrameType

import msgspec


class Stalled(msgspec.Struct, frozen=True, tag=True):
    """The loop has not come round for ``lag`` seconds; ``where``: the user's code it is in, "" when in none."""

    lag: float
    where: str


class Flowing(msgspec.Struct, frozen=True, tag=True):
    """The loop is itself again, having been held up for ``longest`` seconds."""

    longest: float


Effect = Stalled | Flowing


class StallJudge:
    """Says when a loop counts as stalled: from ``threshold`` seconds of lag on, until less than half of that.

    While it lasts, ``Stalled`` is told again at each look, with the lag and place of that moment.
    """

    def __init__(self, threshold: float = 1.0) -> None:
        self._threshold = threshold
        self._longest = 0.0

    @property
    def stalled(self) -> bool:
        return self._longest > 0.0

    def suspicious(self, lag: float) -> bool:
        """Whether it is worth looking where the loop is."""
        return lag >= self._threshold or (self.stalled and lag >= self._threshold / 2)

    def look(self, lag: float, where: str) -> Effect | None:
        """What the lag measured now means."""
        if self.suspicious(lag):
            self._longest = max(self._longest, lag)
            return Stalled(lag, where)
        if not self.stalled:
            return None
        longest, self._longest = self._longest, 0.0
        return Flowing(longest)


class StallWatch:
    """Looks at an event loop from another thread.

    ``lag`` tells how many seconds the loop is behind, ``thread`` is the identifier of the thread it runs in, and
    ``root`` the folder that the user's code is below.
    """

    def __init__(self, lag: Callable[[], float], thread: int, root: str, threshold: float = 1.0) -> None:
        self._lag, self._thread, self._root = lag, thread, root
        self._judge = StallJudge(threshold)

    def look(self) -> tuple[float, str]:
        """For how many seconds the loop has been stalled, and in what; 0 when it flows."""
        lag = self._lag()
        where = blocked_in(self._thread, self._root) if self._judge.suspicious(lag) else ""
        effect = self._judge.look(lag, where)
        return (effect.lag, effect.where) if isinstance(effect, Stalled) else (0.0, "")


def blocked_in(thread: int, root: str) -> str:
    """What the thread of this identifier runs now, as ``place_of`` says it."""
    frame = sys._current_frames().get(thread)
    return place_of(frame, root) if frame is not None else ""


def place_of(frame: FrameType | None, root: str) -> str:
    """``PaymentService.process (app/payment.py:31)``: the innermost frame of code below ``root``.

    When it has called into other Python code, that is named behind a comma. "" when no code below ``root`` runs: then
    it is not the user's code that holds the thread up.
    """
    outer = ""
    for current in _innermost_first(frame):
        path = PurePath(current.f_code.co_filename)
        if not path.is_relative_to(root) or "site-packages" in path.parts:
            if not outer:
                outer = f"{current.f_globals.get('__name__', '')}.{current.f_code.co_name}"
            continue
        shown = path.relative_to(root)
        place = f"{current.f_code.co_qualname} ({shown.as_posix()}:{current.f_lineno})"
        return f"{place}, in {outer}" if outer else place
    return ""


def _innermost_first(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
