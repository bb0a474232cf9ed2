"""Workers' instances: registered, moved from state to state, drained; and what their workers are told."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

import msgspec

from homeport.errors import BadArguments
from homeport.model import Cause, Instance, State
from homeport.registry import records
from homeport.registry.api import (
    AnyCommand,
    Counters,
    Drained,
    Heartbeat,
    InstanceSpec,
    Register,
    Registered,
    Report,
    StartInstance,
)
from homeport.registry.leases import MOST_EVIDENCE, Leases
from homeport.registry.ledger import Ledger
from homeport.registry.moves import moved
from homeport.registry.outbox import Outbox
from homeport.registry.records import SessionRecord
from homeport.registry.sessions import LEASE_EXPIRED, UnknownSession
from homeport.registry.starting import Starting
from homeport.registry.store.port import Put
from homeport.registry.wellbeing import Wellbeing

log = logging.getLogger("homeport.registry")
discovery = logging.getLogger("homeport.discovery")

_MOST_REASON = 500  # characters
_STARTUP = (State.STARTING, State.WAITING)


class Workers:
    """Keeps the instances that belong to sessions. ``alive`` says whether a process still runs."""

    def __init__(
        self, ledger: Ledger, wellbeing: Wellbeing, node: str, period: float, alive: Callable[[int], bool] | None
    ) -> None:
        self._ledger, self._catalog, self._clock = ledger, ledger.catalog, ledger.clock
        self._wellbeing, self._node = wellbeing, node
        self.leases = Leases(ledger, wellbeing, node, period, alive, self._write, self._end_commands)
        self.counters: dict[str, Counters] = {}  # per instance, as last heard
        self._trials: dict[tuple[str, str], float] = {}  # (service, release) → share of the service's calls
        self._outboxes: dict[str, Outbox] = {}
        self.starting = Starting(ledger)
        ledger.on_gone.append(self._forget)

    async def restore(self, leaving: Mapping[str, Cause]) -> None:
        """Take up what was before a restart; ``leaving`` says why workers had been told to leave."""
        await self.leases.restore(leaving)
        self.starting.depend({instance.service for instance in self._catalog.instances.values()})

    async def beat(self, beat: Heartbeat) -> bool:
        """Whether the session is known; if not, it must be opened again."""
        known = await self.leases.beat(beat)
        self.counters.update((name, one) for name, one in beat.counters.items() if name in self._catalog.instances)
        return known

    async def register(self, request: Register) -> Registered:
        """The seed's sequence: register, discover dependencies, query services, update the registry, answer."""
        record = self.leases.get(request.session)
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
        self.leases.belongs(request.session)
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
        what, evidence = report.reason[:_MOST_REASON] or report.state.value, report.evidence[-MOST_EVIDENCE:]
        cause = self._ledger.cause(what, f"worker {instance.worker}", evidence)
        known = instance.cause
        if instance.state is report.state and known and (known.what, known.evidence) == (cause.what, cause.evidence):
            return
        await self._write([moved(instance, report.state, cause, self._clock.wall())])

    async def drain(self, session: str, instance: str, cause: Cause, within: float) -> Drained:
        """Tell everybody that an instance is leaving, and wait until they have heard it, at most ``within`` seconds."""
        found = self._own(session, instance)
        if found.state is not State.DRAINING:
            await self._write([moved(found, State.DRAINING, self._ledger.stamped(cause), self._clock.wall())])
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

    def _own(self, session: str, instance: str) -> Instance:
        self.leases.get(session)
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
            if self.leases.hears(record.id):
                self._outbox(record.id).put(command)
                return True
        return False

    async def commands(self, session: str) -> AsyncGenerator[AnyCommand, None]:
        self.leases.get(session)
        lost = True
        try:
            async for command in self._outbox(session).stream():
                yield command
            lost = False
        finally:
            if lost:  # not by the end of the session, nor by a later stream
                self.leases.disconnected(session)

    def _end_commands(self, session: str) -> None:
        outbox = self._outboxes.pop(session, None)
        if outbox is not None:
            outbox.end()

    def _outbox(self, session: str) -> Outbox:
        return self._outboxes.setdefault(session, Outbox())


def _same(new: Instance, before: Instance | None) -> bool:
    return before is not None and msgspec.structs.replace(new, revision=before.revision) == before
