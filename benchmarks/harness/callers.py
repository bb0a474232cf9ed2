"""Many callers in a few processes, driven from this one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec

from benchmarks.harness import programs

PROCESSES = 4  # at most


class Stopped(msgspec.Struct, frozen=True):
    """A caller stopped using an instance. Times are those of ``perf_counter()``, which all processes here share."""

    at: float
    since: float | None  # it had a call unanswered, sent then or before; None: it had none


class Calls(msgspec.Struct, frozen=True):
    """How the calls of one method went."""

    calls: int
    failed: dict[str, int]  # by kind of error
    seconds: list[float]  # of those answered

    def within(self, limit: float) -> float:
        """The share of all that were answered within ``limit`` seconds."""
        return sum(one <= limit for one in self.seconds) / self.calls


class Callers:
    """All the callers; what is asked is asked of all processes at once."""

    def __init__(self, parts: Sequence[programs.Program]) -> None:
        self._parts = parts

    def load(self, rate: float, calls: Mapping[str, Sequence[Any]], total: int | None = None) -> None:
        """From now on ``rate`` calls a second in all, of ``service.method`` with these arguments in turn.

        They go on until told otherwise, or until ``total`` have been made.
        """
        parts = len(self._parts)
        share = None if total is None else total // parts
        self._ask(do="load", rate=rate / parts, calls=calls, total=share)

    def watch(self, instance: str) -> None:
        """Note from now on when each caller stops using it."""
        self._ask(do="watch", instance=instance)

    def told(self) -> list[Stopped | None]:
        """Of each caller, when it stopped using the instance; None: it still does."""
        answers = self._ask(do="told")
        return [one for answer in answers for one in msgspec.convert(answer, list[Stopped | None])]

    def finish(self) -> dict[str, Calls]:
        """End the load, wait for the answers; how the calls since the last time went."""
        sums: dict[str, Calls] = {}
        for answer in self._ask(do="finish"):
            for name, part in msgspec.convert(answer, dict[str, Calls]).items():
                sums[name] = _together(sums[name], part) if name in sums else part
        return sums

    def _ask(self, **order: Any) -> list[Any]:
        for part in self._parts:
            part.tell(**order)
        return [part.answer() for part in self._parts]


def _together(one: Calls, other: Calls) -> Calls:
    failed = {kind: one.failed.get(kind, 0) + other.failed.get(kind, 0) for kind in {**one.failed, **other.failed}}
    return Calls(one.calls + other.calls, failed, one.seconds + other.seconds)


@contextmanager
def calling(node: str, count: int, *, service: str = "", choice: str = "") -> Iterator[Callers]:
    """So many callers, connected, in up to ``PROCESSES`` processes.

    With ``service`` they follow this one, and ``watch`` is about an instance of it; without they follow all. ``choice``
    puts another way to choose an instance in the place of ours.
    """
    processes = min(PROCESSES, count)
    with ExitStack() as stack:
        parts = []
        for number in range(processes):
            size = count // processes + (number < count % processes)
            command = [sys.executable, "-m", "benchmarks.harness.calling", node, service, str(size), choice]
            parts.append(stack.enter_context(programs.started(command, "the callers' process")))
            parts[-1].answer()  # one after the other: a node takes so many new connections at once and no more
        yield Callers(parts)
