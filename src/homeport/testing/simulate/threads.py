"""Threads in virtual time: real threads that run one at a time, each only when the world lets it."""

from __future__ import annotations

import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeport.testing.simulate.process import Process
    from homeport.testing.simulate.world import World

_RealThread, _RealLock = threading.Thread, threading.Lock


class Killed(BaseException):
    """The process of this thread is no more."""


class Here:
    """The world that runs in this interpreter at present, if one does."""

    world: World | None = None


def here() -> World:
    world = Here.world
    if world is None or threading.get_ident() not in world.threads:
        raise RuntimeError("this belongs inside a simulation")
    return world


class SimThread:
    """A thread of a simulated process. Takes what ``threading.Thread`` takes."""

    def __init__(
        self,
        group: None = None,
        target: Callable[..., Any] | None = None,
        name: str = "thread",
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        *,
        daemon: bool | None = None,
        process: Process | None = None,
    ) -> None:
        owner = process or here().current
        assert owner is not None, "threads belong to a process"
        self.process, self.name = owner, name
        self.daemon = daemon
        self.done = False
        self.hurried = False  # somebody blocks until it has ended: what it would wait for is over at once
        self._work = (target, args, kwargs or {})
        self._killed = False
        self._started = False
        self._go, self._back = _RealLock(), _RealLock()
        self._go.acquire()
        self._back.acquire()
        self._thread = _RealThread(target=self._run, name=f"simulated {name}", daemon=True)

    # -- what code under test calls ------------------------------------------------------------------------------------

    def start(self) -> None:
        self.process.threads[self] = None
        self.process.world.after(0.0, self.process.wake, self)

    def join(self, timeout: float | None = None) -> None:
        world = self.process.world
        if self.done:
            return
        if world.thread is not None:
            raise NotImplementedError("a simulated thread cannot join another")
        self.hurried = True
        ahead = self.process.ahead
        while True:
            self.resume(nested=True)
            if not self.is_alive():
                return
            if self.process.ahead == ahead:
                raise NotImplementedError(f"the thread {self.name!r} waits for something that its joiner blocks")
            ahead = self.process.ahead

    def is_alive(self) -> bool:
        return self._started and not self.done

    @property
    def ident(self) -> int | None:
        return self._thread.ident

    # -- what the world calls ------------------------------------------------------------------------------------------

    def resume(self, nested: bool = False) -> None:
        """Let it run until it waits for something, or ends."""
        if self.done:
            return
        world = self.process.world
        before = (world.current, world.thread)
        world.current, world.thread = self.process, self
        if not self._started:
            self._started = True
            self._thread.start()
            assert self._thread.ident is not None
            world.threads.add(self._thread.ident)
        self._go.release()
        self._back.acquire()
        world.current, world.thread = before
        if not nested and before[0] is None:
            self.process.ahead = 0.0
        if not self.is_alive():
            self.process.threads.pop(self, None)
            world.threads.discard(self._thread.ident or 0)
            self._thread.join()

    def kill(self) -> None:
        """End it wherever it waits."""
        self._killed = True
        if not self._started:
            self.done = True
            self.process.threads.pop(self, None)
        for _ in range(100):
            if self.done:
                return
            self.resume()

    # -- what the thread itself calls ----------------------------------------------------------------------------------

    def wait(self) -> None:
        """Give way until resumed.

        Raises:
            Killed: the process has died meanwhile.
        """
        self._check()
        self._back.release()
        self._go.acquire()
        self._check()

    def sleep(self, seconds: float) -> None:
        self._check()
        if self.hurried:
            self.process.block(seconds)
            return
        self.process.world.after(max(0.0, seconds), self.process.wake, self)
        self.wait()

    def _check(self) -> None:
        if self._killed:
            raise Killed

    def _run(self) -> None:
        self._go.acquire()
        target, args, kwargs = self._work
        try:
            if not self._killed and target is not None:
                target(*args, **kwargs)
        except Killed:
            pass
        except BaseException as error:
            world = self.process.world
            if not self._killed and not world.over:
                world.faults.append(f"thread {self.name} of {self.process.name} died: {error!r}")
        finally:
            self.done = True
            self._back.release()


class _Ticket:
    """One wait of one thread."""

    def __init__(self, thread: SimThread) -> None:
        self._thread = thread
        self.fired: bool | None = None

    def fire(self, happened: bool) -> None:
        if self.fired is None:
            self.fired = happened
            process = self._thread.process
            process.world.after(0.0, process.wake, self._thread)


class Waiters:
    """Threads that wait for one thing to happen."""

    def __init__(self) -> None:
        self._tickets: list[_Ticket] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it happened within ``timeout`` seconds."""
        world = here()
        thread = world.thread
        if thread is None:
            raise NotImplementedError("an event loop that blocks for ever would stop its simulated process")
        ticket = _Ticket(thread)
        self._tickets.append(ticket)
        late = world.after(max(0.0, timeout), ticket.fire, False) if timeout is not None else None
        while ticket.fired is None:
            thread.wait()
        if late is not None:
            late.cancel()
        if ticket in self._tickets:
            self._tickets.remove(ticket)
        return ticket.fired

    def happened(self) -> None:
        tickets, self._tickets = self._tickets, []
        for ticket in tickets:
            ticket.fire(True)


class SimEvent:
    """Stands for ``threading.Event``."""

    def __init__(self) -> None:
        self._set = False
        self._waiters = Waiters()

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._waiters.happened()

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        if not self._set:
            self._waiters.wait(timeout)
        return self._set


class SimQueue:
    """Stands for ``queue.SimpleQueue``."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiters = Waiters()

    def put(self, item: Any) -> None:
        self._items.append(item)
        self._waiters.happened()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        while not self._items:
            if not block or not self._waiters.wait(timeout):
                if self._items:
                    break
                raise queue.Empty
        return self._items.popleft()

    def get_nowait(self) -> Any:
        return self.get(block=False)

    def empty(self) -> bool:
        return not self._items

    def qsize(self) -> int:
        return len(self._items)


class SimThreading:
    """Stands for the module ``threading``; what it does not simulate is the real thing."""

    Thread, Event = SimThread, SimEvent

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.modules["threading"], name)
