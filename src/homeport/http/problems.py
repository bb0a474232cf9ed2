"""Errors as RFC 9457 problems: which status, which words, which next step."""

from __future__ import annotations

from typing import Any

import msgspec

from homeport.errors import (
    BadArguments,
    BadResult,
    ConnectionLost,
    DeadlineExceeded,
    Draining,
    HomeportError,
    NoEndpoint,
    NotAllowed,
    NotSent,
    Overloaded,
    ProtocolError,
    RemoteError,
    ServiceError,
    StreamDraining,
    Unavailable,
    UnknownMethod,
    UnknownService,
    UsageError,
    near_names,
    snake_case,
)
from homeport.model import Problem

MEDIA_TYPE = b"application/problem+json"
RETRY_AFTER = b"1"  # seconds; a replacement is ready, or a queue is shorter, in about that time

_TITLES: dict[int, str] = {
    400: "Bad request",
    401: "Who is asking?",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Body too large",
    415: "JSON needed",
    422: "The arguments do not fit",
    500: "The service failed",
    501: "Not supported",
    502: "The answer was lost",
    503: "Not available right now",
    504: "The deadline passed",
}

# First match wins, so a class stands before its bases.
_STATUSES: tuple[tuple[type[HomeportError], int], ...] = (
    (BadArguments, 422),
    (UnknownMethod, 404),
    (UnknownService, 404),
    (NotAllowed, 403),
    (BadResult, 500),
    (DeadlineExceeded, 504),
    (NoEndpoint, 503),
    (Overloaded, 503),
    (StreamDraining, 503),
    (Draining, 503),
    (NotSent, 503),
    (ConnectionLost, 502),
    (ProtocolError, 502),
    (Unavailable, 503),
    (UsageError, 400),
)


class HttpError(HomeportError):
    """A request that is answered with this problem."""

    def __init__(self, problem: Problem, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(problem, headers)
        self.problem, self.headers = problem, headers

    def __str__(self) -> str:
        return f"{self.problem.status} {self.problem.title}: {self.problem.detail}"


def problem(
    status: int, code: str, detail: str, *, title: str = "", next: str = "", fields: dict[str, Any] | None = None
) -> Problem:
    """A problem whose ``type`` follows from its code."""
    return Problem(
        type=f"urn:homeport:error:{code.replace('_', '-')}",
        title=title or _TITLES.get(status, "Error"),
        status=status,
        detail=detail,
        code=code,
        fields=fields,
        next=next,
    )


def refuse(
    status: int, code: str, detail: str, *, next: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> HttpError:
    """An error to raise where a request cannot go on."""
    return HttpError(problem(status, code, detail, next=next), headers)


def problem_of(error: BaseException, *, service: str = "", trace_id: str = "") -> Problem:
    """What the caller is told of ``error``; never a traceback, nor what an undeclared exception says."""
    if isinstance(error, HttpError):
        return error.problem
    if isinstance(error, ServiceError):
        return _declared(error)
    if isinstance(error, RemoteError):
        return _undeclared(error.service or service, error.method, trace_id)
    for cls, status in _STATUSES:
        if isinstance(error, cls):
            return problem(status, snake_case(type(error).__name__), str(error), next=_next_step(error, service))
    return problem(500, "internal", f"the front failed to answer{_trace_hint(trace_id)}", next="homeport logs front")


def headers_of(error: BaseException, status: int) -> list[tuple[bytes, bytes]]:
    """The headers that go with the problem of ``error``."""
    headers = list(error.headers) if isinstance(error, HttpError) else []
    if status == 503:
        headers.append((b"retry-after", RETRY_AFTER))
    return headers


def encode_problem(value: Problem) -> bytes:
    """The problem as JSON; a field that JSON lacks a form for is shown as text."""
    try:
        return msgspec.json.encode(value, enc_hook=str)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        return msgspec.json.encode(msgspec.structs.replace(value, fields=None))


def _declared(error: ServiceError) -> Problem:
    status = error.status if 400 <= error.status <= 599 else 400
    words = error.code.replace("_", " ")
    return problem(status, error.code, str(error), title=words[:1].upper() + words[1:], fields=error.fields or None)


def _undeclared(service: str, method: str, trace_id: str) -> Problem:
    name = ".".join(part for part in (service, method) if part) or "the service"
    return problem(
        500,
        "remote_error",
        f"{name} failed with an error that its contract does not declare{_trace_hint(trace_id)}",
        next=f"homeport logs {service}".rstrip(),
    )


def _trace_hint(trace_id: str) -> str:
    return f"; look for trace {trace_id} in its log" if trace_id else ""


def _next_step(error: HomeportError, service: str) -> str:
    if isinstance(error, UnknownService):
        near = near_names(error.service, error.known)
        return f"did you mean {near[0]!r}?" if near else "GET /api/v1/services lists the services"
    if isinstance(error, UnknownMethod):
        return f"GET /api/v1/services/{error.service} shows its methods"
    if isinstance(error, NoEndpoint):
        return f"homeport why {error.service}"
    if isinstance(error, DeadlineExceeded):
        return "give it longer with the header Homeport-Timeout: 60"
    if isinstance(error, Unavailable):
        return f"homeport why {service}" if service else "homeport doctor"
    return ""
