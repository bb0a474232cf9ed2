"""Calls inside one process: a plain await under the same rules as over a connection.

The same deadlines (one shared sweep), cancellation, admission limit, counters and errors. The one difference: the
callee runs in its caller's task, so one that swallows its cancellation delays the caller; it is reported with its
stack.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from time import perf_counter
from typing import Any, Protocol

from homeport.contracts.failures import decode_service_error, encode_service_error
from homeport.contracts.signature import MethodSignature
from homeport.errors import DeadlineExceeded, ServiceError
from homeport.rpc.context import CURRENT, CallContext
from homeport.rpc.serving import Admission, Edge, failure_of
from homeport.rpc.sweep import Sweep

_EMPTY: dict[str, str] = {}


class LocalMethod(Protocol):
    """A method of an instance in this process."""

    @property
    def function(self) -> Callable[..., Any]:
        """Returns an awaitable, or an async iterator when it streams."""

    @property
    def signature(self) -> MethodSignature: ...


class LocalInstance(Protocol):
    """An instance in this process."""

    @property
    def id(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def admission(self) -> Admission: ...
    @property
    def through_codec(self) -> bool:
        """Whether calls are encoded and decoded as if they were remote, so that aliasing shows early."""

    def method(self, name: str) -> LocalMethod:
        """Raises: UnknownMethod."""

    def edge(self, caller: str, method: str) -> Edge: ...


def local_context(
    instance: LocalInstance, method: str, caller: str, deadline: float | None, parent: CallContext | None
) -> CallContext:
    if parent is None:
        return CallContext(instance.service, method, caller, deadline)
    return CallContext(
        instance.service,
        method,
        caller,
        deadline,
        parent.traced(),
        b"",
        parent.metadata,
        parent.priority,
        parent.retry,
    )


class LocalWay:
    """One method of one instance in this process as one caller reaches it: all that does not change between calls."""

    __slots__ = ("caller", "instance", "method", "run")

    def __init__(
        self,
        instance: LocalInstance,
        name: str,
        caller: str,
        timeout: float,
        sweep: Sweep,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.instance, self.caller = instance, caller
        self.method = instance.method(name)
        self.run = _runner(instance, name, caller, timeout, sweep, loop, self.method.function)

    async def run_through_codec(self, body: bytes, decode: Callable[[Any], Any], json: bool) -> Any:
        """Like ``run``, with arguments, result and errors encoded and decoded as if they had travelled."""
        signature = self.method.signature
        args, kwargs = signature.decode_arguments(body, json)
        try:
            result = await self.run(args, kwargs)
        except ServiceError as error:
            raise decode_service_error(encode_service_error(error)) from error
        return decode(signature.encode_result(result, json))


Run = Callable[[tuple[Any, ...], dict[str, Any]], Coroutine[Any, Any, Any]]

TIMED = 8  # the first local calls are timed, so many, then one in so many, which stands for those around it


def _runner(
    instance: LocalInstance,
    name: str,
    caller: str,
    timeout: float,
    sweep: Sweep,
    loop: asyncio.AbstractEventLoop,
    function: Callable[..., Any],
) -> Run:
    """A coroutine function that runs the method by reference, for a call that the instance has admitted.

    Everything it touches is a variable of this function: that is a third cheaper than attributes, and a local call is
    compared with a bare await.
    """
    service, admission, edge = instance.service, instance.admission, instance.edge(caller, name)
    now, deadlines, new_context, others = loop.time, sweep.entries, CallContext, TIMED - 1
    middle = TIMED // 2
    current_call, set_current, reset_current = CURRENT.get, CURRENT.set, CURRENT.reset

    async def run(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        parent = current_call()
        task = current_task(loop)
        if parent is None:
            deadline = now() + timeout
            context = new_context(service, name, caller, deadline, _task=task)
            sweep.add(context, deadline)
            swept = True
        else:
            context = new_context(
                service,
                name,
                caller,
                parent.deadline,
                parent.trace or parent.traced(),
                b"",
                parent.metadata,
                parent.priority,
                parent.retry,
                task,
                parent._length,
            )
            # A caller in this very task that had no longer than this call would get is cancelled first, and this call
            # with it: no need to ask the clock, or to be swept.
            swept = parent._length > timeout or parent._task is not task
            if swept:
                context.deadline = deadline = _earlier(parent.deadline, now() + timeout)
                sweep.add(context, deadline)
        token = set_current(context)
        number = edge.calls + admission.in_flight  # those that run count, or all of a burst would be timed, or none
        admission.in_flight += 1
        timed = number & others == middle or number < TIMED
        if timed:
            started = perf_counter()
        try:
            result = await (function(*args, **kwargs) if kwargs else function(*args))
            if context._expired and context.take_expiry():
                raise _too_late(context)
            return result
        except asyncio.CancelledError as error:
            edge.errors += 1
            admission.failed(error, context)
            if context.take_expiry():
                raise _too_late(context) from None
            raise
        except ServiceError as error:
            edge.errors += 1
            admission.failed(error, context)
            raise
        except Exception as error:
            edge.errors += 1
            admission.failed(error, context)
            raise failure_of(error, context, service, name) from error
        finally:
            edge.calls += 1
            if timed:
                edge.seconds += (perf_counter() - started) * (1 if number < TIMED else TIMED)
            if swept:
                deadlines.pop(context, None)
            admission.in_flight -= 1  # what ``admission.leave`` does, without the call
            admission.served += 1
            if admission.idle is not None:
                admission.left()
            context._task = None  # whoever keeps the context must not take this call for running
            reset_current(token)

    return run


def _earlier(one: float | None, other: float) -> float:
    return other if one is None or other < one else one


# What asyncio.current_task looks up on 3.11, where asking for it is four times as dear; later versions have it in C.
current_task: Callable[[asyncio.AbstractEventLoop], Any] = (
    asyncio.current_task if sys.version_info >= (3, 12) else asyncio.tasks._current_tasks.get  # type: ignore[attr-defined]
)


class LocalItems:
    """A stream inside one process; closing it closes the generator."""

    def __init__(
        self,
        instance: LocalInstance,
        items: AsyncIterator[Any],
        edge: Edge,
        context: CallContext,
        sweep: Sweep,
        idle: float | None,
        convert: Callable[[Any], Any] | None,
    ) -> None:
        self._instance, self._items, self._edge = instance, items, edge
        self._context, self._sweep, self._idle, self._convert = context, sweep, idle, convert
        self._open = True
        edge.calls += 1
        instance.admission.in_flight += 1

    def __aiter__(self) -> LocalItems:
        return self

    async def __anext__(self) -> Any:
        if not self._open:
            raise StopAsyncIteration
        context = self._context
        context._task = asyncio.current_task()
        token = CURRENT.set(context)
        due = context.deadline
        if self._idle is not None:
            idle_until = asyncio.get_running_loop().time() + self._idle
            due = idle_until if due is None else min(due, idle_until)
        if due is not None:
            self._sweep.add(context, due)
        try:
            item = await self._items.__anext__()
        except StopAsyncIteration:
            self._leave()
            raise
        except BaseException as error:
            self._edge.errors += 1
            self._instance.admission.failed(error, context)
            self._leave()
            raise self._failure(error) from error
        finally:
            self._sweep.entries.pop(context, None)
            CURRENT.reset(token)
        return item if self._convert is None else await self._converted(item, self._convert)

    async def _converted(self, item: Any, convert: Callable[[Any], Any]) -> Any:
        try:
            return convert(item)
        except Exception:
            self._edge.errors += 1
            await self.aclose()
            raise

    def _failure(self, error: BaseException) -> BaseException:
        if isinstance(error, asyncio.CancelledError):
            return _too_late(self._context) if self._context.take_expiry() else error
        if isinstance(error, Exception):
            return failure_of(error, self._context, self._context.service, self._context.method)
        return error

    def _leave(self) -> None:
        if self._open:
            self._open = False
            self._instance.admission.leave()

    async def aclose(self) -> None:
        """Want no more; the generator's ``finally`` blocks run."""
        close = getattr(self._items, "aclose", None)
        if self._open and close is not None:
            await close()
        self._leave()


def _too_late(context: CallContext) -> DeadlineExceeded:
    return DeadlineExceeded(f"{context.service}.{context.method} did not answer before its deadline")
