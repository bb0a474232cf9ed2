"""The simulated world: virtual time, what will happen when, and the record of what has happened."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeport.testing.simulate.process import Process
    from homeport.testing.simulate.threads import SimThread

EPOCH = 1_700_000_000.0  # wall-clock seconds at which every simulation begins
CALL = "simulated-call"  # metadata under which a call carries its number over every hop
MOST_EVENTS = 5_000_000  # of one run; more is a loop that never waits


class Stuck(AssertionError):
    """Nothing can happen any more, or things happen without end and time stands still."""


class Event:
    """Something that will happen, unless it is cancelled."""

    __slots__ = ("action", "args", "when")

    def __init__(self, when: float, action: Callable[..., None], args: tuple[Any, ...]) -> None:
        self.when = when
        self.action: Callable[..., None] | None = action
        self.args = args

    def cancel(self) -> None:
        self.action, self.args = None, ()


class World:
    """One run: everything in it follows from ``seed``.

    Time is in seconds since the beginning and moves only from one event to the next. One thing happens at a time, so
    there is always at most one ``current`` process and, inside it, at most one ``thread`` besides its event loop.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(f"homeport world {seed}")  # delays and costs
        self.now = 0.0
        self.over = False  # the run has ended; what still moves only unwinds
        self.current: Process | None = None
        self.thread: SimThread | None = None
        self.processes: list[Process] = []  # all there ever were, in order of birth
        self.trace = Trace(self)
        self.numbers = itertools.count(1)  # for hashes that follow the order of events
        self.faults: list[str] = []  # what went wrong in code that nobody waited for
        self.on_fold: list[Callable[[Any, Any], None]] = []  # called with a view and what it is about to take in
        self.begins: dict[tuple[str, str], int] = {}  # how often a method has begun to run, by number of the call
        self.refusals = 0  # calls that came to an instance that was draining
        self.idempotent: dict[str, bool] = {}  # per method
        self.threads: set[int] = {threading.get_ident()}  # real threads that live in this world
        self._events: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        self._pids = itertools.count(1001)

    def new_pid(self) -> int:
        return next(self._pids)

    def moment(self) -> float:
        """Now, as the running process has come to it: later than ``now`` when it has been blocking."""
        return self.now + (self.current.ahead if self.current is not None else 0.0)

    def at(self, when: float, action: Callable[..., None], *args: Any) -> Event:
        event = Event(max(when, self.now), action, args)
        heapq.heappush(self._events, (event.when, next(self._order), event))
        return event

    def after(self, delay: float, action: Callable[..., None], *args: Any) -> Event:
        return self.at(self.moment() + delay, action, *args)

    def run(self, until: Callable[[], bool]) -> None:
        """Let things happen until ``until()`` is true.

        Raises:
            Stuck: it never will be.
        """
        happened = 0
        while not until():
            if not self._events:
                raise Stuck(f"nothing is left to happen at {self.now:.3f} s, and the scenario still waits")
            when, _, event = heapq.heappop(self._events)
            if event.action is None:
                continue
            self.now = when
            event.action(*event.args)
            happened += 1
            if happened > MOST_EVENTS:
                raise Stuck(
                    f"{happened} things have happened by {self.now:.3f} s; does something loop without waiting?"
                )

    def begun(self, call: str, method: str, idempotent: bool) -> None:
        """A service's method begins to run for a call."""
        self.begins[call, method] = self.begins.get((call, method), 0) + 1
        self.idempotent[method] = idempotent

    def alive(self, pid: int) -> bool:
        """Whether a process of this number runs, paused or not."""
        return any(process.pid == pid and process.alive for process in self.processes)


class Trace:
    """What happened, line by line; two runs of one seed give the same bytes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.lines: list[str] = []
        self.hidden: list[tuple[str, str]] = []  # texts that differ between machines, and what stands for them

    def tell(self, what: str, detail: object = "", *, process: str | None = None) -> None:
        world = self._world
        if world.over:
            return
        who = process if process is not None else (world.current.name if world.current is not None else "-")
        line = f"{world.moment():12.6f} {who:<14} {what}" + (f" {detail}" if detail != "" else "")
        for text, instead in self.hidden:
            line = line.replace(text, instead)
        self.lines.append(line.replace("\n", "\\n"))

    def bytes(self) -> bytes:
        return "\n".join(self.lines).encode()

    def digest(self) -> str:
        return blake2b(self.bytes(), digest_size=8).hexdigest()
