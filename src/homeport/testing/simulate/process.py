"""A simulated process: an event loop, threads, clocks and sockets that live, pause and die together."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from homeport.errors import HomeportError
from homeport.testing.simulate.loop import SimLoop
from homeport.testing.simulate.threads import SimThread
from homeport.testing.simulate.world import EPOCH, Event, World

if TYPE_CHECKING:
    from homeport.testing.simulate.disk import Disk
    from homeport.testing.simulate.sockets import Socket

Main = Callable[[], Coroutine[Any, Any, Any]]
_TURN_COST = (4e-6, 40e-6)  # seconds that one round of an event loop takes


class Process:
    """Runs ``main`` on a loop of its own; ends with it, or when it is killed.

    ``offset`` is what its monotonic clock is ahead of the world, and differs between processes, as it does between
    machines: code that compares the clocks of two processes shows.
    """

    def __init__(self, world: World, name: str, main: Main | None = None, *, disk: Disk | None = None) -> None:
        self.world, self.name, self.disk = world, name, disk
        self.pid = world.new_pid()
        self.rng = random.Random(f"homeport process {world.seed} {name} {self.pid}")  # what it draws itself
        self.offset = self.rng.uniform(1_000.0, 100_000.0)
        self.wall_offset = 0.0
        self.slowness = self.slowest = 1.0  # factor on the cost of its loop, now and at the worst
        self.ahead = 0.0  # seconds that it has been blocking in the present turn
        self.alive, self.paused = True, False
        self.status: int | None = None  # of its exit; None while it runs and after a kill
        self.sockets: dict[Socket, None] = {}
        self.threads: dict[SimThread, None] = {}
        self.on_exit: list[Callable[[Process], None]] = []
        self.loop = SimLoop(self)
        self.stops: list[tuple[float, float]] = []  # when it did not run, though alive; the world's time
        self._paused_at = 0.0
        self._busy_until = 0.0
        self._turn: Event | None = None
        self._held: list[SimThread] = []
        self._main: asyncio.Task[Any] | None = None
        world.processes.append(self)
        if main is not None:
            world.trace.tell("starts", f"pid {self.pid}", process=name)
            self.loop.call_soon(self._begin, main)

    # -- clocks --------------------------------------------------------------------------------------------------------

    def monotonic(self) -> float:
        return self.world.now + self.ahead + self.offset

    def wall(self) -> float:
        return EPOCH + self.world.now + self.ahead + self.wall_offset

    def jump(self, monotonic: float = 0.0, wall: float = 0.0) -> None:
        """Move its clocks, as a suspended machine or a time server does; monotonic time only goes forward."""
        if monotonic < 0:
            raise ValueError(f"monotonic time cannot go back by {-monotonic:g} s")
        self.world.trace.tell("clock jumps", f"{monotonic:+.3f} s, wall {wall:+.3f} s", process=self.name)
        self.offset += monotonic
        self.wall_offset += wall + monotonic
        self.stir()

    def block(self, seconds: float) -> None:
        """Its event loop does nothing else for ``seconds``."""
        now = self.world.now + self.ahead
        self.stops.append((now, now + seconds))
        self.ahead += seconds

    def block_soon(self, seconds: float) -> None:
        """Its event loop will stall for ``seconds``, as when a handler forgets to await."""
        self.world.trace.tell("will stall", f"{seconds:.3f} s", process=self.name)
        self.loop.call_soon(self.block, seconds)

    # -- turns of its loop ---------------------------------------------------------------------------------------------

    def stir(self) -> None:
        """Its loop has something to do; see to it that its turn comes."""
        if self.paused or not self.alive or self.world.over:
            return
        due = self.loop.due()
        if due is None:
            return
        when = max(due - self.offset, self._busy_until, self.world.now)
        if self._turn is not None:
            if self._turn.when <= when:
                return
            self._turn.cancel()
        self._turn = self.world.at(when, self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        if self.paused or not self.alive:
            return
        self.run_turn()
        low, high = _TURN_COST
        self.slowest = max(self.slowest, self.slowness)
        self._busy_until = self.world.now + self.ahead + self.world.rng.uniform(low, high) * self.slowness
        self.ahead = 0.0
        self.stir()

    def run_turn(self) -> None:
        """One round of its loop, with the interpreter set up as if this process were the only one."""
        world = self.world
        world.current, world.thread = self, None
        running = asyncio._get_running_loop()
        hooks = sys.get_asyncgen_hooks()
        asyncio._set_running_loop(self.loop)
        sys.set_asyncgen_hooks(finalizer=self.loop.finalize_generator)
        try:
            self.loop.run_once()
        finally:
            sys.set_asyncgen_hooks(*hooks)
            asyncio._set_running_loop(running)
            world.current = None

    def wake(self, thread: SimThread) -> None:
        """A thread of it may go on."""
        if not self.alive:
            return
        if self.paused:
            self._held.append(thread)
        else:
            thread.resume()

    # -- life ----------------------------------------------------------------------------------------------------------

    def _begin(self, main: Main) -> None:
        self._main = self.loop.create_task(main(), name=f"main of {self.name}")
        self._main.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not self.alive:
            return
        error = None if task.cancelled() else task.exception()
        if error is None:
            self.status = 0
        else:
            self.status = 1
            self.world.trace.tell("failed", f"{type(error).__name__}: {error}", process=self.name)
            if not isinstance(error, HomeportError):
                self.world.faults.append(f"{self.name} failed: {type(error).__name__}: {error}")
        for other in list(self.loop.tasks):
            other.cancel()
        self.loop.call_later(0.001, self._exit)  # what its transports still hold is on its way by then

    def _exit(self) -> None:
        if self.alive:
            self.world.trace.tell("exits", f"status {self.status}", process=self.name)
            self.die()

    def kill(self, *, silently: bool = False) -> None:
        """End it between two instructions, as ``kill -9`` does; silently, as the loss of its machine does."""
        if self.alive:
            self.world.trace.tell("is killed", "silently" if silently else "", process=self.name)
            self.die(silently=silently)

    def die(self, *, silently: bool = False) -> None:
        self.alive = False
        if self._turn is not None:
            self._turn.cancel()
        for socket in list(self.sockets):
            socket.orphan(silently)
        self.sockets.clear()
        for thread in list(self.threads):
            self.world.after(0.0, thread.kill)
        for callback in self.on_exit:
            callback(self)

    def pause(self) -> None:
        """Nothing of it runs until ``resume()``, as after SIGSTOP; its sockets still fill."""
        if self.alive and not self.paused:
            self.world.trace.tell("is paused", process=self.name)
            self.paused, self._paused_at = True, self.world.now
            if self._turn is not None:
                self._turn.cancel()
                self._turn = None

    def resume(self) -> None:
        if self.alive and self.paused:
            self.world.trace.tell("goes on", process=self.name)
            self.paused = False
            self.stops.append((self._paused_at, self.world.now))
            held, self._held = self._held, []
            for thread in held:
                self.world.after(0.0, self.wake, thread)
            self.stir()

    def stopped_between(self, began: float, ended: float) -> float:
        """For how many of these seconds it did not run."""
        stops = [*self.stops, (self._paused_at, ended)] if self.paused else self.stops
        return sum(max(0.0, min(until, ended) - max(since, began)) for since, until in stops)

    def signal(self, number: int) -> bool:
        """Whether it has a handler for the signal."""
        handler = self.loop.signals.get(number)
        if handler is not None and self.alive:
            self.world.trace.tell("gets signal", number, process=self.name)
            self.loop.call_soon(*handler)
        return handler is not None

    def unwind(self) -> None:
        """After the run: let everything that was left in the middle of something clean up, in no time at all."""
        for thread in list(self.threads):
            thread.kill()
        for _ in range(50):
            pending = [task for task in self.loop.tasks if not task.done()]
            for task in pending:
                task.cancel()
            for _ in range(1000):
                if not self.loop.ready:
                    break
                self.run_turn()
            if not pending:
                break
        for task in self.loop.tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.loop.forget()
