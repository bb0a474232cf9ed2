"""Who has been silent for too long, judged by one who knows that he may be the sick one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

_EVERYBODY = ""  # the failure domain of all holders


class DetectorLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When the detector doubts itself rather than those it judges."""

    period: float = 0.5  # seconds between ticks
    tolerance: float = 0.1  # share of the period by which a tick may be late without counting as held up
    jump: float = 2.0  # seconds by which wall and monotonic clock may part between two ticks
    crowd: int = 5  # holders of a domain, at least, before its share of silent ones says anything
    share: float = 0.5  # of a domain that has fallen silent; more than that is doubted
    silent: float = 0.5  # of its time to live without a word, and a holder counts as silent


class Expired(msgspec.Struct, frozen=True, tag=True):
    """A lease is over: ``silence`` seconds since the holder was last heard, not counting time the detector slept."""

    holder: str
    silence: float
    evidence: str = ""


class Suspected(msgspec.Struct, frozen=True, tag=True):
    """A lease would be over, but the fault may be elsewhere: the holder has until then to be heard."""

    holder: str
    silence: float
    doubt: str
    grace: float  # seconds


class Recovered(msgspec.Struct, frozen=True, tag=True):
    """A suspect is cleared."""

    holder: str
    how: str


class Probe(msgspec.Struct, frozen=True, tag=True):
    """Find out whether it lives, and tell ``probed``."""

    holder: str


class Slept(msgspec.Struct, frozen=True, tag=True):
    """Nobody could be heard for ``seconds``; no lease has lost them."""

    seconds: float
    why: str


Effect = Expired | Suspected | Recovered | Probe | Slept


class _Lease(msgspec.Struct):
    ttl: float
    heard: float  # lease time at which the holder was last heard
    due: float  # lease time at which the lease runs out
    domains: tuple[str, ...] = ()
    verdict_at: float | None = None  # of a suspect
    probed_at: float = 0.0
    excused: bool = False  # has had its one more time to live because clocks jumped
    lost_at: float | None = None  # its connection broke
    lost: str = ""


class FailureDetector:
    """Decides whose lease has run out, called about every ``period`` seconds.

    Times are monotonic seconds; inside, *lease time* stands still while the detector does. It doubts itself when

    - a tick comes late: the detector was held up, not the others. The lateness is taken out of every lease, and a
      tick later than a period judges nobody;
    - the wall clock has run ahead of the monotonic one, as after a laptop's sleep: every lease lasts its time again;
    - most of a *failure domain* (all holders, those of one node, of one service) is silent at once: then the fault is
      more likely in between. Whoever runs out is a suspect and stays, is probed, and has one more time to live.

    A suspect that is heard, or answers a probe, is cleared; one that a probe finds dead is dead at once; the others
    are when their time is over. So nobody is kept for more than a few times to live, whatever happens to the rest.

    Sources: self-preservation as in Netflix Eureka, per domain and with an end; doubting oneself first as in
    A. Dadgar et al., "Lifeguard: Local Health Awareness for More Accurate Failure Detection", 2018.
    """

    def __init__(self, now: float, limits: DetectorLimits | None = None) -> None:
        self._limits = limits or DetectorLimits()
        self._leases: dict[str, _Lease] = {}
        self._suspects: set[str] = set()
        self._lost: set[str] = set()
        self._slept = 0.0  # seconds that no lease has lost
        self._next_tick = now + self._limits.period
        self._offset: float | None = None  # of the wall clock

    @property
    def slept(self) -> float:
        """Seconds for which the detector was held up, in all."""
        return self._slept

    @property
    def suspect(self) -> bool:
        """Whether anybody is kept in doubt."""
        return bool(self._suspects)

    def __contains__(self, holder: str) -> bool:
        return holder in self._leases

    def __len__(self) -> int:
        return len(self._leases)

    # -- what is heard -------------------------------------------------------------------------------------------------

    def open(self, holder: str, ttl: float, now: float, grace: float = 0.0) -> None:
        """Begin a lease, or begin it again; the first time it lasts ``grace`` seconds more."""
        moment = now - self._slept
        before = self._leases.get(holder)
        domains = before.domains if before else ()
        verdict_at = before.verdict_at if before else None  # the next tick clears it
        self._leases[holder] = _Lease(ttl, moment, moment + ttl + grace, domains, verdict_at)
        self._lost.discard(holder)

    def belongs(self, holder: str, domains: Iterable[str]) -> None:
        """These fail together with the holder: its node, its services."""
        if holder in self._leases:
            self._leases[holder].domains = tuple(dict.fromkeys(domains))

    def renewed(self, holder: str, now: float) -> bool:
        """Whether the holder has a lease, which now lasts its full time again."""
        lease = self._leases.get(holder)
        if lease is None:
            return False
        lease.heard = now - self._slept
        lease.due = max(lease.due, lease.heard + lease.ttl)
        lease.excused = False
        if lease.lost_at is not None:
            lease.lost_at = None
            self._lost.discard(holder)
        return True

    def lost(self, holder: str, now: float, evidence: str) -> None:
        """Its connection broke: unless it is heard meanwhile, it is probed from the next tick but one."""
        lease = self._leases.get(holder)
        if lease is not None:
            lease.lost_at, lease.lost = now - self._slept, evidence
            self._lost.add(holder)

    def probed(self, holder: str, alive: bool | None, now: float, evidence: str = "") -> list[Effect]:
        """What a probe found; ``None``: it could not tell."""
        lease = self._leases.get(holder)
        if lease is None or alive is None:
            return []
        moment = now - self._slept
        if not alive:
            reasons = [lease.lost if lease.lost_at is not None else "", evidence]
            silence = moment - lease.heard
            self.close(holder)
            return [Expired(holder, silence, "; ".join(reason for reason in reasons if reason))]
        self._lost.discard(holder)
        lease.lost_at = None
        lease.due = max(lease.due, moment + lease.ttl)
        return [self._clear(holder, evidence or "it answered a probe")] if holder in self._suspects else []

    def close(self, holder: str) -> None:
        self._leases.pop(holder, None)
        self._suspects.discard(holder)
        self._lost.discard(holder)

    # -- judging -------------------------------------------------------------------------------------------------------

    def tick(self, now: float, wall: float | None = None) -> list[Effect]:
        limits = self._limits
        late, self._next_tick = now - self._next_tick, now + limits.period
        effects: list[Effect] = []
        if late > limits.tolerance * limits.period:
            self._slept += late
        moment = now - self._slept
        jumped = self._jump(now, wall)
        if jumped > limits.jump:
            self._excuse(moment)
            effects.append(Slept(jumped, "the wall clock ran ahead: the machine was suspended, or its clock was set"))
        if late > limits.period:
            effects.append(Slept(late, "the registry's own event loop was held up"))
            return effects
        heard = [holder for holder in sorted(self._suspects) if self._leases[holder].due > moment]
        effects += [self._clear(holder, "heard again") for holder in heard]
        overdue = [(holder, lease) for holder, lease in self._leases.items() if lease.due <= moment]
        doubts = self._doubts(moment) if any(lease.verdict_at is None for _, lease in overdue) else {}
        for holder, lease in overdue:
            effects += self._judge(holder, lease, doubts, moment)
        for holder in sorted(self._lost - self._suspects):
            lost_at = self._leases[holder].lost_at
            if lost_at is not None and moment - lost_at >= limits.period:
                effects.append(Probe(holder))
        return effects

    def _judge(self, holder: str, lease: _Lease, doubts: dict[str, str], moment: float) -> list[Effect]:
        silence = moment - lease.heard
        if lease.verdict_at is None:
            doubt = next((doubts[domain] for domain in (_EVERYBODY, *lease.domains) if domain in doubts), None)
            if doubt is None:
                self.close(holder)
                return [Expired(holder, silence, lease.lost if lease.lost_at is not None else "")]
            lease.verdict_at, lease.probed_at = moment + lease.ttl, moment
            self._suspects.add(holder)
            return [Suspected(holder, silence, doubt, lease.ttl), Probe(holder)]
        if lease.verdict_at <= moment:
            self.close(holder)
            return [Expired(holder, silence, "suspected before, and not heard of since")]
        if moment - lease.probed_at < lease.ttl / 3:
            return []
        lease.probed_at = moment
        return [Probe(holder)]

    def _clear(self, holder: str, how: str) -> Recovered:
        self._suspects.discard(holder)
        self._leases[holder].verdict_at = None
        return Recovered(holder, how)

    def _doubts(self, moment: float) -> dict[str, str]:
        """The domains of which too many are silent, and why that is doubted."""
        limits = self._limits
        members, silent = Counter[str](), Counter[str]()
        for lease in self._leases.values():
            domains = (_EVERYBODY, *lease.domains)
            members.update(domains)
            if moment - lease.heard > limits.silent * lease.ttl:
                silent.update(domains)
        return {
            domain: f"{count} of {members[domain]}{f' of {domain}' if domain else ''} fell silent at once"
            for domain, count in silent.items()
            if members[domain] >= limits.crowd and count > limits.share * members[domain]
        }

    def _jump(self, now: float, wall: float | None) -> float:
        if wall is None:
            return 0.0
        before, self._offset = self._offset, wall - now
        return 0.0 if before is None else self._offset - before

    def _excuse(self, moment: float) -> None:
        """One more time to live for all, but only one for each silence: a wild clock keeps nobody for ever."""
        for lease in self._leases.values():
            if not lease.excused:
                lease.excused = True
                lease.due = max(lease.due, moment + lease.ttl)
