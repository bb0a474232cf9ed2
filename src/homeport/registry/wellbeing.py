"""Which instances may be called: what they say of themselves, less what others hold against them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from homeport.errors import UnknownService
from homeport.health.checks import TTL, check_key
from homeport.health.damping import Damping, DampingLimits, Suppressed
from homeport.health.objections import Objections
from homeport.model import Cause, Change, Instance, State
from homeport.registry import records
from homeport.registry.ejections import Ejections
from homeport.registry.ledger import Ledger
from homeport.registry.records import OutsideRecord
from homeport.registry.store.port import Conflict, Put

log = logging.getLogger("homeport.registry")

FLAPPING, STALLED = "flapping", "event loop blocked"  # what causes say
_DAMPING, _STALL = "damping", "stall"  # who objects


class Wellbeing:
    """Keeps what is held against each instance, and writes what that comes to.

    Damping never takes from a service the last instance that would be ready: a flapping one is better than none.
    """

    def __init__(self, ledger: Ledger, ejections: Ejections, damping: DampingLimits | None) -> None:
        self._ledger, self._catalog, self._clock = ledger, ledger.catalog, ledger.clock
        self._ejections = ejections
        self._objections = Objections()
        self._damping = Damping(damping) if damping is not None else None
        self._unwritten: dict[str, Cause] = {}  # their change met a declaration on its way
        self._bereft: set[str] = set()  # services of which an instance has ceased to be ready
        ledger.on_move.append(self._moved)
        ledger.on_gone.append(self._forget)

    def restore(self) -> None:
        """What was held back before a restart has yet to pass its checks."""
        for instance in list(self._catalog.instances.values()):
            plain = self._ejections.unejected(instance)
            if not plain.outside or plain.state not in (State.UNHEALTHY, State.STARTING) or plain.cause is None:
                continue
            self._objections.restored(plain.id)
            for check in plain.checks:
                self._objections.note(plain.id, check_key(check), plain.cause, plain.state)
            if not plain.checks:
                self._unwritten[plain.id] = self._ledger.cause("nothing is known against it", "registry")

    def held_back(self, instance: Instance) -> Instance:
        """An instance as somebody wants to write it, as it is to be written."""
        known = self._catalog.instances.get(instance.id)
        before = self._ejections.unejected(known) if known is not None else None
        self._spare(instance)
        return self._ejections.held_back(self._objections.judged(instance, before))

    # -- checks --------------------------------------------------------------------------------------------------------

    def expect(self, instance: Instance) -> list[str]:
        """An outside instance is about to be declared; the checks that it has to pass before it is ready.

        Follow it with ``declared``, or ``not_declared`` if it could not be kept.
        """
        known = self._catalog.instances.get(instance.id)
        if known is not None and self._ejections.unejected(known).state is State.READY:
            return []
        had = {check_key(check) for check in known.checks} if known is not None else set()
        cause = self._ledger.cause("registered", "registry", "ready once its checks have passed")
        expected = [check_key(check) for check in instance.checks if check.kind != TTL]
        expected = [check for check in expected if check not in had]
        for check in expected:
            self._objections.note(instance.id, check, cause, State.STARTING)
        return expected

    async def declared(self, instance: Instance) -> None:
        """What spoke against it under checks that it does not declare any more, does not."""
        keys = {check_key(check) for check in instance.checks}
        for source in self._objections.sources(instance.id):
            if source not in keys and source not in (_DAMPING, _STALL):
                await self.check_passed(instance.id, source, self._ledger.cause("no longer checked", "registry"))

    def not_declared(self, instance: Instance, expected: Iterable[str]) -> None:
        for check in expected:
            self._objections.drop(instance.id, check)
        if instance.id not in self._catalog.instances:
            self._objections.forget(instance.id)

    async def check_failed(self, instance: str, check: str, cause: Cause) -> None:
        await self._object([instance], check, cause)

    async def check_passed(self, instance: str, check: str, cause: Cause) -> None:
        await self._withdraw([instance], check, cause)

    # -- stalled loops -------------------------------------------------------------------------------------------------

    async def stalled(self, instances: Iterable[Instance], cause: Cause) -> None:
        """The event loop they share is held up."""
        await self._object([one.id for one in instances if not self._objects(one.id, _STALL)], _STALL, cause)

    async def flowing(self, instances: Iterable[Instance], cause: Cause) -> None:
        """It goes round again."""
        await self._withdraw([one.id for one in instances if self._objects(one.id, _STALL)], _STALL, cause)

    # -- damping -------------------------------------------------------------------------------------------------------

    async def forgive(self, name: str, cause: Cause) -> bool:
        """Hold its flapping against an instance no more; whether it was held back for that.

        Raises:
            UnknownService: there is no such instance.
        """
        if name not in self._catalog.instances:
            raise UnknownService(name, sorted(self._catalog.instances))
        if self._damping is not None:
            self._damping.forgive(name)
        held = self._objects(name, _DAMPING)
        await self._withdraw([name], _DAMPING, self._ledger.stamped(cause))
        return held

    def _moved(self, before: Instance | None, change: Change) -> None:
        after = change.instance
        if before is None or before.state is not State.READY or (after is not None and after.state is State.READY):
            return
        self._bereft.add(change.service)
        if after is None or after.state is not State.UNHEALTHY or self._damping is None:
            return
        if self._ejections.ejected(after.id) or (after.cause is not None and after.cause.what == FLAPPING):
            return
        suppressed = self._damping.flipped(after.id, self._clock.now())
        if suppressed is not None:
            self._objections.note(after.id, _DAMPING, self._flapping(suppressed))
            log.warning("instance.flapping", extra={"instance": after.id, "flips": suppressed.flips})

    def _flapping(self, suppressed: Suppressed) -> Cause:
        evidence = (
            f"unhealthy {suppressed.flips} times within {suppressed.within:.0f} s; held back for another "
            f"{suppressed.seconds:.0f} s at least, or until `homeport forgive {suppressed.instance}`"
        )
        return self._ledger.cause(FLAPPING, "flap damping", evidence)

    def _spare(self, instance: Instance) -> None:
        """Let flapping be flapping if there is nobody else."""
        if self._objects(instance.id, _DAMPING) and self._alone(instance):
            self._objections.drop(instance.id, _DAMPING)
            log.warning("instance.spared", extra={"instance": instance.id, "why": "no other is ready"})

    def _alone(self, instance: Instance) -> bool:
        mates = self._catalog.of_service(instance.service).values()
        return not any(mate.state is State.READY and mate.id != instance.id for mate in mates)

    def _objects(self, instance: str, source: str) -> bool:
        return source in self._objections.sources(instance)

    # -- what it comes to ----------------------------------------------------------------------------------------------

    async def tick(self) -> None:
        if self._damping is not None:
            for quiet in self._damping.tick(self._clock.now()):
                evidence = f"it was held back for {quiet.seconds:.0f} s"
                await self._withdraw([quiet.instance], _DAMPING, self._ledger.cause("quiet", "flap damping", evidence))
        unwritten, self._unwritten = self._unwritten, {}
        for name, cause in unwritten.items():
            await self._settle(name, cause)

    async def settle(self) -> None:
        """Services that have nobody ready any more get back who was held back for flapping only."""
        bereft, self._bereft = self._bereft, set()
        for service in bereft:
            for instance in list(self._catalog.of_service(service).values()):
                only = self._objections.sources(instance.id) == (_DAMPING,)
                if only and self._objections.held_back(instance.id) and self._alone(instance):
                    await self._withdraw(
                        [instance.id], _DAMPING, self._ledger.cause("no other is ready", "flap damping")
                    )

    async def _object(self, names: Sequence[str], source: str, cause: Cause) -> None:
        found = [self._plain(name) for name in names if name in self._catalog.instances]
        moved = [self._objections.raised(instance, source, cause) for instance in found]
        await self._write([one for one in moved if one is not None], cause)

    async def _withdraw(self, names: Sequence[str], source: str, cause: Cause) -> None:
        found = [self._plain(name) for name in names if name in self._catalog.instances]
        for instance in found:
            self._objections.drop(instance.id, source)
            self._spare(instance)
        moved = [self._objections.settled(instance, cause) for instance in found]
        await self._write([one for one in moved if one is not None], cause)

    async def _settle(self, name: str, cause: Cause) -> None:
        if name in self._catalog.instances:
            moved = self._objections.settled(self._plain(name), cause)
            await self._write([moved] if moved is not None else [], cause)

    def _plain(self, name: str) -> Instance:
        return self._ejections.unejected(self._catalog.instances[name])

    async def _write(self, instances: Sequence[Instance], cause: Cause) -> None:
        for instance in instances:
            held = self._ejections.held_back(instance)
            if self._ejections.ejected(instance.id):
                continue  # noted there for when its time is over
            try:
                await self._ledger.tell([self._put(held)])
            except Conflict:
                self._objections.restored(instance.id)
                self._unwritten[instance.id] = cause

    def _put(self, instance: Instance) -> Put:
        outside = self._catalog.outside(instance.id)
        if outside is None:
            return records.put_instance(instance)
        return records.put_outside(OutsideRecord(instance=instance, ttl=outside.ttl))

    def _forget(self, instance: Instance) -> None:
        self._objections.forget(instance.id)
        self._unwritten.pop(instance.id, None)
        if self._damping is not None:
            self._damping.forgive(instance.id)
