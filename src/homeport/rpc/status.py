"""How errors travel: each kind has a number in the header of its error frame, and a body."""

from __future__ import annotations

import msgspec

from homeport.contracts.failures import decode_service_error, encode_service_error
from homeport.errors import (
    BadArguments,
    BadResult,
    ConnectionLost,
    DeadlineExceeded,
    Draining,
    HomeportError,
    NotAllowed,
    Overloaded,
    ProtocolError,
    RemoteError,
    ServiceError,
    StreamDraining,
    Unavailable,
    UnknownMethod,
    UnknownService,
    UsageError,
)

SERVICE_ERROR = 1
REMOTE_ERROR = 2
CANCELLED = 3
UNKNOWN_METHOD = 4
UNKNOWN_SERVICE = 5

# Errors that are nothing but their text.
_BY_STATUS: dict[int, type[HomeportError]] = {
    10: BadArguments,
    11: Overloaded,
    12: Draining,
    13: DeadlineExceeded,
    14: NotAllowed,
    15: ProtocolError,
    16: StreamDraining,
    17: UsageError,
    18: BadResult,
    19: ConnectionLost,
    20: Unavailable,
}
_BY_CLASS = {cls: status for status, cls in _BY_STATUS.items()}


class _Remote(msgspec.Struct, frozen=True, array_like=True):
    service: str
    method: str
    kind: str
    message: str
    traceback: str = ""


class _Unknown(msgspec.Struct, frozen=True, array_like=True):
    service: str
    method: str = ""
    known: tuple[str, ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode_text = msgspec.msgpack.Decoder(str).decode
_decode_remote = msgspec.msgpack.Decoder(_Remote).decode
_decode_unknown = msgspec.msgpack.Decoder(_Unknown).decode


def encode_error(error: HomeportError) -> tuple[int, bytes]:
    """``(status, body)`` of an error frame."""
    if isinstance(error, ServiceError):
        return SERVICE_ERROR, encode_service_error(error)
    if isinstance(error, RemoteError):
        return REMOTE_ERROR, _encode(_Remote(error.service, error.method, error.kind, error.message, error.traceback))
    if isinstance(error, UnknownMethod):
        return UNKNOWN_METHOD, _encode(_Unknown(error.service, error.method, error.known))
    if isinstance(error, UnknownService):
        return UNKNOWN_SERVICE, _encode(_Unknown(error.service, "", error.known))
    for cls in type(error).__mro__:
        status = _BY_CLASS.get(cls)
        if status is not None:
            return status, _encode(str(error))
    return REMOTE_ERROR, _encode(_Remote("", "", type(error).__name__, str(error)))


def decode_error(status: int, body: memoryview) -> HomeportError:
    """The error of an error frame; a body that cannot be read gives a ``ProtocolError``."""
    try:
        if status == SERVICE_ERROR:
            return decode_service_error(body)
        if status == REMOTE_ERROR:
            far = _decode_remote(body)
            return RemoteError(far.service, far.method, far.kind, far.message, far.traceback)
        if status == UNKNOWN_METHOD:
            unknown = _decode_unknown(body)
            return UnknownMethod(unknown.service, unknown.method, unknown.known)
        if status == UNKNOWN_SERVICE:
            unknown = _decode_unknown(body)
            return UnknownService(unknown.service, unknown.known)
        if status == CANCELLED:
            return ConnectionLost("the far side cancelled the call")
        cls = _BY_STATUS.get(status)
        if cls is None:
            return ProtocolError(f"unknown error status {status}; is the peer of a newer version?")
        return cls(_decode_text(body))
    except msgspec.MsgspecError as broken:
        return ProtocolError(f"an error frame of status {status} cannot be read: {broken}")
