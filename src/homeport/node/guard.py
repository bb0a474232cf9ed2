"""Says which instances may start: no second singleton, and none whose contract callers would notice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from homeport.contracts.api import Contract
from homeport.contracts.compatibility import compare
from homeport.model import Instance
from homeport.node.census import Census
from homeport.node.desired import Phase, Wish, Worker
from homeport.node.observing import version_of
from homeport.node.rollout import Rollout, Version


class Workers(Protocol):
    """The supervisor, as far as it is looked at here."""

    @property
    def wishes(self) -> Mapping[str, Wish]: ...
    @property
    def workers(self) -> Mapping[str, Worker]: ...


class Contracts(Protocol):
    """The registry, as far as it is asked here."""

    def known_contract(self, fingerprint: str) -> Contract | None: ...


class Guard:
    """Asked about every instance that has registered, before its ``startup()``."""

    def __init__(self, workers: Workers, census: Census, registry: Contracts) -> None:
        self._workers, self._census, self._registry = workers, census, registry
        self._approved: set[tuple[str, str, str]] = set()  # (service, old contract, new contract)
        self.refused: tuple[str, tuple[str, ...]] | None = None  # why, and the differences; until it is taken up

    def may_start(self, instance: Instance, going: Rollout | None) -> bool:
        """Not while another process has the singleton; never, unless that was asked for, with a contract
        that callers of the present one would notice."""
        worker = self._workers.workers.get(instance.worker)
        wished = self._workers.wishes.get(instance.service)
        if worker is None or wished is None:
            return True  # attached to a terminal, or on its way out
        version = version_of(worker)
        if version != Version(wished.release, wished.round):
            return True
        if going is not None and _is_checked(going, instance.service, version) and not self._fits(instance, version):
            return False
        return not (wished.singleton and self._has_others(instance.service, worker))

    def _has_others(self, service: str, than: Worker) -> bool:
        """Whether another process still has the service: of another version, or on its way out."""
        return any(
            worker.services.get(service)
            and worker is not than
            and (version_of(worker) != version_of(than) or worker.phase is Phase.DRAINING)
            for worker in self._workers.workers.values()
        )

    def _fits(self, instance: Instance, version: Version) -> bool:
        service = instance.service
        old, new = self._present(service, version), self._registry.known_contract(instance.contract)
        if old is None or new is None or (service, old.fingerprint, new.fingerprint) in self._approved:
            return True
        differences = [change for change in compare(old, new) if change.breaking]
        if not differences:
            self._approved.add((service, old.fingerprint, new.fingerprint))
            return True
        told = tuple(f"{service}: {one.what}" + (f" ({one.fix})" if one.fix else "") for one in differences)
        self.refused = (f"{service}: callers of its present contract would notice: {differences[0].what}", told)
        return False

    def _present(self, service: str, version: Version) -> Contract | None:
        """The contract that instances of other versions have."""
        for instance in self._census.of(service):
            worker = self._workers.workers.get(instance.worker)
            if worker is not None and version_of(worker) != version and instance.contract:
                found = self._registry.known_contract(instance.contract)
                if found is not None:
                    return found
        return None


def _is_checked(rollout: Rollout, service: str, version: Version) -> bool:
    """Only new code can have a new contract, and going back must always be possible."""
    return rollout.kind == "deploy" and not rollout.force and rollout.after.get(service) == version
