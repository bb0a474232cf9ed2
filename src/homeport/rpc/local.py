"""Calls inside one process: a plain await under the same rules as over a connection.

The same deadlines (one shared sweep), cancellation, admission limit, counters and errors. The one difference: the
callee runs in its caller's task, so one that swallows its cancellation delays the caller; it is reported with its
stack.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from time import perf_counter
from typing import Any, Protocol

from homeport.contracts.failures import decode_service_error, encode_service_error
from homeport.contracts.signature import MethodSignature
from homeport.errors import DeadlineExceeded, ServiceError
from homeport.rpc.context import CURRENT, CallContext, new_span, new_trace
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
        return CallContext(instance.service, method, caller, deadline, new_trace(), new_span())
    return CallContext(
        instance.service,
        method,
        caller,
        deadline,
        parent.trace or new_trace(),
        new_span(),
        parent.metadata,
        parent.priority,
        parent.retry,
    )


async def call_local(
    instance: LocalInstance,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    edge: Edge,
    context: CallContext,
    sweep: Sweep,
) -> Any:
    """Run a method that the instance has admitted, by reference."""
    context._task = asyncio.current_task()
    token = CURRENT.set(context)
    if context.deadline is not None:
        sweep.add(context, context.deadline)
    admission = instance.admission
    admission.in_flight += 1
    edge.calls += 1
    started = perf_counter()
    try:
        result = await function(*args, **kwargs)
        if context.take_expiry():
            raise _too_late(context)
        return result
    except asyncio.CancelledError:
        edge.errors += 1
        if context.take_expiry():
            raise _too_late(context) from None
        raise
    except ServiceError:
        edge.errors += 1
        raise
    except Exception as error:
        edge.errors += 1
        raise failure_of(error, context, context.service, context.method) from error
    finally:
        edge.seconds += perf_counter() - started
        sweep.entries.pop(context, None)
        admission.leave()
        CURRENT.reset(token)


async def call_through_codec(
    instance: LocalInstance,
    method: LocalMethod,
    body: bytes,
    decode: Callable[[Any], Any],
    edge: Edge,
    context: CallContext,
    sweep: Sweep,
    json: bool,
) -> Any:
    """Like ``call_local``, with arguments, result and errors encoded and decoded as if they had travelled."""
    signature = method.signature
    args, kwargs = signature.decode_arguments(body, json)
    try:
        result = await call_local(instance, method.function, args, kwargs, edge, context, sweep)
    except ServiceError as error:
        raise decode_service_error(encode_service_error(error)) from error
    return decode(signature.encode_result(result, json))


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
