"""Which instances a caller leaves alone for a while, because of what it has seen of them itself.

Two kinds of evidence. That an instance is *dead* (failures in a row, a lost connection, an unanswered ping) ejects it
at once, however many are out already: a call sent there is a lost call. That it is *worse than it should be* (a low
success rate) may as well be the fault of the service as a whole, so only the larger of one instance and a tenth of
them is out for it at a time. Where even so fewer than half are left, the evidence itself is doubted: all are used
(*panic*).

Sources: Linkerd's "unified" failure accrual; Envoy's ejection cap, multiplier and panic threshold; Finagle's probe by
one live request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, StrEnum
from math import inf
from typing import Generic, Protocol, TypeVar

import msgspec

from homeport.balancing.policy import Ejection
from homeport.balancing.window import Window

PROBE_PATIENCE = 1.0  # seconds in which only a call that may be retried is taken as a probe; then any call is


class Trouble(Enum):
    """How a call went wrong, as far as it tells about the instance."""

    FAILED = "failed"  # it raised what its contract does not declare, or did not answer in time
    OVERLOADED = "overloaded"  # it refused: bad for the success rate, but no sign of death


class Evidence(StrEnum):
    """What an ejection rests on."""

    FAILURES = "failures in a row"
    RATE = "success rate"
    LOST = "connection lost"
    SILENT = "ping unanswered"
    ORDER = "ejected by hand"


class Ejected(msgspec.Struct, frozen=True, tag=True):
    instance: str
    until: float  # then one call goes there as a probe
    evidence: Evidence
    reason: str  # for people


class Restored(msgspec.Struct, frozen=True, tag=True):
    instance: str
    after: float  # seconds it was out


class PanicBegan(msgspec.Struct, frozen=True, tag=True):
    """Fewer than half are left, so all are used, but for those ejected by hand."""

    left: int
    of: int


class PanicEnded(msgspec.Struct, frozen=True, tag=True):
    left: int
    of: int


Effect = Ejected | Restored | PanicBegan | PanicEnded
Effects = Sequence[Effect]
NOTHING: Effects = ()


class Record(Window):  # plus: calls that went well; minus: those that did not
    """What a caller has lately seen of one instance."""

    __slots__ = ("evidence", "gone", "instance", "level", "mute", "out_since", "probe", "streak", "until", "well_since")

    def __init__(self, instance: str, limits: Ejection) -> None:
        super().__init__(limits.window)
        self.instance = instance
        self.streak = 0  # failures in a row
        self.evidence: Evidence | None = None  # None: it is not out
        self.until = 0.0  # end of its ejection
        self.out_since = 0.0
        self.level = 0  # of ejections, each twice as long as the one below
        self.well_since = 0.0
        self.probe = 0  # number of the probe under way; 0: none
        self.mute = False  # it is out for leaving a ping unanswered, and has answered none since
        self.gone = False  # no instance of the service any more; calls to it may still end


class Member(Protocol):
    """An instance as its caller knows it."""

    @property
    def record(self) -> Record: ...


M = TypeVar("M", bound=Member)


class Probe(Generic[M]):
    """The one call that finds out whether an ejected instance is well again."""

    __slots__ = ("member", "number")

    def __init__(self, member: M, number: int) -> None:
        self.member, self.number = member, number


class Ejector(Generic[M]):
    """Decides which instances of one service a caller uses.

    ``available`` are those to choose from. From ``due`` on, and never before, ``probe`` may have something to say: so a
    caller with nothing wrong compares one number and reads one attribute. Times are monotonic seconds; ``draw`` gives
    uniform numbers in [0, 1).
    """

    __slots__ = ("_draw", "_limits", "_members", "_probes", "available", "due", "panic")

    def __init__(self, limits: Ejection, draw: Callable[[], float]) -> None:
        self._limits, self._draw = limits, draw
        self._members: Sequence[M] = ()
        self._probes = 0
        self.available: Sequence[M] = ()
        self.due = inf
        self.panic = False

    def update(self, members: Sequence[M], now: float) -> Effects:
        """These are the instances from now on; what is known of each is in its record."""
        for member in self._members:
            member.record.gone = True
        for member in members:
            member.record.gone = False
        for member in self._members:
            if member.record.gone:
                member.record.evidence, member.record.probe, member.record.mute = None, 0, False
        self._members = members
        return self._weigh()

    # -- what calls tell -----------------------------------------------------------------------------------------------

    def succeeded(self, member: M, now: float) -> Effects:
        """A call was answered: by a result, or by an error that the service declares.

        Cheap enough for every call; cheaper still where the caller writes the first lines out for itself.
        """
        record = member.record
        if now >= record.ends:
            record.turn(now)
        record.plus += 1
        record.streak = 0
        if record.evidence is None or now < record.until:
            return NOTHING
        return self._restore(record, now)  # in a panic, or late: it answers, so it is well

    def failed(self, member: M, now: float, trouble: Trouble = Trouble.FAILED) -> Effects:
        """A call went wrong, but not for want of a connection."""
        record = member.record
        if now >= record.ends:
            record.turn(now)
        record.minus += 1
        if trouble is Trouble.FAILED:
            record.streak += 1
        if record.evidence is not None:
            if self.panic and now >= record.until:
                return self._eject_again(record, "it failed again", now)
            return NOTHING  # most likely a call that was sent before the ejection
        limits = self._limits
        if record.streak >= limits.failures:
            return self._eject(record, Evidence.FAILURES, f"{record.streak} failures in a row", now)
        good, bad = record.sums(now)
        if good + bad >= limits.requests and good < limits.success * (good + bad) and self._may_eject_by_rate():
            reason = f"{good} of {good + bad} calls went well in {limits.window:g} s"
            return self._eject(record, Evidence.RATE, reason, now)
        return NOTHING

    def lost(self, member: M, now: float) -> Effects:
        """The connection broke, or none could be made."""
        return self._died(member.record, Evidence.LOST, "the connection was lost", now)

    def leaves(self, member: M, now: float) -> Effects:
        """It answered that it takes no calls any more, and the registry has not said so yet."""
        return self._died(member.record, Evidence.FAILURES, "it is leaving", now)

    def silent(self, member: M, now: float, waited: float) -> Effects:
        """A ping was not answered within ``waited`` seconds.

        Until one is, no call is risked on a probe: it would only wait there. So go on pinging.
        """
        record = member.record
        effects = self._died(record, Evidence.SILENT, f"no answer to a ping within {waited:g} s", now)
        record.mute = record.evidence is Evidence.SILENT
        self._weigh()
        return effects

    def alive(self, member: M, now: float) -> None:
        """It has answered a ping or accepted a connection: what it is out for may be over, so probe it now."""
        record = member.record
        if record.evidence in (Evidence.LOST, Evidence.SILENT):
            record.until, record.mute = min(record.until, now), False
            self._weigh()

    def unlinked(self, member: M) -> None:
        """There is no connection to ping it on any more: a probe makes one, or fails before it is sent."""
        if member.record.mute:
            member.record.mute = False
            self._weigh()

    # -- probes --------------------------------------------------------------------------------------------------------

    def probe(self, now: float, *, retryable: bool) -> Probe[M] | None:
        """An instance that the call about to be sent should try out; None: choose from ``available``.

        A call that may be retried is asked first, since it loses nothing. The caller must tell how it ended.
        """
        patience = 0.0 if retryable else PROBE_PATIENCE
        for member in self._to_probe():
            record = member.record
            if _is_waiting(record) and now >= record.until + patience:
                self._probes += 1
                record.probe = self._probes
                self._weigh()
                return Probe(member, record.probe)
        return None

    def probe_ended(self, probe: Probe[M], well: bool | None, now: float) -> Effects:
        """Call it instead of ``succeeded`` and ``failed``; a refusal (``Overloaded``) is no success either.

        ``well`` is None when the call was given up unanswered, so that the next one may try.
        """
        record = probe.member.record
        if record.probe != probe.number:
            return NOTHING  # what came meanwhile has decided already
        record.probe = 0
        if well:
            return self._restore(record, now)
        if well is None:
            return self._weigh()
        return self._eject_again(record, "the probe failed", now)

    # -- by hand -------------------------------------------------------------------------------------------------------

    def eject(self, member: M, until: float, reason: str, now: float) -> Effects:
        """Leave it alone until then, and then until a probe goes well.

        An order, unlike evidence, is never doubted: it holds in a panic too, and may leave nobody.
        """
        record = member.record
        record.until, record.probe = until, 0
        return self._out(record, Evidence.ORDER, reason, now)

    def restore(self, member: M, now: float) -> Effects:
        """Use it again without a probe."""
        record = member.record
        return self._restore(record, now) if record.evidence is not None else NOTHING

    # -- deciding ------------------------------------------------------------------------------------------------------

    def _died(self, record: Record, evidence: Evidence, reason: str, now: float) -> Effects:
        if record.evidence is not None and now < record.until:
            return NOTHING
        return self._eject(record, evidence, reason, now)

    def _may_eject_by_rate(self) -> bool:
        out = sum(member.record.evidence is Evidence.RATE for member in self._members)
        return out < max(1, int(self._limits.share * len(self._members)))

    def _eject(self, record: Record, evidence: Evidence, reason: str, now: float) -> Effects:
        limits = self._limits
        if record.evidence is None:
            record.level = max(0, record.level - int((now - record.well_since) / limits.healthy_period))
        seconds = min(limits.longest, limits.shortest * 2.0**record.level)
        if seconds < limits.longest:
            record.level += 1
        record.until = now + seconds * (1.0 - limits.jitter * self._draw())
        record.probe = 0
        return self._out(record, evidence, reason, now)

    def _eject_again(self, record: Record, reason: str, now: float) -> Effects:
        earlier = record.evidence
        evidence = Evidence.FAILURES if earlier is None or earlier is Evidence.ORDER else earlier
        return self._eject(record, evidence, reason, now)

    def _out(self, record: Record, evidence: Evidence, reason: str, now: float) -> Effects:
        if record.gone:
            return NOTHING
        if record.evidence is None:
            record.out_since = now
        record.evidence = evidence
        record.mute = False
        return (Ejected(record.instance, record.until, evidence, reason), *self._weigh())

    def _restore(self, record: Record, now: float) -> Effects:
        record.evidence, record.mute = None, False
        record.streak = record.probe = 0
        record.clear()
        record.well_since = now
        return (Restored(record.instance, now - record.out_since), *self._weigh())

    def _weigh(self) -> Effects:
        """Settle who is available, whether to panic, and when there is something to do next."""
        fleet = [one for one in self._members if one.record.evidence is not Evidence.ORDER]
        left = [one for one in fleet if one.record.evidence is None]
        panicked, self.panic = self.panic, len(left) < self._limits.panic * len(fleet)
        self.available = fleet if self.panic else left
        self.due = min((one.record.until for one in self._to_probe() if _is_waiting(one.record)), default=inf)
        if self.panic == panicked:
            return NOTHING
        return (PanicBegan(len(left), len(fleet)),) if self.panic else (PanicEnded(len(left), len(fleet)),)

    def _to_probe(self) -> Sequence[M]:
        """Where probes may be due: in a panic, those suspected get calls without being probed."""
        if self.panic:
            return [one for one in self._members if one.record.evidence is Evidence.ORDER]
        return self._members


def _is_waiting(record: Record) -> bool:
    """Whether a probe is all that it takes to use the instance again."""
    return record.evidence is not None and not record.probe and not record.mute
