"""The registry itself: what workers, fronts, scripts and the node ask of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from homeport.clock import Clock, SystemClock
from homeport.contracts.api import Contract
from homeport.errors import BadArguments, UnknownService
from homeport.health.damping import DampingLimits
from homeport.model import Cause, Change, Completeness, Instance, State
from homeport.registry import checks, records, summary
from homeport.registry.api import (
    AnyCommand,
    Counters,
    Done,
    Drained,
    Heartbeat,
    HeartbeatReply,
    OpenSession,
    OutsideInstance,
    Register,
    Registered,
    Report,
    ServiceAnswer,
    ServiceSummary,
    SessionOpened,
    Story,
    WatchItem,
    WatchRequest,
)
from homeport.registry.ejections import Ejections
from homeport.registry.ledger import Ledger
from homeport.registry.outsiders import Outsiders
from homeport.registry.records import DeclaredService, WantedRecord
from homeport.registry.store.embedded import EmbeddedStore
from homeport.registry.store.port import Delete
from homeport.registry.store.recovery import Recovery
from homeport.registry.wellbeing import Wellbeing
from homeport.registry.workers import Workers

__all__ = ["DeclaredService", "Registry"]

log = logging.getLogger("homeport.registry")

PERIOD = 0.5  # seconds between looks at the leases
USUAL_LEASE = 3.0  # seconds
LONGEST_WAIT = 10.0  # seconds of a lease that count for how long a restart waits for its holder
DRAIN_GRACE = 2.0  # seconds that a watcher who does not acknowledge may hold up a drain
SWEEP = 60.0  # seconds between looks for contracts that nobody has any more
MOST_REPLICAS = 10_000
FARTHEST_JUMP = 2**32  # revisions that a client may be ahead


class Registry:
    """Implements ``RegistryApi``, and serves the node in whose process it lives.

    Everything here runs in one event loop. Run-time facts are told at once; what returns ``Done`` is on disk.
    """

    def __init__(
        self,
        store: EmbeddedStore,
        node: str,
        clock: Clock,
        alive: Callable[[int], bool] | None,
        damping: DampingLimits | None,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self.recovery: Recovery = store.report
        self._ledger = Ledger(store, clock, store.history)
        self._catalog, self._clock, self._tasks = self._ledger.catalog, clock, tasks
        self._ejections = Ejections(self._ledger)
        self._wellbeing = Wellbeing(self._ledger, self._ejections, damping)
        self._workers = Workers(self._ledger, self._wellbeing, node, PERIOD, alive)
        self._outsiders = Outsiders(self._ledger, self._wellbeing, PERIOD)
        self._resume_by = 0.0  # until when sessions of before a restart may come back
        self._next_sweep = clock.now() + SWEEP

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path,
        *,
        node: str = "",
        clock: Clock | None = None,
        alive: Callable[[int], bool] | None = None,
        damping: DampingLimits | None = DampingLimits(),  # noqa: B008 - a value
        leaving: Mapping[str, Cause] | None = None,
    ) -> AsyncIterator[Registry]:
        """A running registry on the data in ``folder``, closed when the block ends.

        ``alive`` says whether the process of a worker still runs: an instance whose lease expires is then unhealthy,
        not gone. ``damping`` says when one that flaps is held back; ``None``: never. ``leaving`` says
        why workers had been told to leave before the registry went down: those that have are gone for that.
        ``recovery`` of the registry says what opening found.

        Raises:
            FolderInUse: another process has the folder open.
            NewerFormat: a later version of Homeport wrote it.
            StoreFailure: the disk does not take what opening has to write.
        """
        failure: Exception | None = None
        async with EmbeddedStore.open(folder) as store, asyncio.TaskGroup() as tasks:
            registry = cls(store, node, clock or SystemClock(), alive, damping, tasks)
            await registry._restore(leaving or {})
            running = [
                tasks.create_task(registry._tick_forever(), name="registry.tick"),
                tasks.create_task(registry._settle_forever(), name="registry.settle"),
            ]
            try:
                yield registry
            except Exception as error:  # the caller's own, raised again as it is and not in a group
                failure = error
            finally:
                for task in running:
                    task.cancel()
        if failure is not None:
            raise failure

    # -- sessions and instances ----------------------------------------------------------------------------------------

    async def open_session(self, request: OpenSession) -> SessionOpened:
        checks.session(request)
        await self._respect(request.store, request.revision)
        resumed = await self._workers.leases.open(request)
        return SessionOpened(
            session=request.session,
            store=self._ledger.store.id,
            revision=self._catalog.revision,
            ttl=request.ttl,
            resumed=resumed,
        )

    async def heartbeat(self, beat: Heartbeat) -> HeartbeatReply:
        known = await self._workers.beat(beat)
        return HeartbeatReply(known=known, revision=self._catalog.revision)

    async def close_session(self, session: str, cause: Cause) -> None:
        await self._workers.leases.close(session, cause)

    async def register(self, request: Register) -> Registered:
        checks.registration(request)
        return await self._workers.register(request)

    async def report(self, report: Report) -> None:
        await self._workers.report(report)

    async def drain(self, session: str, instance: str, cause: Cause) -> Drained:
        return await self._workers.drain(session, instance, cause, DRAIN_GRACE)

    async def acknowledge(self, watcher: str, revision: int) -> None:
        self._ledger.watchers.acknowledge(watcher, revision)

    async def deregister(self, session: str, instance: str, cause: Cause) -> None:
        await self._workers.deregister(session, instance, cause)

    async def commands(self, session: str) -> AsyncIterator[AnyCommand]:
        async with aclosing(self._workers.commands(session)) as commands:
            async for command in commands:
                yield command

    # -- questions -----------------------------------------------------------------------------------------------------

    async def watch(self, request: WatchRequest) -> AsyncIterator[WatchItem]:
        checks.watch(request)
        await self._respect(request.store, request.from_revision)
        foreign = request.store not in ("", self._ledger.store.id)
        cursor = None if foreign or request.from_revision == 0 else request.from_revision
        async with aclosing(self._ledger.watchers.watch(request.services, cursor, request.watcher)) as items:
            async for item in items:
                yield item

    async def resolve(self, services: list[str]) -> list[ServiceAnswer]:
        return [self._catalog.answer(service) for service in services]

    async def services(self) -> list[ServiceSummary]:
        return [summary.summarise(self._catalog, name) for name in summary.listed(self._catalog)]

    async def instances(self, service: str = "") -> list[Instance]:
        found = self._catalog.of_service(service) if service else self._catalog.instances
        found_here = sorted(found.values(), key=lambda instance: (instance.service, instance.id))
        return [self._catalog.shown(instance) for instance in found_here] if self._catalog.suspects else found_here

    async def contract(self, fingerprint: str) -> Contract | None:
        return self._catalog.contracts.get(fingerprint)

    async def counters(self, service: str = "") -> dict[str, Counters]:
        found = self._catalog.of_service(service) if service else self._catalog.instances
        return {name: counted for name, counted in self._workers.counters.items() if name in found}

    async def why(self, name: str) -> Story:
        return summary.tell(self._catalog, name)

    # -- taking out of use --------------------------------------------------------------------------------------------

    async def eject(self, instance: str, seconds: float, cause: Cause) -> Done:
        return await self._ejections.eject(instance, seconds, cause)

    async def readmit(self, instance: str, cause: Cause) -> Done:
        return await self._ejections.readmit(instance, cause)

    async def lost(self, instance: str, evidence: str) -> None:
        """A caller's connection to an instance broke: find out at once whether it lives."""
        if instance in self._catalog.instances:
            await self._workers.leases.lost(self._catalog.instances[instance], evidence)
            self._outsiders.lost(instance, evidence)

    async def forgive(self, instance: str, cause: Cause) -> bool:
        return await self._wellbeing.forgive(instance, cause)

    # -- outside programs ----------------------------------------------------------------------------------------------

    async def put_instance(self, instance: OutsideInstance) -> Done:
        return await self._outsiders.put(instance)

    async def beat_instance(self, instance: str) -> bool:
        return await self._outsiders.beat(instance)

    async def delete_instance(self, instance: str, reason: str = "") -> Done:
        return await self._outsiders.delete(instance, reason)

    # -- for the node in the same process ------------------------------------------------------------------------------

    @property
    def completeness(self) -> Completeness:
        return self._catalog.completeness

    @property
    def revision(self) -> int:
        return self._catalog.revision

    def declare(self, services: Sequence[DeclaredService]) -> None:
        """These are the application's services; outside programs cannot take their names."""
        for service in services:
            checks.service(service.name)
        self._workers.starting.declare(services)

    async def set_wanted(self, service: str, replicas: int, cause: Cause) -> Done:
        """Ask for another number of instances; kept over restarts.

        Raises:
            UnknownService: the application has no such service.
            BadArguments: the number is out of range, or more than one of a singleton.
            StoreFailure: it could not be kept, and was not carried out.
        """
        declared = self._catalog.declared.get(service)
        if declared is None:
            raise UnknownService(service, sorted(self._catalog.declared))
        if not 0 <= replicas <= MOST_REPLICAS:
            raise BadArguments(f"replicas: {replicas} is not between 0 and {MOST_REPLICAS}")
        if declared.singleton and replicas > 1:
            raise BadArguments(f"replicas: {service!r} is a singleton and cannot have {replicas} instances")
        record = WantedRecord(replicas=replicas, cause=self._ledger.stamped(cause))
        return await self._ledger.declare([records.put_wanted(service, record)])

    def wanted(self) -> dict[str, int]:
        """How many instances each of the application's services should have."""
        return {name: self._catalog.wanted(name) or 0 for name in self._catalog.declared}

    def send(self, worker: str, command: AnyCommand) -> bool:
        """Tell a worker something; ``False`` when it has no session."""
        return self._workers.send(worker, command)

    def worker_gone(self, worker: str, cause: Cause) -> asyncio.Task[None]:
        """The worker's process has ended, and with it all its instances; awaiting the task is optional."""
        return self._tasks.create_task(self._workers.leases.worker_gone(worker, cause), name=f"registry.gone.{worker}")

    def ailing(self) -> dict[str, str]:
        """Workers whose process runs and whose loop does not, and what shows it."""
        return self._workers.leases.ailing()

    def instances_at(self, worker: str, service: str) -> list[str]:
        """Ids of the worker's instances of a service that are not draining, newest first."""
        found = [one for one in self._catalog.of_service(service).values() if one.worker == worker]
        found = [one for one in found if one.state is not State.DRAINING]
        return [one.id for one in sorted(found, key=lambda one: one.since, reverse=True)]

    def counted(self, instance: str) -> Counters | None:
        """What the instance has answered since its start, as last heard."""
        return self._workers.counters.get(instance)

    def known_contract(self, fingerprint: str) -> Contract | None:
        return self._catalog.contracts.get(fingerprint)

    def guard_starts(self, may_start: Callable[[Instance], bool]) -> None:
        """Ask before an instance is told to start; one that may not waits until ``look_again``."""
        self._workers.starting.may_start = may_start

    def look_again(self) -> None:
        """What the guard of starts says may have changed."""
        self._ledger.changed.set()

    async def try_out(self, service: str, release: str, share: float) -> None:
        """Give a release this share of the service's calls; 0 ends the trial."""
        await self._workers.try_out(service, release, share)

    def on_change(self, callback: Callable[[Change], None]) -> None:
        """Call for every change of an instance, in order, in the registry's loop; it must not block."""
        self._ledger.on_change.append(callback)

    def on_wanted(self, callback: Callable[[str, int], None]) -> None:
        """Call with service and number whenever somebody has asked for another number of instances."""
        self._ledger.on_wanted.append(callback)

    # -- for the health monitor in the same process --------------------------------------------------------------------

    def on_beat(self, callback: Callable[[str], None]) -> None:
        """Call with the id of every outside instance that says it is alive."""
        self._outsiders.on_beat.append(callback)

    def on_suspicion(self, callback: Callable[[Instance], None]) -> None:
        """Call for every outside instance that is to be looked at, because its silence may be somebody else's fault."""
        self._outsiders.on_suspicion.append(callback)

    async def probed(self, instance: str, alive: bool | None, evidence: str) -> None:
        """The answer to a suspicion; ``None``: it could not be found out."""
        await self._outsiders.probed(instance, alive, evidence)

    async def check_failed(self, instance: str, check: str, cause: Cause) -> None:
        """The check of this key has something against the instance."""
        await self._wellbeing.check_failed(instance, check, cause)

    async def check_passed(self, instance: str, check: str, cause: Cause) -> None:
        """The check of this key has nothing against the instance any more."""
        await self._wellbeing.check_passed(instance, check, cause)

    async def expel(self, instance: str, cause: Cause) -> None:
        """Remove an outside instance.

        Raises:
            Conflict: it is being declared anew at this moment.
        """
        await self._outsiders.expel(instance, cause)

    # -- behind the scenes ---------------------------------------------------------------------------------------------

    async def _restore(self, leaving: Mapping[str, Cause]) -> None:
        report = self.recovery
        level = logging.ERROR if report.lost else logging.INFO
        log.log(
            level,
            "registry.opened",
            extra={
                "store": report.store,
                "revision": report.revision,
                "entries": report.entries,
                "clean": report.clean,
                "faults": report.faults,
                "lost": report.lost,
                "aside": report.aside,
            },
        )
        await self._workers.restore(leaving)
        self._wellbeing.restore()
        self._outsiders.restore()
        if not report.fresh:
            ttls = [min(session.ttl, LONGEST_WAIT) for session in self._catalog.sessions.values()]
            self._resume_by = self._clock.now() + 2 * max(ttls, default=USUAL_LEASE)
        self._update_completeness()

    async def _respect(self, store: str, revision: int) -> None:
        """Never fall behind what a client has seen of this store."""
        if store not in ("", self._ledger.store.id) or revision <= self._catalog.revision:
            return
        if revision > self._catalog.revision + FARTHEST_JUMP:
            raise BadArguments(f"revision: {revision} cannot have come from this store; begin again from 0")
        log.warning("registry.jumped", extra={"revision": self._catalog.revision, "seen": revision})
        await self._ledger.store.jump_past(revision)

    async def _tick_forever(self) -> None:
        while True:
            await self._clock.sleep(PERIOD)
            await self._workers.leases.tick()
            await self._outsiders.tick()
            await self._ejections.tick()
            await self._wellbeing.tick()
            self._update_completeness()
            await self._sweep_contracts()

    async def _settle_forever(self) -> None:
        while True:
            await self._ledger.changed.wait()
            self._ledger.changed.clear()
            await self._wellbeing.settle()
            await self._workers.settle()

    def _update_completeness(self) -> None:
        # After a crash the journal may lack its last moments, and with them sessions that nobody knows of here.
        expecting = bool(self._workers.leases.unresumed) or not self.recovery.clean
        if expecting and self._clock.now() < self._resume_by:
            completeness = Completeness.PARTIAL
        elif self._workers.leases.doubtful or self._outsiders.leases.suspect:
            completeness = Completeness.SUSPECT
        else:
            completeness = Completeness.COMPLETE
        self._ledger.set_completeness(completeness)

    async def _sweep_contracts(self) -> None:
        if self._clock.now() >= self._next_sweep:
            self._next_sweep = self._clock.now() + SWEEP
            unused = self._catalog.unused_contracts()
            if unused:
                await self._ledger.tell(deletes=[Delete(records.CONTRACT + name) for name in unused])
