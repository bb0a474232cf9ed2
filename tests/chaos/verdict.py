"""Whether calls ended as promised, given what was done to the processes meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from homeport.rpc.routes import HOLD
from tests.chaos.plan import FRONT, ORPHAN, Blow

UNSEEN = 0.5  # seconds after a death within which a caller may still send to the dead
LATE = 3.0  # seconds beyond its deadline in which a call must have ended, on a busy machine

# What says of itself that the method may have been carried out.
MAYBE_STARTED = frozenset({"ConnectionLost", "502 connection_lost", "DeadlineExceeded", "504 deadline_exceeded"})
# What a handler says whose own call may have been carried out.
FAILED_INSIDE = frozenset({"RemoteError ConnectionLost", "500 remote_error"})
# What any HTTP client sees when the front is gone.
DISCONNECTED = frozenset({"ConnectError", "ReadError", "WriteError", "RemoteProtocolError"})

# What a call ends in that has waited for an instance as long as it may, while there is no node to start one.
NOBODY_THERE = frozenset(
    {"NotSent", "NoEndpoint", "RemoteError NotSent", "RemoteError NoEndpoint", "503 not_sent", "503 no_endpoint"}
    | {"RemoteError RemoteError", "500 remote_error"}
)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call or request, as its caller saw it. Times are the caller's monotonic seconds."""

    what: str
    idempotent: bool
    began: float
    ended: float
    deadline: float  # seconds it was allowed
    error: str = ""  # a key of the sets above; "": it was answered, as a matter of business at least
    http: bool = False


class Struck(msgspec.Struct, frozen=True, kw_only=True):
    """A blow as it was carried out."""

    blow: Blow
    at: float
    over: float  # when the process ran again
    well: float  # when everything was ready again


def verdict(calls: Iterable[Call], struck: Sequence[Struck]) -> list[str]:
    """What broke a promise, in words."""
    return [f"{_told(call, struck)}: {why}" for call in calls if (why := _broken(call, struck))]


def _broken(call: Call, struck: Sequence[Struck]) -> str:
    if call.ended - call.began > call.deadline + LATE:
        return f"hung for {call.ended - call.began:.1f} s, {call.deadline:g} s were allowed"
    if not call.error:
        return ""
    if call.http and call.error in DISCONNECTED:
        without_front = any(one.blow.of == FRONT and _meets(call, one.at, one.well) for one in struck)
        return "" if without_front else "the front hung up, and nobody had touched it"
    if call.error in NOBODY_THERE and call.ended - call.began >= HOLD - 0.1:
        orphaned = [one for one in struck if one.blow.action == ORPHAN and _meets(call, one.at, one.well)]
        if orphaned:
            return ""
    if call.idempotent:
        return f"failed with {call.error}, and may be sent again"
    if call.error not in MAYBE_STARTED | FAILED_INSIDE:
        return f"failed with {call.error}, which does not say that it may have been carried out"
    if not any(_meets(call, one.at, one.over + UNSEEN) for one in struck):
        return f"failed with {call.error}, and nothing happened while it ran"
    return ""


def _meets(call: Call, start: float, end: float) -> bool:
    return call.began <= end and call.ended >= start


def _told(call: Call, struck: Sequence[Struck]) -> str:
    last = max((one for one in struck if one.at <= call.ended), key=lambda one: one.at, default=None)
    since = f" ({call.began - last.at:+.3f} s to {call.ended - last.at:+.3f} s from {last.blow})" if last else ""
    return f"{call.what}{since}"
