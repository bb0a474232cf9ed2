"""The event loop of a simulated process: asyncio's interface on virtual time, with the simulated network behind it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeport.testing.simulate.process import Process

_NO_SUCH_THING = "the simulation has no {what}; only stream connections between simulated processes"


class SimFuture(asyncio.Future[Any]):
    """A future whose place in a set does not depend on its address in memory."""

    def __init__(self, loop: SimLoop) -> None:
        super().__init__(loop=loop)
        self._number = next(loop.numbers)

    def __hash__(self) -> int:
        return self._number


class SimTask(asyncio.Task[Any]):
    """Likewise a task."""

    def __init__(self, coro: Coroutine[Any, Any, Any], loop: SimLoop, **options: Any) -> None:
        self._number = next(loop.numbers)
        super().__init__(coro, loop=loop, **options)

    def __hash__(self) -> int:
        return self._number


# What it lacks raises NotImplementedError, as asyncio's base class has it.
_Loop: Any = asyncio.AbstractEventLoop


class SimLoop(_Loop):  # type: ignore[misc]
    """Runs callbacks in the order asyncio would, whenever its process is given a turn."""

    slow_callback_duration = 1e9  # asked for in debug mode only

    def __init__(self, process: Process) -> None:
        self.process = process
        self.numbers = itertools.count(1)
        self.ready: deque[asyncio.Handle] = deque()
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.signals: dict[int, tuple[Any, ...]] = {}
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []

    # -- turns ---------------------------------------------------------------------------------------------------------

    def due(self) -> float | None:
        """When it has something to do next, on its own clock; None: nothing until somebody else stirs it."""
        if self.ready:
            return self.time()
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def run_once(self) -> None:
        now = self.time()
        while self._timers and self._timers[0][0] <= now + 1e-9:
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled():
                self.ready.append(timer)
        for _ in range(len(self.ready)):
            handle = self.ready.popleft()
            if not handle.cancelled():
                handle._run()
            if not self.process.alive and not self.process.world.over:
                return

    def forget(self) -> None:
        self.ready.clear()
        self._timers.clear()

    # -- asyncio's interface -------------------------------------------------------------------------------------------

    def time(self) -> float:
        return self.process.monotonic()

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self.ready.append(handle)
        self.process.stir()
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self.numbers), timer))
        self.process.stir()
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is passed over when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return SimFuture(self)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task = SimTask(coro, self, **options)
        if not task.done():
            self.tasks[task] = None
            task.add_done_callback(lambda done: self.tasks.pop(done, None))
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Run it in a simulated thread, whatever the executor."""
        from homeport.testing.simulate.threads import SimThread

        future = self.create_future()

        def deliver(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:
                self.call_soon_threadsafe(deliver, None, error)
            else:
                self.call_soon_threadsafe(deliver, result, None)

        SimThread(target=work, name="executor", process=self.process).start()
        return future

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        self.signals[sig] = (callback, *args)

    def remove_signal_handler(self, sig: int) -> bool:
        return self.signals.pop(sig, None) is not None

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return not self.process.alive and not self.process.world.over

    def get_debug(self) -> bool:
        return False

    def get_exception_handler(self) -> None:
        return None

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Nobody waited for this; the run fails with it."""
        world = self.process.world
        if world.over or not self.process.alive:
            return
        error = context.get("exception")
        what = f"{context.get('message')}: {type(error).__name__}: {error}" if error else str(context.get("message"))
        world.trace.tell("unhandled", what, process=self.process.name)
        world.faults.append(f"{self.process.name}: {what}")

    def finalize_generator(self, generator: AsyncGenerator[Any, None]) -> None:
        if self.process.alive or self.process.world.over:
            self.call_soon(lambda: self.create_task(generator.aclose()))

    async def shutdown_asyncgens(self) -> None:
        """Those left over end with the run."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Simulated threads end with their process."""

    # -- network -------------------------------------------------------------------------------------------------------

    async def create_unix_connection(self, protocol_factory: Any, path: Any = None, **options: Any) -> Any:
        if path is None:
            raise NotImplementedError(_NO_SUCH_THING.format(what="real sockets"))
        return await self._connect(protocol_factory, f"unix:{path}")

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        if options.get("sock") is not None or options.get("ssl"):
            raise NotImplementedError(_NO_SUCH_THING.format(what="real sockets and no TLS"))
        return await self._connect(protocol_factory, f"tcp://{host}:{port}")

    async def _connect(self, protocol_factory: Any, address: str) -> Any:
        from homeport.testing.simulate.transport import SimTransport

        connected = self.create_future()
        attempt = self.network.connect(self.process, address, connected)
        try:
            socket = await connected
        except asyncio.CancelledError:
            attempt.give_up()
            raise
        protocol = protocol_factory()
        transport = SimTransport(self, socket, protocol)
        return transport, protocol

    async def create_unix_server(
        self, protocol_factory: Any, path: Any = None, *, sock: Any = None, **options: Any
    ) -> Any:
        return self._serve(protocol_factory, sock.address if sock is not None else f"unix:{path}")

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        if options.get("sock") is not None or options.get("ssl"):
            raise NotImplementedError(_NO_SUCH_THING.format(what="real sockets and no TLS"))
        return self._serve(protocol_factory, f"tcp://{host}:{port}")

    def _serve(self, protocol_factory: Any, address: str) -> Any:
        from homeport.testing.simulate.transport import SimServer

        return SimServer(self, self.network.listen(self.process, address), protocol_factory)

    @property
    def network(self) -> Any:
        return self.process.world.network  # type: ignore[attr-defined]
