"""Programs that call services, and the account they keep of every call."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from homeport.client import Client
from homeport.errors import HomeportError, Unavailable
from homeport.rpc import context
from homeport.rpc.caller import Caller
from homeport.rpc.handles import Handle
from homeport.rpc.peers import Links
from homeport.rpc.standing import Standing
from homeport.testing.simulate.across import across
from homeport.testing.simulate.process import Process
from homeport.testing.simulate.world import CALL, World

RECONNECT = 0.1  # seconds


class Call:
    """One call as its caller saw it. Times are the world's."""

    __slots__ = ("args", "began", "caller", "ended", "error", "method", "number", "result", "service", "timeout")

    def __init__(self, caller: str, service: str, method: str, args: tuple[Any, ...], timeout: float) -> None:
        self.caller, self.service, self.method, self.args, self.timeout = caller, service, method, args, timeout
        self.began = self.ended = 0.0
        self.number = ""
        self.result: Any = None
        self.error: BaseException | None = None

    @property
    def never_started(self) -> bool:
        """Whether its error says that the method certainly did not run."""
        return isinstance(self.error, Unavailable) and self.error.never_started

    def __str__(self) -> str:
        outcome = f"{type(self.error).__name__}: {self.error}" if self.error is not None else f"{self.result!r}"
        return f"{self.service}.{self.method}{self.args} by {self.caller} from {self.began:.3f} s: {outcome}"


class SimCaller:
    """A script in a process of its own, connected as ``homeport.connect()`` would connect it."""

    def __init__(self, world: World, name: str, endpoint: str) -> None:
        self.world, self.name, self.endpoint = world, name, endpoint
        self.calls: list[Call] = []  # in order of their beginning, those under way included
        self.standing: Standing | None = None
        self.client: Client | None = None
        self.rng = random.Random(f"homeport caller {world.seed} {name}")
        self.process = Process(world, name, self._main)
        self._waiting: list[asyncio.Future[None]] = []
        self._handles: dict[tuple[str, float], Handle] = {}

    async def _main(self) -> None:
        caller: Caller | None = None

        def changed(services: set[str]) -> None:
            if caller is not None:
                caller.refresh(services)

        while True:
            standing = Standing(self.endpoint, name=self.name, on_changed=changed)
            caller = Caller(standing.view, Links(self.name), standing.need, names=standing.names)
            try:
                await standing.__aenter__()
            except Unavailable:
                await asyncio.sleep(RECONNECT)
                continue
            break
        self.standing, self.client = standing, Client(standing, caller, self.name)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        await asyncio.get_running_loop().create_future()  # until it is killed

    async def _connected(self) -> Client:
        while self.client is None:
            waiting = self.process.loop.create_future()
            self._waiting.append(waiting)
            await waiting
        return self.client

    def _handle(self, client: Client, service: str, timeout: float) -> Any:
        handle = self._handles.get((service, timeout))
        if handle is None:
            handle = self._handles[service, timeout] = Handle(client.caller, service, owner=self.name, timeout=timeout)
        return handle

    # -- calling -------------------------------------------------------------------------------------------------------

    async def call(self, service: str, method: str, *args: Any, timeout: float = 2.0) -> Any:
        """The result of one call, awaited in the scenario. Raises what the call raises."""
        call = await self._awaited(service, method, args, timeout)
        if call.error is not None:
            raise call.error
        return call.result

    async def _awaited(self, service: str, method: str, args: tuple[Any, ...], timeout: float) -> Call:
        return await across(self.process, lambda: self._do(service, method, args, timeout))

    def load(
        self,
        service: str,
        method: str,
        *,
        rate: float,
        args: Callable[[int], tuple[Any, ...]] = lambda number: (),
        timeout: float = 2.0,
        streams: bool = False,
    ) -> Load:
        """Call again and again, ``rate`` times a second at random moments, until ``stop()``.

        The result of a method that ``streams`` is the list of its items.
        """
        return Load(self, service, method, rate, args, timeout, streams)

    async def _do(
        self, service: str, method: str, args: tuple[Any, ...], timeout: float, streams: bool = False
    ) -> Call:
        """Carry out a call inside the caller's process, and enter it in the account."""
        client = await self._connected()
        call = Call(self.name, service, method, args, timeout)
        call.began = self.world.moment()
        self.calls.append(call)
        call.number = f"{self.name}/{len(self.calls)}"
        try:
            # Half of the calls have their deadline from a block around them, half from their handle.
            block = context.timeout(timeout) if len(self.calls) % 2 or streams else nullcontext()
            with context.metadata(**{CALL: call.number}), block:
                answer = getattr(self._handle(client, service, timeout), method)(*args)
                call.result = [item async for item in answer] if streams else await answer
        except asyncio.CancelledError as error:
            call.error = error
            raise
        except Exception as error:
            call.error = error
            if not isinstance(error, HomeportError):
                self.world.faults.append(f"{call} failed with an error that is none of Homeport's")
        finally:
            call.ended = self.world.moment()
            outcome = type(call.error).__name__ if call.error is not None else "ok"
            self.world.trace.tell("called", f"{service}.{method}{args}: {outcome}")
        return call


class Load:
    """Calls that come at random moments."""

    def __init__(
        self,
        caller: SimCaller,
        service: str,
        method: str,
        rate: float,
        args: Callable[[int], tuple[Any, ...]],
        timeout: float,
        streams: bool,
    ) -> None:
        self._streams = streams
        self._caller, self._service, self._method = caller, service, method
        self._rate, self._args, self._timeout = rate, args, timeout
        self._number, self._most = 0, float("inf")
        self._stopped = False
        self._schedule()

    def stop(self) -> None:
        self._stopped = True

    def stop_after(self, calls: int) -> Load:
        """Make so many calls and no more."""
        self._most = calls
        return self

    def _schedule(self) -> None:
        caller = self._caller
        caller.world.after(caller.rng.expovariate(self._rate), self._next)

    def _next(self) -> None:
        process = self._caller.process
        if self._stopped or not process.alive or self._number >= self._most:
            return
        if not process.paused and self._caller.client is not None:
            self._number += 1
            args = self._args(self._number)
            call = self._caller._do(self._service, self._method, args, self._timeout, self._streams)
            process.loop.call_soon(lambda: process.loop.create_task(call, name="load"))
        self._schedule()
