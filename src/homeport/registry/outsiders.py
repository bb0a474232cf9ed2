"""Outside programs: registered by anybody who may reach the registry, kept alive by their own heartbeats."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from homeport.errors import BadArguments, NotAllowed, UsageError
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
from homeport.model import Cause, Durability, Instance, State
from homeport.registry import checks, records
from homeport.registry.api import Done, OutsideInstance
from homeport.registry.ledger import Ledger
from homeport.registry.records import OutsideRecord
from homeport.registry.sessions import LEASE_EXPIRED, SUSPECT
from homeport.registry.store.port import Conflict, Delete
from homeport.registry.wellbeing import Wellbeing

log = logging.getLogger("homeport.registry")


class Outsiders:
    """Keeps outside instances: their registration is a declaration, their silence a run-time fact."""

    def __init__(self, ledger: Ledger, wellbeing: Wellbeing, period: float) -> None:
        self._ledger, self._catalog, self._clock = ledger, ledger.catalog, ledger.clock
        self._wellbeing = wellbeing
        self.leases = FailureDetector(ledger.clock.now(), DetectorLimits(period=period))
        self.on_beat: list[Callable[[str], None]] = []
        self.on_suspicion: list[Callable[[Instance], None]] = []

    def restore(self) -> None:
        """Those of before a restart have one more time to live in which to be heard."""
        for instance, ttl in self._catalog.outside_leases():
            self.leases.open(instance, ttl, self._clock.now(), grace=ttl)
            self._belongs(self._catalog.instances[instance])

    async def put(self, request: OutsideInstance) -> Done:
        """Register, or change what was registered; the same again only renews it."""
        service = checks.outside(request)
        self._refuse_owned(request, service)
        before = self._catalog.outside(request.id)
        record = self._record(request, service, before)
        if before is not None and _same(record, before):
            self._lease(request)
            self._heard(request.id)
            return Done(revision=before.instance.revision, durability=Durability.SYNCED)
        done = await self._declare(record)
        self._lease(request)
        self._belongs(record.instance)
        self._heard(request.id)
        return done

    async def _declare(self, record: OutsideRecord) -> Done:
        expected = self._wellbeing.expect(record.instance)
        kept = msgspec.structs.replace(record, instance=self._wellbeing.held_back(record.instance))
        try:
            done = await self._ledger.declare([records.put_outside(kept)])
        except BaseException:
            self._wellbeing.not_declared(record.instance, expected)
            raise
        await self._wellbeing.declared(record.instance)
        return done

    async def beat(self, instance: str) -> bool:
        """Whether it is registered."""
        if instance not in self._catalog.instances or not self._catalog.instances[instance].outside:
            return False
        self.leases.renewed(instance, self._clock.now())
        self._heard(instance)
        return True

    async def delete(self, instance: str, reason: str) -> Done:
        found = self._catalog.instances.get(instance)
        if found is None:
            raise UsageError(f"no instance {instance!r} is registered; run `homeport ps` to list them")
        if not found.outside:
            raise NotAllowed(
                f"{instance!r} belongs to worker {found.worker}, not to an outside program; "
                f"use `homeport scale {found.service} N` or `homeport stop {found.service}`"
            )
        cause = self._ledger.cause("deregistered", f"outside program {instance}", checks.reason(reason))
        done = await self._ledger.declare(deletes=[Delete(records.OUTSIDE + instance, records.encode(cause))])
        self.leases.close(instance)
        return done

    async def expel(self, instance: str, cause: Cause) -> None:
        """Remove one whose checks have failed for too long."""
        record = self._catalog.outside(instance)
        if record is not None:
            await self._ledger.remove([record.instance], cause)
            self.leases.close(instance)
            log.warning("instance.expelled", extra={"instance": instance, "evidence": cause.evidence})

    async def probed(self, instance: str, alive: bool | None, evidence: str) -> None:
        """The answer to a suspicion."""
        await self._carry_out(self.leases.probed(instance, alive, self._clock.now(), evidence))

    async def tick(self) -> None:
        await self._carry_out(self.leases.tick(self._clock.now(), self._clock.wall()))

    async def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Expired():
                    await self._expire(effect)
                case Suspected(holder=holder, silence=silence, doubt=doubt, grace=grace):
                    evidence = f"{silence:.1f} s of silence, but {doubt}; it has another {grace:g} s, and is looked at"
                    if holder in self._catalog.instances:
                        cause = self._ledger.cause(SUSPECT, "registry", evidence)
                        self._catalog.suspect(self._catalog.instances[holder], cause)
                case Recovered(holder=holder, how=how):
                    if holder in self._catalog.instances:
                        self._catalog.trust(self._catalog.instances[holder], self._ledger.cause(how, "registry"))
                case Probe(holder=holder):
                    self._suspect(holder)
                case Slept():
                    pass  # those who keep the workers' leases say so

    def lost(self, instance: str, evidence: str) -> None:
        """Somebody's connection to it broke."""
        if self._catalog.outside(instance) is not None:
            self.leases.lost(instance, self._clock.now(), evidence)
            self._suspect(instance)

    def _suspect(self, instance: str) -> None:
        record = self._catalog.outside(instance)
        if record is not None:
            for callback in self.on_suspicion:
                callback(record.instance)

    def _heard(self, instance: str) -> None:
        for callback in self.on_beat:
            callback(instance)

    def _belongs(self, instance: Instance) -> None:
        self.leases.belongs(instance.id, (f"service {instance.service}",))

    async def _expire(self, lease: Expired) -> None:
        record = self._catalog.outside(lease.holder)
        if record is None:
            return
        evidence = f"{lease.silence:.1f} s of silence, {record.ttl:g} s are allowed"
        if lease.evidence:
            evidence += f"; {lease.evidence}"
        try:
            await self._ledger.remove([record.instance], self._ledger.cause(LEASE_EXPIRED, "registry", evidence))
        except Conflict:  # it is being registered anew at this moment
            self.leases.open(lease.holder, record.ttl or 0.0, self._clock.now())
            return
        log.warning("instance.expired", extra={"instance": lease.holder, "evidence": evidence})

    def _lease(self, request: OutsideInstance) -> None:
        if request.ttl is None:
            self.leases.close(request.id)
        else:
            self.leases.open(request.id, request.ttl, self._clock.now())

    def _refuse_owned(self, request: OutsideInstance, service: str) -> None:
        app = any(not instance.outside for instance in self._catalog.of_service(service).values())
        if app or service in self._catalog.declared:
            raise NotAllowed(
                f"service: {service!r} belongs to the application that runs here; register under another name"
            )
        before = self._catalog.instances.get(request.id)
        if before is not None and not before.outside:
            raise NotAllowed(f"id: {request.id!r} belongs to worker {before.worker}; choose another id")
        if before is not None and before.service != service:
            raise BadArguments(f"id: {request.id!r} is registered for {before.service!r}; delete it there first")

    def _record(self, request: OutsideInstance, service: str, before: OutsideRecord | None) -> OutsideRecord:
        return OutsideRecord(
            instance=Instance(
                id=request.id,
                service=service,
                endpoints=request.endpoints,
                state=State.READY,
                version=request.version,
                weight=request.weight,
                zone=request.zone,
                tags=request.tags,
                metadata=request.metadata,
                checks=request.checks,
                cause=self._ledger.cause("registered", f"outside program {request.id}"),
                since=before.instance.since if before else self._clock.wall(),
            ),
            ttl=request.ttl,
        )


def _same(record: OutsideRecord, before: OutsideRecord) -> bool:
    """Whether the same is declared; the state is not for the program to declare."""
    was = before.instance
    new = msgspec.structs.replace(record.instance, state=was.state, cause=was.cause, revision=was.revision)
    return record.ttl == before.ttl and new == was
