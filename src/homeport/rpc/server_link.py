"""The serving end of one connection: runs calls under their deadlines, answers, ends with it what nobody waits for."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import sys
from collections.abc import Coroutine
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from homeport.errors import (
    BadResult,
    DeadlineExceeded,
    HomeportError,
    NotAllowed,
    ProtocolError,
    StreamDraining,
)
from homeport.rpc.context import CURRENT, CallContext
from homeport.rpc.frames import (
    CALL,
    CANCEL,
    CONTEXT_SIZE,
    CREDIT,
    END,
    ERROR,
    GOAWAY,
    HAS_CONTEXT,
    HAS_METADATA,
    INITIAL_CREDIT,
    IS_RETRY,
    ITEM,
    MAX_BODY,
    NO_DEADLINE,
    PRIORITY_MASK,
    PRIORITY_SHIFT,
    REPLY,
    Bind,
    GoAway,
    frame,
    pack_header,
    split_metadata,
    unpack_context,
)
from homeport.rpc.link import SERVER_ONLY, Link
from homeport.rpc.serving import BACKGROUND, Admission, Binding, failure_of
from homeport.rpc.status import CANCELLED, encode_error
from homeport.rpc.sweep import sweep_of
from homeport.rpc.timing import StepTimer

if TYPE_CHECKING:
    from homeport.rpc.server import RpcServer

log = logging.getLogger("homeport.rpc")

LARGE_ITEM = 2**16  # bytes of a stream item that leaves at once, so that a full send buffer is noticed before the next
SAMPLE_EVERY = 64  # one call in so many has its steps timed
_NO_METADATA: dict[str, str] = {}
_decode_bind = msgspec.msgpack.Decoder(Bind).decode

if sys.version_info >= (3, 12):

    def start_task(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.Task(coro, loop=loop, eager_start=True)

else:

    def start_task(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return loop.create_task(coro)


class _Running:
    """A call in progress.

    Its task is cancelled only once it has begun: a task that is cancelled before its first step never runs at all, not
    even the lines that clean up after it.
    """

    __slots__ = ("admission", "begun", "cancelled", "credit", "encoding", "more_credit", "task", "timed")

    def __init__(self, admission: Admission, timed: bool) -> None:
        self.admission = admission
        self.timed = timed  # one of the few whose steps are timed
        self.task: asyncio.Task[None] | None = None
        self.begun = False
        self.encoding = False  # the method is done, and what it returned is being turned into bytes
        self.cancelled = False
        self.credit = INITIAL_CREDIT
        self.more_credit: asyncio.Event | None = None

    def cancel(self) -> None:
        """The caller has gone or does not want the answer any more."""
        self.cancelled = True
        if self.begun and self.task is not None:
            self.task.cancel()

    def begin(self, context: CallContext) -> None:
        self.begun = True
        context._task = self.task
        if self.cancelled:
            raise asyncio.CancelledError


class ServerLink(Link):
    """The serving end of one connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server: RpcServer) -> None:
        super().__init__(loop, server.hello, SERVER_ONLY)
        self._server = server
        self._sweep = sweep_of(loop)
        self._deadlines = self._sweep.entries
        self._bindings: dict[int, Binding | HomeportError] = {}
        self._running: dict[int, _Running] = {}
        self._last_call = 0

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def on_greeted(self) -> None:
        token = self._server.token
        if token and not hmac.compare_digest(token.encode(), self.peer.token.encode()):
            raise NotAllowed(f"the token of {self.peer.name or 'the peer'} is missing or wrong")
        self._server.links[self] = None

    def on_refused(self, error: HomeportError) -> None:
        self._send_error(0, error)

    def on_lost(self, error: HomeportError | None) -> None:
        self._server.links.pop(self, None)
        for running in list(self._running.values()):
            running.cancel()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.pause_reading()  # who does not read answers shall not ask for more: they would pile up here

    def resume_writing(self) -> None:
        super().resume_writing()
        self.resume_reading()

    def on_frame(self, kind: int, call_id: int, code: int, flags: int, body: memoryview) -> None:
        if kind == CALL:
            self._on_call(call_id, code, flags, body)
        elif kind == CANCEL:
            running = self._running.get(call_id)
            if running is not None:
                running.cancel()
        elif kind == CREDIT:
            running = self._running.get(call_id)
            if running is not None:
                running.credit += code
                if running.more_credit is not None:
                    running.more_credit.set()
        else:
            self._on_bind(code, body)

    def _on_bind(self, number: int, body: memoryview) -> None:
        try:
            request = _decode_bind(body)
        except msgspec.MsgspecError as broken:
            raise ProtocolError(f"a bind frame cannot be read: {broken}") from broken
        try:
            self._bindings[number] = self._server.dispatcher.bind(request)
        except HomeportError as error:
            self._bindings[number] = error

    def _on_call(self, call_id: int, number: int, flags: int, body: memoryview) -> None:
        binding = self._bindings.get(number)
        if binding is None:
            raise ProtocolError(f"a call of method number {number}, which was never bound")
        if call_id in self._running:
            raise ProtocolError(f"call id {call_id} is in use")
        remaining, trace, span = NO_DEADLINE, b"", b""
        metadata = _NO_METADATA
        if flags & HAS_CONTEXT:
            if len(body) < CONTEXT_SIZE:
                raise ProtocolError("a frame says it has a context block but is too short for it")
            remaining, trace, span = unpack_context(body)
            body = body[CONTEXT_SIZE:]
        if flags & HAS_METADATA:
            metadata, body = split_metadata(body)
        if isinstance(binding, HomeportError):
            self._send_error(call_id, binding)
            return
        admission = binding.admission
        priority = (flags & PRIORITY_MASK) >> PRIORITY_SHIFT
        if priority > BACKGROUND:
            raise ProtocolError(f"unknown priority {priority}")
        if admission.in_flight >= admission.rooms[priority]:
            self._send_error(call_id, admission.refusal(priority))
            return
        if not remaining:
            self._send_error(
                call_id, DeadlineExceeded(f"{binding.service}.{binding.method}: no time was left to start")
            )
            return
        started = perf_counter()
        try:
            args, kwargs = binding.decode(body)
        except HomeportError as error:
            binding.edge.errors += 1
            self._send_error(call_id, error)
            return
        self._last_call = call_id
        edge = binding.edge
        edge.bytes_in += len(body)
        admission.in_flight += 1
        context = CallContext(
            binding.service,
            binding.method,
            binding.caller,
            None,
            trace,
            span,
            metadata,
            priority,
            bool(flags & IS_RETRY),
        )
        running = self._running[call_id] = _Running(admission, edge.calls % SAMPLE_EVERY == 0)
        if remaining != NO_DEADLINE:
            context._length = remaining / 1000
            context.deadline = deadline = self.loop.time() + context._length
            self._sweep.add(context, deadline)
        run = self._run_stream if binding.streams else self._run
        task = start_task(self.loop, run(call_id, binding, args, kwargs, context, running, started))
        if not task.done():
            running.task = context._task = task

    async def _run(
        self,
        call_id: int,
        binding: Binding,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: CallContext,
        running: _Running,
        started: float,
    ) -> None:
        CURRENT.set(context)
        edge = binding.edge
        try:
            running.begin(context)
            if running.timed:
                timer = StepTimer(binding.function(*args, **kwargs))
                result = await timer
                running.encoding = True
                encoding = perf_counter()
                body = binding.encode(result)
                edge.cpu_seconds += timer.seconds + perf_counter() - encoding
                edge.cpu_samples += 1
            else:
                result = await binding.function(*args, **kwargs)
                running.encoding = True
                body = binding.encode(result)
            if len(body) > MAX_BODY:
                raise _too_large(binding, body)
            if not context._expired:
                edge.bytes_out += len(body)
                self.send(pack_header(len(body), call_id, 0, REPLY, 0) + body)
            else:  # the handler swallowed the cancellation; its caller has long been told
                self._send_error(call_id, _too_late(binding))
        except BaseException as error:
            self._answer_failure(call_id, binding, context, running, error)
        finally:
            self._ended(call_id, binding, context, running, started)

    async def _run_stream(
        self,
        call_id: int,
        binding: Binding,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: CallContext,
        running: _Running,
        started: float,
    ) -> None:
        CURRENT.set(context)
        edge = binding.edge
        try:
            running.begin(context)
            items: Any = binding.function(*args, **kwargs)
            async with contextlib.aclosing(items):
                async for item in items:
                    running.encoding = True
                    body = binding.encode(item)
                    if len(body) > MAX_BODY:
                        raise _too_large(binding, body)
                    running.encoding = False
                    while running.credit <= 0:
                        running.more_credit = running.more_credit or asyncio.Event()
                        running.more_credit.clear()
                        await running.more_credit.wait()
                    if not self.writable.is_set():
                        await self.writable.wait()
                    running.credit -= 1
                    edge.bytes_out += len(body)
                    self.send(pack_header(len(body), call_id, 0, ITEM, 0) + body)
                    if len(body) >= LARGE_ITEM:
                        self.flush()
                    item, body = None, b""  # a watcher may wait for days, and must not keep what it has been told
            self.send(frame(END, call_id))
        except BaseException as error:
            self._answer_failure(call_id, binding, context, running, error)
        finally:
            self._ended(call_id, binding, context, running, started)

    def _ended(self, call_id: int, binding: Binding, context: CallContext, running: _Running, started: float) -> None:
        edge = binding.edge
        edge.calls += 1
        edge.seconds += perf_counter() - started
        self._deadlines.pop(context, None)
        self._running.pop(call_id, None)
        binding.admission.leave()
        context._task = running.task = None  # task, context and call would keep each other until a collection

    def _answer_failure(
        self, call_id: int, binding: Binding, context: CallContext, running: _Running, error: BaseException
    ) -> None:
        binding.edge.errors += 1
        binding.admission.failed(error, context)
        if isinstance(error, asyncio.CancelledError):
            if context.take_expiry():
                self._send_error(call_id, _too_late(binding))
            elif not running.cancelled:
                reason = encode_error(StreamDraining("the worker is stopping"))[1] if binding.streams else b""
                status = encode_error(StreamDraining(""))[0] if binding.streams else CANCELLED
                self.send(frame(ERROR, call_id, status, reason))
            return  # the task ends here: nobody awaits it
        if isinstance(error, BadResult) and running.encoding:
            self._send_error(call_id, error)
        elif isinstance(error, Exception):
            self._send_error(
                call_id, failure_of(error, context, binding.service, binding.method, own=binding.own_errors)
            )
        else:  # SystemExit and KeyboardInterrupt are the process's
            raise error

    def _send_error(self, call_id: int, error: HomeportError) -> None:
        try:
            status, body = encode_error(error)
        except BadResult as fault:  # a declared error whose fields cannot travel
            status, body = encode_error(fault)
        if len(body) > MAX_BODY:  # sent as it is, it would end the connection and with it all other calls
            size = f"takes {len(body)} bytes, over the limit of {MAX_BODY}; carry a reference"
            status, body = encode_error(BadResult(f"the error {type(error).__qualname__} {size}"))
        self.send(frame(ERROR, call_id, status, body))

    def end_calls(self, admission: Admission) -> None:
        """Cancel what still runs for an instance; streams are told that it is draining."""
        for running in self._running.values():
            if running.admission is admission and running.begun and running.task is not None:
                running.task.cancel()

    def go_away(self, reason: str) -> None:
        """Tell the caller to send no more; it closes the connection when its calls are answered."""
        notice = GoAway(last_call=self._last_call, reason=reason)
        self.send(frame(GOAWAY, body=msgspec.msgpack.encode(notice)))


def _too_large(binding: Binding, body: bytes) -> BadResult:
    return BadResult(
        f"{binding.service}.{binding.method} answered {len(body)} bytes, over the limit of {MAX_BODY}; "
        "stream it in parts or return a reference"
    )


def _too_late(binding: Binding) -> DeadlineExceeded:
    return DeadlineExceeded(f"{binding.service}.{binding.method} did not answer before its deadline")
