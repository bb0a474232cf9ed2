"""Workers' side of the registry: their sessions, their instances, and what they are told."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

import msgspec

from homeport.errors import BadArguments
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
from homeport.registry.api import (
    AnyCommand,
    Counters,
    Drained,
    Heartbeat,
    InstanceSpec,
    OpenSession,
    Register,
    Registered,
    Report,
    StartInstance,
)
from homeport.registry.ledger import Ledger
from homeport.registry.outbox import Outbox
from homeport.registry.records import SessionRecord
from homeport.registry.sessions import LEASE_EXPIRED, SUSPECT, UnknownSession
from homeport.registry.starting import Starting
from homeport.registry.store.port import Put
from homeport.registry.wellbeing import STALLED, Wellbeing

log = logging.getLogger("homeport.registry")
discovery = logging.getLogger("homeport.discovery")

ORPHAN_TTL = 3.0  # seconds of a lease that nobody knows the length of any more
_MOST_REASON, _MOST_EVIDENCE = 500, 16_000  # characters; of evidence the end is kept
_STARTUP = (State.STARTING, State.WAITING)


class Workers:
    """Keeps sessions and the instances that belong to them.

    ``alive`` says whether a process still runs; without it, an expired lease is taken for a death.
    """

    def __init__(
        self, ledger: Ledger, wellbeing: Wellbeing, node: str, period: float, alive: Callable[[int], bool] | None
    ) -> None:
        self._ledger, self._catalog, self._clock = ledger, ledger.catalog, ledger.clock
        self._wellbeing, self._node, self._alive = wellbeing, node, alive
        self.leases = FailureDetector(ledger.clock.now(), DetectorLimits(period=period))
        self.counters: dict[str, Counters] = {}  # per instance, as last heard
        self._trials: dict[tuple[str, str], float] = {}  # (service, release) → share of the service's calls
        self.unresumed: set[str] = set()  # sessions of before a restart that have not come back yet
        self._silent: dict[str, str] = {}  # sessions whose lease ran out though their process is alive: the evidence
        self._stalled: dict[str, str] = {}  # sessions whose loop is held up: the evidence
        self._lags: dict[str, float] = {}  # seconds the loop of each session was behind when last heard
        self._outboxes: dict[str, Outbox] = {}
        self.starting = Starting(ledger)
        ledger.on_gone.append(self._forget)

    # -- sessions ------------------------------------------------------------------------------------------------------

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
                self.leases.open(record.id, record.ttl, self._clock.now(), grace=record.ttl)
                self._belongs(record.id)
                self.unresumed.add(record.id)
        self.starting.depend({instance.service for instance in self._catalog.instances.values()})

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
        self.leases.open(request.session, request.ttl, self._clock.now())
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
        if not self.leases.renewed(beat.session, self._clock.now()):
            return False
        if beat.stalled or beat.session in self._stalled:
            await self._note_stall(beat)
        self.unresumed.discard(beat.session)
        self._lags[beat.session] = beat.lag
        self.counters.update((name, one) for name, one in beat.counters.items() if name in self._catalog.instances)
        return await self._ledger.store.renew_session(beat.session)

    async def close(self, session: str, cause: Cause) -> None:
        record = self._catalog.sessions.get(session)
        if record is not None:
            await self._end(record, cause)

    async def worker_gone(self, worker: str, cause: Cause) -> None:
        for record in self._catalog.of_worker(worker):
            await self._end(record, cause)

    async def tick(self) -> None:
        """End what has been silent for too long."""
        await self._carry_out(self.leases.tick(self._clock.now(), self._clock.wall()))
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
        for effect in self.leases.probed(session, False, self._clock.now(), f"process {record.pid} has ended"):
            if isinstance(effect, Expired):
                await self._end(record, self._ledger.cause("process exited", "registry", effect.evidence))

    async def _note_stall(self, beat: Heartbeat) -> None:
        record = self._catalog.sessions.get(beat.session)
        who, hosted = f"worker {record.worker}" if record else "", self._catalog.of_session(beat.session)
        if beat.stalled:
            evidence = f"{beat.stalled:.1f} s" + (f" in {beat.blocked_in}" if beat.blocked_in else "")
            self._stalled[beat.session] = evidence
            await self._wellbeing.stalled(hosted, self._ledger.cause(STALLED, who, evidence[-_MOST_EVIDENCE:]))
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
        await self._write([self._moved(one, State.UNHEALTHY, cause) for one in ailing])

    async def _end(self, record: SessionRecord, cause: Cause) -> None:
        cause = self._ledger.stamped(cause)
        await self._ledger.remove(self._catalog.of_session(record.id), cause)
        await self._ledger.store.close_session(record.id, records.encode(cause))
        self.leases.close(record.id)
        self._silent.pop(record.id, None)
        self._stalled.pop(record.id, None)
        self.unresumed.discard(record.id)
        self._lags.pop(record.id, None)
        outbox = self._outboxes.pop(record.id, None)
        if outbox is not None:
            outbox.end()
        log.debug("session.closed", extra={"session": record.id, "worker": record.worker, "cause": cause.what})

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
            self.leases.lost(record.id, self._clock.now(), evidence)

    def _is_alive(self, record: SessionRecord) -> bool:
        return self._alive is not None and record.pid > 0 and self._alive(record.pid)

    # -- instances -----------------------------------------------------------------------------------------------------

    async def register(self, request: Register) -> Registered:
        """The seed's sequence: register, discover dependencies, query services, update the registry, answer."""
        record = self._session(request.session)
        names = {spec.id: spec.service for spec in request.instances}
        discovery.debug("discovery.register", extra={"worker": record.worker, "instances": names})
        for spec in request.instances:
            self._refuse_foreign(spec, record)
        requires = [one for spec in request.instances for one in spec.requires]
        self.starting.discover(requires)
        cause = self._ledger.cause("registered", f"worker {record.worker}")
        fresh = [self._instance(spec, record, request.resumed.get(spec.id), cause) for spec in request.instances]
        fresh = [one for one in fresh if not _same(one, self._catalog.instances.get(one.id))]
        for instance in fresh:
            if instance.id not in self._catalog.instances:
                self.starting.forget(instance.id)
        contracts = [one for one in request.contracts if self._catalog.contracts.get(one.fingerprint) != one]
        await self._write(fresh, [records.put_contract(contract) for contract in contracts])
        self._belongs(request.session)
        self.starting.depend({spec.service for spec in request.instances})
        discovery.debug("registry.updated", extra={"revision": self._catalog.revision, "instances": len(fresh)})
        resolution = self.starting.resolve(requires)  # again: the reply holds at the revision it names
        return Registered(
            revision=self._catalog.revision,
            store=self._ledger.store.id,
            dependencies=resolution.answers,
            missing=resolution.missing,
            near=resolution.near,
        )

    async def report(self, report: Report) -> None:
        instance = self._own(report.session, report.instance)
        if instance.state is State.DRAINING and report.state is not State.DRAINING:
            raise BadArguments(f"state: {instance.id} is draining and cannot become {report.state} again")
        if report.state not in _STARTUP:
            self._outbox(report.session).started(report.instance)
        what, evidence = report.reason[:_MOST_REASON] or report.state.value, report.evidence[-_MOST_EVIDENCE:]
        cause = self._ledger.cause(what, f"worker {instance.worker}", evidence)
        known = instance.cause
        if instance.state is report.state and known and (known.what, known.evidence) == (cause.what, cause.evidence):
            return
        await self._write([self._moved(instance, report.state, cause)])

    async def drain(self, session: str, instance: str, cause: Cause, within: float) -> Drained:
        """Tell everybody that an instance is leaving, and wait until they have heard it, at most ``within`` seconds."""
        found = self._own(session, instance)
        if found.state is not State.DRAINING:
            await self._write([self._moved(found, State.DRAINING, self._ledger.stamped(cause))])
        draining = self._catalog.instances.get(instance)
        revision = draining.revision if draining is not None else self._catalog.revision
        unheard = await self._ledger.watchers.heard(found.service, revision, within, self._clock)
        if unheard:
            log.warning("drain.unheard", extra={"instance": instance, "watchers": unheard, "seconds": within})
        return Drained(revision=revision, unheard=unheard)

    async def deregister(self, session: str, instance: str, cause: Cause) -> None:
        found = self._catalog.instances.get(instance)
        if found is not None and found.session == session:
            await self._ledger.remove([found], cause)

    async def try_out(self, service: str, release: str, share: float) -> None:
        """Give a release this share of the service's calls; 0 ends the trial."""
        self._trials.pop((service, release), None)
        if share:
            self._trials[service, release] = share
        found = [one for one in self._catalog.of_service(service).values() if not one.outside]
        found = [one for one in found if one.release == release and one.share != share]
        await self._write([msgspec.structs.replace(one, share=share) for one in found])

    def _belongs(self, session: str) -> None:
        """What fails together with a worker: its node, and the services it hosts."""
        services = sorted({one.service for one in self._catalog.of_session(session)})
        self.leases.belongs(session, [f"node {self._node}", *(f"service {name}" for name in services)])

    def _session(self, session: str) -> SessionRecord:
        record = self._catalog.sessions.get(session)
        if record is None:
            raise UnknownSession(f"the registry has no session {session!r}; open it and register again")
        return record

    def _own(self, session: str, instance: str) -> Instance:
        self._session(session)
        found = self._catalog.instances.get(instance)
        if found is None or found.session != session:
            raise UnknownSession(f"session {session!r} has no instance {instance!r}; register it again")
        return found

    def _refuse_foreign(self, spec: InstanceSpec, record: SessionRecord) -> None:
        before = self._catalog.instances.get(spec.id)
        if before is None or before.session == record.id:
            if before is not None and before.service != spec.service:
                raise BadArguments(f"id: {spec.id!r} is an instance of {before.service!r}; deregister it first")
            return
        if before.outside or before.session in self.leases or before.service != spec.service:
            holder = f"worker {before.worker}" if before.worker else "an outside program"
            raise BadArguments(f"id: {spec.id!r} is taken by {holder}; choose another id")

    def _instance(self, spec: InstanceSpec, record: SessionRecord, resumed: State | None, cause: Cause) -> Instance:
        before = self._catalog.instances.get(spec.id)
        state = resumed or self._state_before(before)
        same = before is not None and before.state is state
        return Instance(
            id=spec.id,
            service=spec.service,
            endpoints=spec.endpoints,
            state=state,
            session=record.id,
            version=spec.version,
            contract=spec.contract,
            release=record.release,
            node=self._node,
            worker=record.worker,
            pid=record.pid,
            weight=spec.weight,
            share=self._trials.get((spec.service, record.release), 0.0),
            zone=spec.zone,
            tags=spec.tags,
            metadata=spec.metadata,
            checks=spec.checks,
            requires=spec.requires,
            waiting_for=before.waiting_for if before and same else (),
            public=spec.public,
            registry=spec.registry,
            cause=before.cause if before and same else cause,
            since=before.since if before and same else self._clock.wall(),
        )

    @staticmethod
    def _state_before(before: Instance | None) -> State:
        """Where an instance is whose worker says only that it has not started."""
        ailing = before is not None and before.state is State.UNHEALTHY and before.cause is not None
        if before is not None and ailing and before.cause and before.cause.what != LEASE_EXPIRED:
            return State.UNHEALTHY  # its startup() failed, and is tried again
        return State.WAITING

    def _moved(self, instance: Instance, state: State, cause: Cause) -> Instance:
        since = instance.since if state is instance.state else self._clock.wall()
        return msgspec.structs.replace(
            instance,
            state=state,
            cause=cause,
            since=since,
            waiting_for=instance.waiting_for if state is State.WAITING else (),
        )

    async def _write(self, instances: Sequence[Instance], others: Sequence[Put] = ()) -> None:
        held = [self._wellbeing.held_back(instance) for instance in instances]
        fresh = [one for one in held if not _same(one, self._catalog.instances.get(one.id))]
        puts = [*others, *(records.put_instance(instance) for instance in fresh)]
        if puts:
            await self._ledger.tell(puts)

    def _forget(self, instance: Instance) -> None:
        self.starting.forget(instance.id)
        self.counters.pop(instance.id, None)
        outbox = self._outboxes.get(instance.session)
        if outbox is not None:
            outbox.gone(instance.id)

    # -- starting ------------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Let those instances start that need not wait any longer, and say for whom the others wait."""
        starts, moved = self.starting.settle()
        await self._write(moved)
        for instance in starts:
            self._outbox(instance.session).put(StartInstance(instance=instance.id))

    # -- commands ------------------------------------------------------------------------------------------------------

    def send(self, worker: str, command: AnyCommand) -> bool:
        """Whether the worker has a session that can hear it."""
        for record in reversed(self._catalog.of_worker(worker)):
            if record.id in self.leases or record.id in self._silent:
                self._outbox(record.id).put(command)
                return True
        return False

    async def commands(self, session: str) -> AsyncGenerator[AnyCommand, None]:
        self._session(session)
        lost = True
        try:
            async for command in self._outbox(session).stream():
                yield command
            lost = False
        finally:
            if lost:  # not by the end of the session, nor by a later stream
                self.leases.lost(session, self._clock.now(), "its connection broke")

    def _outbox(self, session: str) -> Outbox:
        return self._outboxes.setdefault(session, Outbox())


def _same(new: Instance, before: Instance | None) -> bool:
    return before is not None and msgspec.structs.replace(new, revision=before.revision) == before


def _who(record: SessionRecord) -> str:
    return f"worker {record.worker} (pid {record.pid})" if record.worker else f"{record.kind} {record.id}"
