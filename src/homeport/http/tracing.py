"""The ``traceparent`` header of W3C Trace Context: read it, or begin a trace, and answer with it."""

from __future__ import annotations

import re
from typing import NamedTuple

from homeport.rpc.context import new_span, new_trace

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_ZERO_TRACE, _ZERO_SPAN = bytes(16), bytes(8)


class Trace(NamedTuple):
    """Where a request stands in a trace."""

    trace: bytes  # 16 bytes
    span: bytes  # 8 bytes, of the request itself

    @property
    def id(self) -> str:
        """32 hex digits."""
        return self.trace.hex()

    @property
    def header(self) -> bytes:
        return b"00-%b-%b-01" % (self.trace.hex().encode(), self.span.hex().encode())


def trace_of(traceparent: bytes | None) -> Trace:
    """Go on with the caller's trace; a header that is missing or malformed begins a new one."""
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None:
        return Trace(new_trace(), new_span())
    trace, parent = bytes.fromhex(match[1].decode()), bytes.fromhex(match[2].decode())
    if trace == _ZERO_TRACE or parent == _ZERO_SPAN:
        return Trace(new_trace(), new_span())
    return Trace(trace, new_span())
