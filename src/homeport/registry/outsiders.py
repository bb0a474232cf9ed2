"""Outside programs: registered by anybody who may reach the registry, kept alive by their own heartbeats."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from homeport.errors import BadArguments, NotAllowed, UsageError
from homeport.model import Durability, Instance, State
from homeport.registry import checks, records
from homeport.registry.api import Done, OutsideInstance
from homeport.registry.ledger import Ledger
from homeport.registry.records import OutsideRecord
from homeport.registry.sessions import LEASE_EXPIRED, Expired, Leases
from homeport.registry.store.port import Conflict, Delete

log = logging.getLogger("homeport.registry")


class Outsiders:
    """Keeps outside instances: their registration is a declaration, their silence a run-time fact."""

    def __init__(self, ledger: Ledger, period: float) -> None:
        self._ledger, self._catalog, self._clock = ledger, ledger.catalog, ledger.clock
        self.leases = Leases(period, ledger.clock.now())
        self.hold_back: Callable[[Instance], Instance] = lambda instance: instance  # what is written in its place

    def restore(self) -> None:
        """Those of before a restart have one more time to live in which to be heard."""
        for instance, ttl in self._catalog.outside_leases():
            self.leases.open(instance, ttl, self._clock.now(), grace=ttl)

    async def put(self, request: OutsideInstance) -> Done:
        """Register, or change what was registered; the same again only renews it."""
        service = checks.outside(request)
        self._refuse_owned(request, service)
        before = self._catalog.outside(request.id)
        record = self._record(request, service, before)
        if before is not None and _same(record, before):
            self._lease(request)
            return Done(revision=before.instance.revision, durability=Durability.SYNCED)
        kept = msgspec.structs.replace(record, instance=self.hold_back(record.instance))
        done = await self._ledger.declare([records.put_outside(kept)])
        self._lease(request)
        return done

    async def beat(self, instance: str) -> bool:
        """Whether it is registered."""
        if instance not in self._catalog.instances or not self._catalog.instances[instance].outside:
            return False
        self.leases.renew(instance, self._clock.now())
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

    async def tick(self) -> None:
        for expired in self.leases.tick(self._clock.now()):
            await self._expire(expired)

    async def _expire(self, lease: Expired) -> None:
        record = self._catalog.outside(lease.holder)
        if record is None:
            return
        evidence = f"{lease.silence:.1f} s of silence, {record.ttl:g} s are allowed"
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
    new = msgspec.structs.replace(record.instance, cause=before.instance.cause, revision=before.instance.revision)
    return record.ttl == before.ttl and new == before.instance
