"""Carries out rollouts: keeps each decision on disk, then has the fleet follow it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import PlannedService
from homeport.clock import Clock
from homeport.config import Config, ServiceConfig
from homeport.contracts.api import Contract
from homeport.errors import Unavailable, UsageError
from homeport.model import Cause, Dependency, Instance
from homeport.node import progress
from homeport.node.api import RolloutStatus
from homeport.node.application import Edition, replicas, wish
from homeport.node.census import Census
from homeport.node.desired import SUPERVISOR, Wish, Worker
from homeport.node.guard import Guard
from homeport.node.observing import observe
from homeport.node.rollout import Aim, Rollout, Seen, Stage, Version, Watch, advance, aims, due, go_back, on_trial
from homeport.node.standing import Standing, StandingFile
from homeport.node.timing import event_or_due
from homeport.registry.api import Counters
from homeport.registry.records import DeclaredService
from homeport.registry.store.port import StoreFailure
from homeport.worker.settings import call_policy

log = logging.getLogger("homeport.node")

LOOK_EVERY = 0.5  # seconds between looks at what instances have answered
_KEEPABLE = ("deploy", "rollback")  # kinds after which there is something to go back to


class RolloutRunning(UsageError):
    """One rollout at a time."""


class Registry(Protocol):
    """What rollouts need of it."""

    def declare(self, services: list[DeclaredService]) -> None: ...
    def wanted(self) -> dict[str, int]: ...
    def counted(self, instance: str) -> Counters | None: ...
    def known_contract(self, fingerprint: str) -> Contract | None: ...
    def look_again(self) -> None: ...
    async def try_out(self, service: str, release: str, share: float) -> None: ...


class Workers(Protocol):
    """What rollouts need of the supervisor."""

    @property
    def wishes(self) -> Mapping[str, Wish]: ...
    @property
    def workers(self) -> Mapping[str, Worker]: ...

    def wish(self, wishes: Mapping[str, Wish]) -> None: ...


class Rolling:
    """Which version of each service runs, and the rollout that changes it.

    ``editions`` is shared with whoever starts workers.
    """

    def __init__(
        self,
        standing: Standing,
        kept: StandingFile,
        editions: dict[str, Edition],
        config: Config,
        registry: Registry,
        workers: Workers,
        census: Census,
        clock: Clock,
    ) -> None:
        self.standing, self._kept, self._editions, self._config = standing, kept, editions, config
        self._registry, self._workers, self._census, self._clock = registry, workers, census, clock
        self._watch = Watch(clock.now())
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self._moved = asyncio.Condition()
        self._declared: list[DeclaredService] = []
        self._shares: dict[tuple[str, str], float] = {}
        self._guard = Guard(workers, census, registry)
        self._stopped = False

    # -- what stands ---------------------------------------------------------------------------------------------------

    @property
    def edition(self) -> Edition:
        """The one in force."""
        return self._editions[self.standing.latest]

    @property
    def rollout(self) -> Rollout | None:
        """The one that runs, or the last."""
        return self.standing.rollout

    @property
    def going(self) -> Rollout | None:
        """The one that runs."""
        rollout = self.standing.rollout
        return rollout if rollout is not None and not rollout.over else None

    def edition_of(self, release: str) -> Edition:
        """One that is in force somewhere, or was before the last deploy."""
        return self._editions[release]

    def next_fence(self) -> int:
        """A token higher than any before, also of earlier node processes.

        Raises:
            OSError: it cannot be kept.
        """
        standing = msgspec.structs.replace(self.standing, fence=self.standing.fence + 1)
        self._kept.keep(standing)
        self.standing = standing
        return standing.fence

    def wanted(self, service: str) -> int:
        """How many instances of a service there should be, also of one that is only to come."""
        known = self._registry.wanted().get(service)
        if known is not None:
            return known
        rollout = self.rollout
        version = rollout.after.get(service) if rollout is not None else None
        planned = self._editions[version.release].plan.service(service) if version is not None else None
        return replicas(planned, self._config) if planned is not None else 0

    # -- changing it ---------------------------------------------------------------------------------------------------

    async def begin(self, rollout: Rollout, edition: Edition | None = None, source: str = "") -> None:
        """Start a rollout; one that is going back, or a reload, is overtaken by it.

        ``source`` is the release of the application's own source as it is now: a successor of this process that finds
        it unchanged goes on with what is decided here.

        Raises:
            RolloutRunning: another one is not over.
            StoreFailure: it could not be kept, and was not begun.
        """
        async with self._turn:
            busy = self.going
            if busy is not None and busy.stage is not Stage.RETURNING and busy.kind != "reload":
                raise RolloutRunning(
                    f"{busy.kind} {busy.id} is not over ({busy.stage}); see `homeport deploy status`, "
                    f"or end it with `homeport deploy rollback`"
                )
            standing = msgspec.structs.replace(
                self.standing,
                rollout=msgspec.structs.replace(rollout, started=self._clock.wall()),
                number=self.standing.number + 1,
                source=source or self.standing.source,
            )
            if edition is not None:
                self._editions[edition.release.id] = edition
                plans = {**standing.plans, edition.release.id: edition.plan}
                standing = msgspec.structs.replace(standing, plans=plans)
            self._guard.refused = None
            log.info(
                "rollout.started",
                extra={"rollout": rollout.id, "kind": rollout.kind, "actor": rollout.actor, "release": rollout.release},
            )
            await self._stand(standing, Watch(self._clock.now()))

    async def change(self, decide: Callable[[Rollout], Rollout]) -> None:
        """Have somebody decide on the rollout that runs.

        Raises:
            UsageError: none runs.
            StoreFailure: the decision could not be kept, and was not carried out.
        """
        async with self._turn:
            rollout = self.going
            if rollout is None:
                raise UsageError("no rollout runs; see `homeport deploy status`")
            decided = decide(rollout)
            if decided is not rollout:
                await self._stand(self._with(decided), self._fresh_watch(decided))

    async def settled(self, rollout: str) -> str:
        """Wait until the rollout is decided; why it failed, or empty. Another that overtook it counts as no failure."""

        def decided() -> bool:
            now = self.rollout
            return now is None or now.id != rollout or now.over or now.stage is Stage.RETURNING

        async with self._moved:
            await self._moved.wait_for(decided)
        return self.rollout.error if self.rollout is not None and self.rollout.id == rollout else ""

    def hear(self) -> None:
        """A worker or an instance has changed."""
        self._news.set()
        if self.going is not None:
            self._registry.look_again()

    def stop(self) -> None:
        """Change nothing any more: the node is ending. What is not over is taken up by the next process."""
        self._stopped = True

    async def run(self) -> None:
        """Move the rollout on whenever something has happened, until cancelled."""
        while True:
            self._news.clear()
            await self._look()
            await event_or_due(self._news, self._next_look(), self._clock)

    def _next_look(self) -> float | None:
        rollout, soon = self.going, self._clock.now() + LOOK_EVERY
        if rollout is None:
            return soon if any(self._shares.values()) else None
        moment = due(rollout, self._watch)
        return soon if moment is None else min(moment, soon) if moment > self._clock.now() else soon

    async def _look(self) -> None:
        async with self._turn:
            rollout = self.going
            if self._stopped:
                return
            await self._try_out()
            if rollout is None:
                return
            before = rollout
            if self._guard.refused is not None:
                rollout, self._guard.refused = go_back(rollout, *self._guard.refused), None
            rollout, watch = advance(rollout, self._watch, self.observe(rollout), self._clock.now())
            if rollout is before:
                return
            log.log(
                logging.WARNING if rollout.error else logging.INFO,
                "rollout.moved",
                extra={
                    "rollout": rollout.id,
                    "stage": rollout.stage.value,
                    "step": ", ".join(rollout.step.services) if rollout.step is not None else "",
                    "error": rollout.error,
                },
            )
            try:
                await self._stand(self._with(rollout), watch)
            except StoreFailure as error:
                log.error("rollout.not_kept", extra={"rollout": rollout.id, "error": str(error)})

    def observe(self, rollout: Rollout) -> dict[str, Seen]:
        wanted = {service: self.wanted(service) for step in rollout.steps for service in step.services}
        return observe(rollout, wanted, self._workers.workers, self._census, self._registry.counted)

    def _fresh_watch(self, rollout: Rollout) -> Watch:
        seen = self.observe(rollout)
        return Watch(self._clock.now(), {service: one.old_tally for service, one in seen.items()})

    def _with(self, rollout: Rollout) -> Standing:
        """What stands with the rollout as it is now; one that is done becomes what is in force."""
        standing = self.standing
        if rollout.over:
            rollout = msgspec.structs.replace(rollout, ended=self._clock.wall())
        if rollout.stage is not Stage.DONE:
            return msgspec.structs.replace(standing, rollout=rollout)
        left = {name: version for name, version in standing.versions.items() if name not in rollout.before}
        latest = rollout.release or standing.latest
        standing = msgspec.structs.replace(standing, rollout=rollout, versions={**left, **rollout.after}, latest=latest)
        if rollout.kind in _KEEPABLE:
            before = self.standing
            standing = msgspec.structs.replace(standing, previous=before.versions, previous_latest=before.latest)
        return standing

    async def _stand(self, standing: Standing, watch: Watch) -> None:
        """Keep, then carry out."""
        standing = msgspec.structs.replace(standing, fence=self.standing.fence)
        try:
            self._kept.keep(standing)
        except OSError as error:
            raise StoreFailure(f"the rollout cannot be kept on disk, and stays as it was: {error}") from error
        self.standing, self._watch = standing, watch
        self.apply()
        await self._try_out()
        self._news.set()
        async with self._moved:
            self._moved.notify_all()

    # -- carrying it out -----------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Have the fleet and the registry follow what stands."""
        if self._stopped:
            return
        aimed = self._aims({})
        declared = [self._declare(service, aim.version) for service, aim in sorted(aimed.items())]
        if declared != self._declared:
            self._declared = declared
            self._registry.declare(declared)
        wanted, aimed = self._registry.wanted(), self._aims(self._registry.wanted())
        replaced = self._why_replaced()
        self._workers.wish(
            {
                service: wish(self._planned(service, aim.version), aim, wanted.get(service, 0), replaced.get(service))
                for service, aim in sorted(aimed.items())
            }
        )

    def _aims(self, wanted: Mapping[str, int]) -> dict[str, Aim]:
        rollout = self.going
        standing = {service: Aim(version=version) for service, version in self.standing.versions.items()}
        if rollout is None:
            return standing
        concerned = {*rollout.before, *rollout.after}
        return {name: aim for name, aim in standing.items() if name not in concerned} | aims(rollout, wanted)

    def _why_replaced(self) -> dict[str, Cause]:
        rollout = self.going
        if rollout is None:
            return {}
        back = rollout.stage is Stage.RETURNING
        found = {}
        for service in {*rollout.before, *rollout.after}:
            old, new = rollout.before.get(service), rollout.after.get(service)
            evidence = f"{rollout.id}: release {old.release} → {new.release}" if old and new else rollout.id
            if old and new and old.release == new.release:
                evidence = f"{rollout.id} of release {new.release}"
            if back:
                evidence = f"{rollout.id}: {rollout.error.splitlines()[0] if rollout.error else ''}"
            what, actor = ("rolled back", SUPERVISOR) if back else ("replaced", rollout.actor)
            found[service] = Cause(what=what, actor=actor, evidence=evidence)
        return found

    def _planned(self, service: str, version: Version) -> PlannedService:
        planned = self._editions[version.release].plan.service(service)
        if planned is None:
            raise LookupError(f"release {version.release} has no service {service!r}")
        return planned

    def _declare(self, service: str, version: Version) -> DeclaredService:
        planned = self._planned(service, version)
        return DeclaredService(
            name=service,
            replicas=replicas(planned, self._config),
            requires=tuple(Dependency(service=d.service, optional=d.optional) for d in planned.dependencies),
            singleton=planned.singleton,
            public=planned.public,
            location=f"{planned.location.path}:{planned.location.line}",
            policy=call_policy(self._config.services.get(service, ServiceConfig())),
        )

    async def _try_out(self) -> None:
        """Give the releases on trial their share of the calls, and take it from those that are no longer."""
        rollout = self.going
        shares: dict[tuple[str, str], float] = {}
        if rollout is not None and rollout.trial:
            for step in (step for step in rollout.steps if on_trial(rollout, step)):
                for service in step.services:
                    if service in rollout.before and service in rollout.after:
                        shares[service, rollout.after[service].release] = rollout.pace.share
        for service, release in {*self._shares, *shares}:
            share = shares.get((service, release), 0.0)
            if self._shares.get((service, release), 0.0) == share:
                continue
            try:
                await self._registry.try_out(service, release, share)
            except Unavailable as error:  # the next look tries again
                log.warning("rollout.share_not_set", extra={"service": service, "error": str(error)})
            else:
                self._shares[service, release] = share

    # -- telling -------------------------------------------------------------------------------------------------------

    def status(self) -> RolloutStatus | None:
        """The rollout that runs, or the last one."""
        rollout = self.rollout
        if rollout is None:
            return None
        return progress.status(rollout, self._watch, self.observe(rollout), self._clock.now())

    def elsewhere(self) -> tuple[Finding, ...]:
        """That what runs is not what the source says, if that is so."""
        standing = self.standing
        if self.going is not None or standing.latest == standing.source:
            return ()
        message = f"release {standing.latest} runs, as was decided by a deploy, and not this source as it is now"
        place = self._editions[standing.latest].plan.root
        hint = "`homeport deploy` runs this source"
        return (Finding(severity="warning", path=place, line=0, column=0, code="HP720", message=message, hint=hint),)

    def may_start(self, instance: Instance) -> bool:
        """Asked about every instance that has registered, before its ``startup()``."""
        allowed = self._guard.may_start(instance, self.going)
        if self._guard.refused is not None:
            self._news.set()
        return allowed
