"""What code asks of the machine, answered by the simulation: time, chance, process ids, threads, sockets, syncs.

Code under test stays as it is. For the length of a run the functions below stand in for the standard library's, and
each asks who is calling: a simulated process gets its own clock and its own dice, anybody else the real thing.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import os
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from homeport.contracts.signature import MethodSignature
from homeport.discovery.view import View
from homeport.registry import watchers
from homeport.registry.api import WatchItem
from homeport.rpc import ambient
from homeport.rpc.context import current
from homeport.rpc.serving import Admission
from homeport.testing.simulate.blocking import SimSockets
from homeport.testing.simulate.disk import SimConnection
from homeport.testing.simulate.process import Process
from homeport.testing.simulate.threads import Here, SimQueue, SimThreading, Waiters, here
from homeport.testing.simulate.world import CALL, World
from homeport.worker.host import HostedMethod

_RealRandom = random.Random
_APART = 5_000.0  # seconds between the two clocks of a process, so that whoever mixes them shows

# Where code of ours starts threads or opens sockets itself. A test holds this list against the source.
PLACES: dict[str, dict[str, Any]] = {
    "homeport.worker.heartbeat": {"threading": SimThreading()},
    "homeport.rpc.blocking": {"socket": SimSockets()},
    "homeport.registry.store.journal": {"threading": SimThreading(), "SimpleQueue": SimQueue},
}


class SimSocketFile:
    """Stands for ``rpc.socket_file.SocketFile``: an address of the simulated network."""

    def __init__(self, path: str) -> None:
        self.socket = self
        self.address = f"unix:{path}"

    def remove(self) -> None:
        """Its listener has gone already."""


class CountedMethod(HostedMethod):
    """A method of a hosted instance that tells the world of each time it begins to run."""

    def __init__(self, function: Callable[..., Any], signature: MethodSignature) -> None:
        def counted(*args: Any, **kwargs: Any) -> Any:
            world, context = Here.world, current()
            if world is not None:
                world.begun(context.metadata.get(CALL, ""), f"{context.service}.{context.method}", idempotent)
            return function(*args, **kwargs)

        idempotent = signature.contract.idempotent
        super().__init__(counted, signature)


class FoldedView(View):
    """A view that tells the world of each item of its watch."""

    def fold(self, item: WatchItem) -> set[str]:
        world = Here.world
        for callback in world.on_fold if world is not None and not world.over else ():
            callback(self, item)
        return super().fold(item)


def _orderly(self: Any) -> int:
    """A hash that follows the order in which objects came to be hashed, not their addresses."""
    number: int | None = self.__dict__.get("_simulated_number")
    if number is None:
        numbers = Here.world.numbers if Here.world is not None else itertools.count(id(self))
        number = self.__dict__["_simulated_number"] = next(numbers)
    return number


class OrderlyWatcher(watchers._Watcher):
    """Watchers stand in sets; they are woken in the same order in every run."""

    __hash__ = _orderly


PLACES["homeport.registry.watchers"] = {"_Watcher": OrderlyWatcher}
PLACES["homeport.rpc.standing"] = {"View": FoldedView}


class CountedAdmission(Admission):
    """Counts the calls that it turns away because it leaves."""

    __slots__ = ()

    def refusal(self, *args: Any) -> Any:
        if self.draining and Here.world is not None:
            Here.world.refusals += 1
        return super().refusal(*args)


PLACES["homeport.rpc.server"] = {"SocketFile": SimSocketFile}
PLACES["homeport.worker.host"] = {"HostedMethod": CountedMethod, "Admission": CountedAdmission}


@contextmanager
def interposed(world: World) -> Iterator[None]:
    """Be the machine for ``world`` until the block ends; one world at a time."""
    if Here.world is not None:
        raise RuntimeError("a simulation runs already; start the next one when it has ended")
    with ExitStack() as stack:
        Here.world = world
        stack.callback(setattr, Here, "world", None)
        stand_ins = _stand_ins()
        for module, name, function in stand_ins:
            original = getattr(module, name)
            _set(stack, module, name, function)
            for loaded in _ours():
                for key, value in list(vars(loaded).items()):
                    if value is original:  # taken with ``from time import monotonic``
                        _set(stack, loaded, key, function)
        for place, replaced in PLACES.items():
            __import__(place)
            for name, value in replaced.items():
                _set(stack, sys.modules[place], name, value)
        _set(stack, asyncio.Event, "__hash__", _orderly)
        _seed_dice(stack, world)
        installed = list(ambient._installed)
        stack.callback(ambient._installed.__setitem__, slice(None), installed)
        yield


def _set(stack: ExitStack, holder: Any, name: str, value: Any) -> None:
    stack.callback(setattr, holder, name, getattr(holder, name))
    setattr(holder, name, value)


def _ours() -> list[Any]:
    skipped = "homeport.testing.simulate"
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("homeport.") and not name.startswith(skipped) and module is not None
    ]


def _seed_dice(stack: ExitStack, world: World) -> None:
    """Every module's own ``Random``, and the one behind ``random.random()``."""
    dice = {id(random._inst): ("random", random._inst)}
    for name, module in sorted(sys.modules.items()):
        if module is not None and not name.startswith("homeport.testing.simulate"):
            for value in list(vars(module).values()) if hasattr(module, "__dict__") else ():
                if type(value) is _RealRandom:
                    dice.setdefault(id(value), (name, value))
    for name, die in dice.values():
        stack.callback(die.setstate, die.getstate())
        die.seed(f"homeport {world.seed} {name}")


def _caller() -> Process | None:
    """The simulated process that asks; None when it is somebody outside."""
    world = Here.world
    if world is None or threading.get_ident() not in world.threads:
        return None
    return world.current


def _stand_ins() -> list[tuple[Any, str, Callable[..., Any]]]:
    """What is replaced, where, and by what."""
    clocks: list[tuple[str, Callable[[Process], Any]]] = [
        ("monotonic", Process.monotonic),
        ("perf_counter", lambda process: process.monotonic() + _APART),
        ("time", Process.wall),
        ("monotonic_ns", lambda process: int(process.monotonic() * 1e9)),
        ("perf_counter_ns", lambda process: int((process.monotonic() + _APART) * 1e9)),
        ("time_ns", lambda process: int(process.wall() * 1e9)),
    ]
    found: list[tuple[Any, str, Callable[..., Any]]] = [
        (time, name, _asking(getattr(time, name), answer)) for name, answer in clocks
    ]
    found.append((time, "sleep", _sleep(time.sleep)))
    found.append((os, "getpid", _asking(os.getpid, lambda process: process.pid)))
    urandom = _asking(os.urandom, lambda process, count: process.rng.randbytes(count))
    found += [(os, "urandom", urandom), (random, "_urandom", urandom)]
    found.append((random, "Random", _random(random.Random)))
    found.append((os, "fsync", _fsync(os.fsync)))
    found.append((sqlite3, "connect", _connect(sqlite3.connect)))
    found.append((concurrent.futures.Future, "result", _result(concurrent.futures.Future.result)))
    return found


def _asking(real: Callable[..., Any], answer: Callable[..., Any]) -> Callable[..., Any]:
    def ask(*args: Any) -> Any:
        process = _caller()
        return real(*args) if process is None else answer(process, *args)

    return ask


def _random(real: type[random.Random]) -> type[random.Random]:
    class SeededRandom(real):  # type: ignore[misc, valid-type]
        """Without a seed it takes one of its process's."""

        def __init__(self, x: Any = None) -> None:
            process = _caller()
            super().__init__(process.rng.random() if x is None and process is not None else x)

    return SeededRandom


def _sleep(real: Callable[[float], None]) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        """In a thread it lets time pass; on an event loop it stalls the loop, as it really does."""
        process = _caller()
        if process is None:
            real(seconds)
        elif (thread := here().thread) is not None:
            thread.sleep(seconds)
        else:
            process.block(seconds)

    return sleep


def _fsync(real: Callable[[int], None]) -> Callable[[int], None]:
    def fsync(handle: int) -> None:
        process = _caller()
        if process is None or process.disk is None:
            real(handle)
        elif process.alive:
            process.disk.fsync(handle)

    return fsync


def _connect(real: Callable[..., Any]) -> Callable[..., Any]:
    def connect(*args: Any, **options: Any) -> Any:
        process = _caller()
        if process is None or process.disk is None:
            return real(*args, **options)
        connection = real(*args, factory=SimConnection, **options)
        connection.disk = process.disk
        return connection

    return connect


def _result(real: Callable[..., Any]) -> Callable[..., Any]:
    def result(self: Any, timeout: float | None = None) -> Any:
        """A simulated thread waits for a loop in virtual time."""
        if _caller() is not None and here().thread is not None and not self.done():
            stirred = Waiters()
            self.add_done_callback(lambda _: stirred.happened())
            if not stirred.wait(timeout):
                raise TimeoutError
        return real(self, timeout)

    return result
