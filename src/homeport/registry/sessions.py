"""Leases: who must be heard of, until when, and when silence means nothing."""

from __future__ import annotations

import msgspec

from homeport.errors import Unavailable

LEASE_EXPIRED = "lease expired"  # what causes say


class UnknownSession(Unavailable):
    """The registry has no such session (any more); open it and register again."""

    never_started = True


class Expired(msgspec.Struct, frozen=True):
    """A lease ran out: ``silence`` seconds since the holder was last heard, not counting time the registry slept."""

    holder: str
    silence: float


class _Lease(msgspec.Struct):
    ttl: float
    heard: float  # lease time at which the holder was last heard
    due: float  # lease time at which the lease runs out


class Leases:
    """Decides whose lease has run out, called about every ``period`` seconds.

    Times are monotonic seconds. A tick that comes late proves that the judge was asleep, not that the judged are dead:
    the lateness is taken out of every lease, and nobody expires in that tick. When a lease runs out while more than
    half of at least ``crowd`` holders are silent, the fault is more likely in between: then nobody expires until the
    silent ones have had one more time to live in which to be heard, and ``suspect`` is true meanwhile.
    """

    def __init__(self, period: float, now: float, crowd: int = 5) -> None:
        self._period, self._crowd = period, crowd
        self._leases: dict[str, _Lease] = {}
        self._slept = 0.0  # seconds that no lease has lost
        self._next_tick = now + period
        self._verdict_at: float | None = None  # lease time at which the suspicion ends

    @property
    def slept(self) -> float:
        """Seconds for which the judge was asleep, in all."""
        return self._slept

    @property
    def suspect(self) -> bool:
        return self._verdict_at is not None

    def __contains__(self, holder: str) -> bool:
        return holder in self._leases

    def __len__(self) -> int:
        return len(self._leases)

    def open(self, holder: str, ttl: float, now: float, grace: float = 0.0) -> None:
        """Begin a lease, or begin it again; the first time it lasts ``grace`` seconds more."""
        moment = now - self._slept
        self._leases[holder] = _Lease(ttl, moment, moment + ttl + grace)

    def renew(self, holder: str, now: float) -> bool:
        """Whether the holder has a lease, which now lasts its full time again."""
        lease = self._leases.get(holder)
        if lease is None:
            return False
        lease.heard = now - self._slept
        lease.due = max(lease.due, lease.heard + lease.ttl)
        return True

    def close(self, holder: str) -> None:
        self._leases.pop(holder, None)

    def tick(self, now: float) -> list[Expired]:
        late = now - self._next_tick
        self._next_tick = now + self._period
        if late > self._period:
            self._slept += late
            return []
        moment = now - self._slept
        overdue = [holder for holder, lease in self._leases.items() if lease.due <= moment]
        if not overdue:
            self._verdict_at = None  # all have been heard again
            return []
        if self._withheld(moment):
            return []
        return [Expired(holder, moment - self._leases.pop(holder).heard) for holder in overdue]

    def _withheld(self, moment: float) -> bool:
        """Whether the overdue are let off for now because too many fell silent together."""
        if self._verdict_at is not None:
            if moment < self._verdict_at:
                return True
            self._verdict_at = None
            return False
        silent = [lease for lease in self._leases.values() if moment - lease.heard > _SILENT * lease.ttl]
        if len(self._leases) < self._crowd or 2 * len(silent) <= len(self._leases):
            return False
        self._verdict_at = moment + max(lease.ttl for lease in silent)
        return True


_SILENT = 0.5  # of the time to live: a beat every third of it has been missed
