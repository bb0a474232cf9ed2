"""One HTTP request and its answer, close to ASGI: what the busy routes use instead of a framework's objects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, cast

import msgspec
from starlette.types import Receive, Scope, Send

from homeport.errors import HomeportError
from homeport.http.problems import MEDIA_TYPE, encode_problem, headers_of, problem_of, refuse
from homeport.http.tracing import Trace, trace_of

log = logging.getLogger("homeport.http")

BODY_LIMIT_BYTES = 16 * 1024 * 1024
JSON = b"application/json"

_Headers = Iterable[tuple[bytes, bytes]]
_encode = msgspec.json.Encoder(enc_hook=str).encode


class ClientGone(HomeportError):
    """Nobody waits for the answer any more."""


class Exchange:
    """Reads one request and answers it once; an answer that began can only be completed or broken off.

    Of a header that is repeated, the last value counts.
    """

    __slots__ = ("_body_read", "headers", "receive", "scope", "send_message", "service", "started", "trace")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.receive, self.send_message = scope, receive, send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.trace: Trace = trace_of(self.headers.get(b"traceparent"))
        self.service = ""  # whom the request is for, once that is known
        self.started = False
        self._body_read = asyncio.Event()

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        return str(self.scope["path"])

    @property
    def url(self) -> str:
        """Scheme, host and port as the client wrote them."""
        return f"{self.scope['scheme']}://{self.headers.get(b'host', b'localhost').decode('latin-1')}"

    @property
    def has_body(self) -> bool:
        return b"transfer-encoding" in self.headers or self.headers.get(b"content-length", b"0") != b"0"

    def require_json(self) -> None:
        """Refuse what is not declared as JSON: a foreign page cannot send that without asking first."""
        content_type = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if content_type == JSON or (content_type.startswith(b"application/") and content_type.endswith(b"+json")):
            return
        given = repr(content_type.decode("latin-1")) if content_type else "none"
        raise refuse(
            415,
            "not_json",
            f"{self.method} {self.path} takes JSON, but the Content-Type is {given}",
            next="send the header Content-Type: application/json",
        )

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, whatever its size.

        Raises:
            ClientGone: the client left before it had sent all.
        """
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone("the client left while it sent its request")
            if body := message.get("body", b""):
                yield body
            if not message.get("more_body", False):
                self._body_read.set()
                return

    async def body(self, limit: int = BODY_LIMIT_BYTES) -> bytes:
        """The whole body, refused as soon as it is certain to pass ``limit`` bytes."""
        declared = self.headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        parts: list[bytes] = []
        size = 0
        async for part in self.chunks():
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def while_connected(self) -> _WhileConnected:
        """A block that is cancelled, and left with ``ClientGone``, when the client goes.

        A body must be read before the block, or inside it, where whoever reads it also sees the client go.
        """
        return _WhileConnected(self.receive, self._body_read if self.has_body else None)

    async def start(self, status: int, headers: _Headers) -> None:
        self.started = True
        await self.send_message(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*headers, (b"traceparent", self.trace.header)],
            }
        )

    async def send(self, body: bytes, *, more: bool = False) -> None:
        await self.send_message({"type": "http.response.body", "body": body, "more_body": more})

    async def answer(
        self, body: bytes, *, status: int = 200, content_type: bytes = JSON, headers: _Headers = ()
    ) -> None:
        """The whole answer at once."""
        length = b"%d" % len(body)
        await self.start(status, [(b"content-type", content_type), (b"content-length", length), *headers])
        await self.send(body)

    async def answer_value(self, value: Any, *, status: int = 200, headers: _Headers = ()) -> None:
        await self.answer(_encode(value), status=status, headers=headers)

    async def fail(self, error: BaseException) -> None:
        """Answer with the problem of ``error``, and log what is not the caller's fault."""
        problem = problem_of(error, service=self.service, trace_id=self.trace.id)
        self.log_failure(error, problem.status)
        headers = headers_of(error, problem.status)
        if problem.status == 413:
            headers.append((b"connection", b"close"))  # rather than read on what nobody wants
        await self.answer(encode_problem(problem), status=problem.status, content_type=MEDIA_TYPE, headers=headers)

    def log_failure(self, error: BaseException, status: int) -> None:
        if status < 500:
            return
        ours = not isinstance(error, HomeportError)
        log.log(
            logging.ERROR if ours else logging.WARNING,
            "request.failed",
            extra={
                "method": self.method,
                "path": self.path,
                "status": status,
                "trace": self.trace.id,
                "why": str(error),
            },
            exc_info=error if ours else None,
        )


class _WhileConnected:
    """Cancels the task inside the block when the client goes, as ``asyncio.timeout`` does when time is up."""

    __slots__ = ("_body_read", "_cancelling", "_gone", "_receive", "_task", "_watcher")

    def __init__(self, receive: Receive, body_read: asyncio.Event | None) -> None:
        self._receive, self._body_read = receive, body_read
        self._gone = False

    async def __aenter__(self) -> None:
        self._task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._cancelling = self._task.cancelling()
        self._watcher = asyncio.create_task(self._watch(), name="http.while-connected")

    async def _watch(self) -> None:
        if self._body_read is not None:
            await self._body_read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watcher.cancel()
        if self._gone and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise ClientGone("the client left before its answer was there") from None


def _too_large(limit: int) -> HomeportError:
    return refuse(
        413,
        "body_too_large",
        f"the body is larger than {limit // 2**20} MiB",
        next="send less, or hand over a reference",
    )
