"""The frames of Homeport's wire: how bytes become calls and answers.

A frame is a 12-byte little-endian header and a body::

    u32 length of what follows the header | u32 call id | u16 method or status | u8 type | u8 flags

With ``HAS_CONTEXT`` the body begins with a fixed block ``u32 remaining ms, 16 B trace id, 8 B span id``; with
``HAS_METADATA`` there follows ``u16 length`` and that many bytes of msgpack (a map of strings). The rest is msgpack, or
JSON where the binding says so.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import msgspec

from homeport.errors import BadArguments, ProtocolError

PROTOCOL_VERSION = 1
MAX_BODY = 16 * 1024 * 1024

HELLO, BIND, CALL, REPLY, ITEM, CREDIT, END, ERROR, CANCEL, PING, PONG, GOAWAY = range(1, 13)

HAS_CONTEXT = 1
HAS_METADATA = 2
IS_RETRY = 4
PRIORITY_SHIFT = 3  # two bits: 0 default, 1 critical, 2 background
PRIORITY_MASK = 3 << PRIORITY_SHIFT

HEADER = struct.Struct("<IIHBB")
HEADER_SIZE = HEADER.size
CONTEXT = struct.Struct("<I16s8s")
CONTEXT_SIZE = CONTEXT.size
CALL_HEADER = struct.Struct("<IIHBBI16s8s")  # header and context block in one
METADATA_LENGTH = struct.Struct("<H")

NO_DEADLINE = 0xFFFFFFFF  # remaining ms of a call that may take for ever
INITIAL_CREDIT = 32  # stream items a server may send before the first credit frame

unpack_header = HEADER.unpack_from
pack_header = HEADER.pack
unpack_context = CONTEXT.unpack_from


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """The first frame in each direction: who speaks, and which protocol."""

    protocol: int = PROTOCOL_VERSION
    name: str = ""  # of the process: "worker payments-1", "front", "script"
    version: str = ""  # of Homeport
    token: str = ""


class Bind(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers a method for the calls that follow; sent before its first call. The number is in the header."""

    service: str
    method: str
    instance: str = ""  # "" where the process serves the name once
    caller: str = ""  # the service (or script) that calls
    contract: str = ""  # fingerprint the caller has in mind; "" for none
    json: bool = False  # arguments and results are JSON


class GoAway(msgspec.Struct, frozen=True, kw_only=True):
    """The sender takes no call with an id after ``last_call``; later ones were never started."""

    last_call: int
    reason: str = ""


def frame(kind: int, call_id: int = 0, code: int = 0, body: bytes = b"", flags: int = 0) -> bytes:
    """One whole frame."""
    return HEADER.pack(len(body), call_id, code, kind, flags) + body


def metadata_block(metadata: dict[str, str]) -> bytes:
    """The ``HAS_METADATA`` part of a body. Raises BadArguments beyond 64 KiB."""
    packed = msgspec.msgpack.encode(metadata)
    if len(packed) > 0xFFFF:
        raise BadArguments(f"metadata of a call must pack into 65535 bytes, got {len(packed)}")
    return METADATA_LENGTH.pack(len(packed)) + packed


_decode_metadata = msgspec.msgpack.Decoder(dict[str, str]).decode


def split_metadata(body: memoryview) -> tuple[dict[str, str], memoryview]:
    """Undo ``metadata_block`` at the head of ``body``."""
    if len(body) < METADATA_LENGTH.size:
        raise ProtocolError("a frame says it has metadata but is too short for it")
    (length,) = METADATA_LENGTH.unpack_from(body)
    start = METADATA_LENGTH.size
    if len(body) < start + length:
        raise ProtocolError("a frame's metadata is longer than the frame")
    try:
        return _decode_metadata(body[start : start + length]), body[start + length :]
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        raise ProtocolError(f"a frame's metadata is not a map of strings: {broken}") from broken


OnFrame = Callable[[int, int, int, int, memoryview], None]


class FrameReader:
    """Cuts a byte stream into frames, without copying bodies.

    ``buffer()`` is where the next bytes go, ``received(n, on_frame)`` says how many arrived and calls
    ``on_frame(type, call_id, code, flags, body)`` for each whole frame. A body is valid until the callback returns.

    Raises:
        ProtocolError: a length beyond ``limit`` or a type nobody knows; the stream cannot be read on.
    """

    def __init__(self, limit: int = MAX_BODY, initial: int = 4 * 1024, busy: int = 64 * 1024) -> None:
        self._limit = limit
        self._initial = initial  # bytes of the buffer; a process may have thousands of quiet connections
        self._busy = busy  # what it grows to where a read fills it
        self._view = memoryview(bytearray(initial))
        self._end = 0  # bytes of an unfinished frame at the head of the buffer

    def buffer(self) -> memoryview:
        return self._view[self._end :]

    def received(self, count: int, on_frame: OnFrame) -> None:
        view, start, end = self._view, 0, self._end + count
        limit = self._limit
        if end == len(view) and self._initial < self._busy:
            self._initial = min(self._initial * 4, self._busy)
        needed = 0
        while end - start >= HEADER_SIZE:
            length, call_id, code, kind, flags = unpack_header(view, start)
            if length > limit:
                raise ProtocolError(f"a frame of {length} bytes is over the limit of {limit}")
            if not HELLO <= kind <= GOAWAY:
                raise ProtocolError(f"unknown frame type {kind}; is the peer speaking Homeport?")
            body = start + HEADER_SIZE
            stop = body + length
            if stop > end:
                needed = HEADER_SIZE + length
                break
            on_frame(kind, call_id, code, flags, view[body:stop])
            start = stop
        self._keep(start, end, needed)

    def _keep(self, start: int, end: int, needed: int) -> None:
        """Move the unfinished rest to the head of a buffer that is large enough for the whole frame."""
        rest = end - start
        size = max(needed, self._initial)
        if size > len(self._view) or (rest == 0 and len(self._view) > self._initial):
            fresh = memoryview(bytearray(size))
            fresh[:rest] = self._view[start:end]
            self._view = fresh
        elif rest and start:
            self._view[:rest] = bytes(self._view[start:end])
        self._end = rest
