"""Discovery at work in the registry: looks dependencies up, and lets instances start that need not wait any longer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

import msgspec

from homeport.discovery.readiness import Readiness, Start
from homeport.discovery.resolve import Resolution, resolve
from homeport.model import Dependency, Instance
from homeport.registry.ledger import Ledger
from homeport.registry.records import DeclaredService

log = logging.getLogger("homeport.discovery")


class Starting:
    """Knows what every service depends on, declared or registered."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._catalog = ledger, ledger.catalog
        self._readiness = Readiness()
        self.may_start: Callable[[Instance], bool] = lambda _: True  # asked before a waiting instance is started

    def declare(self, services: Sequence[DeclaredService]) -> None:
        names = {*self._catalog.declared, *(service.name for service in services)}
        self._catalog.declare(services)
        self.depend(names)
        self._ledger.changed.set()

    def depend(self, services: Iterable[str]) -> None:
        """What these services depend on may have changed."""
        for service in services:
            declared = self._catalog.declared.get(service)
            requires = [*(declared.requires if declared else ())]
            for instance in self._catalog.of_service(service).values():
                requires.extend(instance.requires)
            self._readiness.depend(service, {one.service for one in requires if not one.optional})

    def forget(self, instance: str) -> None:
        """It is gone, or begins anew."""
        self._readiness.forget(instance)

    def discover(self, requires: Sequence[Dependency]) -> None:
        """Look dependencies up, step for step, for those who read along."""
        log.debug("discovery.discover", extra={"dependencies": sorted({one.service for one in requires})})
        resolution = self.resolve(requires)
        for answer in resolution.answers:
            found = [instance.id for instance in answer.instances]
            log.debug("discovery.query", extra={"service": answer.service, "found": found})
        log.debug("discovery.answer", extra={"missing": resolution.missing, "near": resolution.near})

    def resolve(self, requires: Sequence[Dependency]) -> Resolution:
        return resolve(requires, self._catalog)

    def settle(self) -> tuple[list[Instance], list[Instance]]:
        """Instances that may start, and those to be written because they wait for others than before."""
        waiting = [self._catalog.instances[name] for name in sorted(self._catalog.waiting)]
        starts: list[Instance] = []
        moved: list[Instance] = []
        for effect in self._readiness.settle([one for one in waiting if self.may_start(one)], self._catalog):
            instance = self._catalog.instances[effect.instance]
            if isinstance(effect, Start):
                log.debug("discovery.ready", extra={"instance": instance.id, "service": instance.service})
                starts.append(instance)
            else:
                moved.append(self._now_waiting(instance, effect.services))
        return starts, moved

    def _now_waiting(self, instance: Instance, services: tuple[str, ...]) -> Instance:
        if services:
            log.debug("discovery.waiting", extra={"instance": instance.id, "waiting_for": services})
        what = "waiting for dependencies" if services else "dependencies ready"
        evidence = ", ".join(services or instance.waiting_for)
        return msgspec.structs.replace(
            instance, waiting_for=services, cause=self._ledger.cause(what, "discovery", evidence)
        )
