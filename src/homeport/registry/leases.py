"""The life of sessions: opened, kept alive by heartbeats, doubted, ended; with them go the instances they keep."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from homeport.health.detector import (
    DetectorLimits,
    Effect,
    Expired,
    FailureDetector,
    Probe,
    Recovered,
    Slept,
    Suspected,
)
from homeport.model import Cause, Instance, State
from homeport.registry import records
from homeport.registry.api import Heartbeat, OpenSession
from homeport.registry.ledger import Ledger
from homeport.registry.moves import moved
from homeport.registry.records import SessionRecord
from homeport.registry.sessions import LEASE_EXPIRED, SUSPECT, UnknownSession
from homeport.registry.wellbeing import STALLED, Wellbeing

log = logging.getLogger("homeport.registry")

ORPHAN_TTL = 3.0  # seconds of a lease that nobody knows the length of any more
MOST_EVIDENCE = 16_000  # characters, of which the end is kept

WriteInstances = Callable[[Sequence[Instance]], Awaitable[None]]


class Leases:
    """Keeps the sessions of workers and other clients.

    ``alive`` says whether a process still runs; without it, an expired lease is taken for a death. ``write`` puts
    instances into the catalog, ``on_ended`` hears of each session that is no more.
    """

    def __init__(
        self,
        ledger: Ledger,
        wellbeing: Wellbeing,
        node: str,
        period: float,
        alive: Callable[[int], bool] | None,
        write: WriteInstances,
        on_ended: Callable[[str], None],
    ) -> None:
        self._ledger, self._catalog, self._clock = ledger, ledger.catalog, ledger.clock
        self._wellbeing, self._node, self._alive = wellbeing, node, alive
        self._write, self._on_ended = write, on_ended
        self._detector = FailureDetector(ledger.clock.now(), DetectorLimits(period=period))
        self.unresumed: set[str] = set()  # sessions of before a restart that have not come back yet
        self._silent: dict[str, str] = {}  # sessions whose lease ran out though their process is alive: the evidence
        self._stalled: dict[str, str] = {}  # sessions whose loop is held up: the evidence
        self._lags: dict[str, float] = {}  # seconds the loop of each session was behind when last heard

    def __contains__(self, session: str) -> bool:
        """Whether its lease runs."""
        return session in self._detector

    @property
    def doubtful(self) -> bool:
        """Whether so many have vanished at once that the evidence is doubted."""
        return bool(self._detector.suspect)

    def get(self, session: str) -> SessionRecord:
        """Raises: UnknownSession."""
        record = self._catalog.sessions.get(session)
        if record is None:
            raise UnknownSession(f"the registry has no session {session!r}; open it and register again")
        return record

    def hears(self, session: str) -> bool:
        """Whether its process may take commands: it runs, though perhaps silently."""
        return session in self._detector or session in self._silent

    async def restore(self, leaving: Mapping[str, Cause]) -> None:
        """Take up the sessions of before a restart: those of dead processes end, the others have time to come back.

        ``leaving`` says why workers had been told to leave.
        """
        await self._adopt_orphans()
        for record in list(self._catalog.sessions.values()):
            if record.pid and self._alive is not None and not self._alive(record.pid):
                evidence = f"process {record.pid} ended while the registry was down"
                exited = self._ledger.cause("process exited", "registry", evidence)
                await self._end(record, leaving.get(record.worker, exited))
            else:
                self._detector.open(record.id, record.ttl, self._clock.now(), grace=record.ttl)
                self.belongs(record.id)
                self.unresumed.add(record.id)

    async def _adopt_orphans(self) -> None:
        """Give a session to instances whose own was lost with a damaged journal: without a lease they would stay."""
        known = self._catalog.sessions
        orphans = {one.session: one for one in self._catalog.instances.values() if not one.outside}
        for session, instance in orphans.items():
            if session not in known:
                record = SessionRecord(
                    id=session,
                    worker=instance.worker,
                    kind="worker",
                    pid=instance.pid,
                    release=instance.release,
                    ttl=ORPHAN_TTL,
                    opened=self._clock.wall(),
                )
                log.warning("session.reconstructed", extra={"session": session, "worker": instance.worker})
                await self._ledger.store.open_session(session, records.encode(record), record.ttl)

    async def open(self, request: OpenSession) -> bool:
        """Whether the session is known and has instances."""
        known = self._catalog.sessions.get(request.session)
        record = SessionRecord(
            id=request.session,
            worker=request.worker,
            kind=request.kind,
            pid=request.pid,
            release=request.release,
            ttl=request.ttl,
            opened=known.opened if known else self._clock.wall(),
        )
        self._detector.open(request.session, request.ttl, self._clock.now())
        self._silent.pop(request.session, None)
        self.unresumed.discard(request.session)
        if record != known:
            await self._ledger.store.open_session(record.id, records.encode(record), record.ttl)
        resumed = bool(self._catalog.of_session(request.session))
        log.debug(
            "session.opened",
            extra={"session": record.id, "worker": record.worker, "pid": record.pid, "resumed": resumed},
        )
        return resumed

    async def beat(self, beat: Heartbeat) -> bool:
        """Whether the session is known; if not, it must be opened again."""
        if not self._detector.renewed(beat.session, self._clock.now()):
            return False
        if beat.stalled or beat.session in self._stalled:
            await self._note_stall(beat)
        self.unresumed.discard(beat.session)
        self._lags[beat.session] = beat.lag
        return await self._ledger.store.renew_session(beat.session)

    async def close(self, session: str, cause: Cause) -> None:
        record = self._catalog.sessions.get(session)
        if record is not None:
            await self._end(record, cause)

    async def worker_gone(self, worker: str, cause: Cause) -> None:
        for record in self._catalog.of_worker(worker):
            await self._end(record, cause)

    def belongs(self, session: str) -> None:
        """What fails together with a worker: its node, and the services it hosts."""
        services = sorted({one.service for one in self._catalog.of_session(session)})
        self._detector.belongs(session, [f"node {self._node}", *(f"service {name}" for name in services)])

    async def tick(self) -> None:
        """End what has been silent for too long."""
        await self._carry_out(self._detector.tick(self._clock.now(), self._clock.wall()))
        for session in list(self._silent):
            record = self._catalog.sessions.get(session)
            if record is None:
                self._silent.pop(session, None)
            elif not self._is_alive(record):
                evidence = f"process {record.pid} has ended; it had been silent before"
                await self._end(record, self._ledger.cause("process exited", "registry", evidence))

    def ailing(self) -> dict[str, str]:
        """Workers whose process runs and whose loop does not, and what shows it."""
        shown = {session: f"{STALLED} for {evidence}" for session, evidence in self._stalled.items()}
        shown |= {session: f"{LEASE_EXPIRED} after {evidence}" for session, evidence in self._silent.items()}
        records = ((self._catalog.sessions.get(session), why) for session, why in shown.items())
        return {record.worker: why for record, why in records if record is not None and record.worker}

    async def lost(self, instance: Instance, evidence: str) -> None:
        """Somebody's connection to an instance broke; where its process is gone, so are all its instances."""
        record = self._catalog.sessions.get(instance.session)
        if record is None or self._alive is None or not record.pid:
            return
        if not self._alive(record.pid):
            await self._end(
                record, self._ledger.cause("process exited", "registry", f"{_who(record)} has ended; {evidence}")
            )
        else:
            self._detector.lost(record.id, self._clock.now(), evidence)

    def disconnected(self, session: str) -> None:
        """The connection of its worker broke, which need not mean that the worker has ended."""
        self._detector.lost(session, self._clock.now(), "its connection broke")

    async def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Expired():
                    await self._expire(effect)
                case Suspected(holder=session, silence=silence, doubt=doubt, grace=grace):
                    evidence = f"{silence:.1f} s of silence, but {doubt}; it has another {grace:g} s to be heard"
                    for instance in self._catalog.of_session(session):
                        self._catalog.suspect(instance, self._ledger.cause(SUSPECT, "registry", evidence))
                case Recovered(holder=session, how=how):
                    for instance in self._catalog.of_session(session):
                        self._catalog.trust(instance, self._ledger.cause(how, "registry"))
                case Probe(holder=session):
                    await self._probe(session)
                case Slept(seconds=seconds, why=why):
                    log.warning("registry.was_asleep", extra={"seconds": round(seconds, 3), "why": why})

    async def _probe(self, session: str) -> None:
        """A process that has ended is dead for certain; one that has not may be stuck all the same."""
        record = self._catalog.sessions.get(session)
        if record is None or not record.pid or self._alive is None or self._alive(record.pid):
            return
        for effect in self._detector.probed(session, False, self._clock.now(), f"process {record.pid} has ended"):
            if isinstance(effect, Expired):
                await self._end(record, self._ledger.cause("process exited", "registry", effect.evidence))

    async def _note_stall(self, beat: Heartbeat) -> None:
        record = self._catalog.sessions.get(beat.session)
        who, hosted = f"worker {record.worker}" if record else "", self._catalog.of_session(beat.session)
        if beat.stalled:
            evidence = f"{beat.stalled:.1f} s" + (f" in {beat.blocked_in}" if beat.blocked_in else "")
            self._stalled[beat.session] = evidence
            await self._wellbeing.stalled(hosted, self._ledger.cause(STALLED, who, evidence[-MOST_EVIDENCE:]))
        else:
            self._stalled.pop(beat.session, None)
            await self._wellbeing.flowing(hosted, self._ledger.cause("event loop flows again", who))

    async def _expire(self, lease: Expired) -> None:
        record = self._catalog.sessions.get(lease.holder)
        if record is None:
            return
        evidence = f"{lease.silence:.1f} s of silence from {_who(record)}"
        if record.id in self.unresumed:
            evidence = f"{_who(record)} did not come back within {lease.silence:.1f} s of the registry's restart"
        lag = self._lags.get(record.id, 0.0)
        if lag >= 0.1:
            evidence += f"; its event loop was {lag:.1f} s behind when last heard"
        self.unresumed.discard(record.id)
        log.warning("session.expired", extra={"session": record.id, "worker": record.worker, "evidence": evidence})
        if not self._is_alive(record):
            await self._end(record, self._ledger.cause(LEASE_EXPIRED, "registry", evidence))
            return
        self._silent[record.id] = evidence
        for instance in self._catalog.of_session(record.id):
            self._catalog.suspects.pop(instance.id, None)
        cause = self._ledger.cause(LEASE_EXPIRED, "registry", f"{evidence}; process {record.pid} is alive")
        ailing = [one for one in self._catalog.of_session(record.id) if one.state is not State.DRAINING]
        await self._write([moved(one, State.UNHEALTHY, cause, self._clock.wall()) for one in ailing])

    async def _end(self, record: SessionRecord, cause: Cause) -> None:
        cause = self._ledger.stamped(cause)
        await self._ledger.remove(self._catalog.of_session(record.id), cause)
        await self._ledger.store.close_session(record.id, records.encode(cause))
        self._detector.close(record.id)
        self._silent.pop(record.id, None)
        self._stalled.pop(record.id, None)
        self.unresumed.discard(record.id)
        self._lags.pop(record.id, None)
        self._on_ended(record.id)
        log.debug("session.closed", extra={"session": record.id, "worker": record.worker, "cause": cause.what})

    def _is_alive(self, record: SessionRecord) -> bool:
        return self._alive is not None and record.pid > 0 and self._alive(record.pid)


def _who(record: SessionRecord) -> str:
    return f"worker {record.worker} (pid {record.pid})" if record.worker else f"{record.kind} {record.id}"
