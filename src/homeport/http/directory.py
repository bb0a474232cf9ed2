"""What the front knows of all services: its own copy of the catalog, and the contract that each service has now."""

from __future__ import annotations

from homeport.contracts.api import Contract
from homeport.discovery.view import View
from homeport.model import Completeness, Instance
from homeport.registry.api import ServiceAnswer, WatchItem


class Directory:
    """Folds a watch of all services, in order; it outlives the registry's absence.

    A service that has no instance just now keeps the contract it had: it is described on, and its streams stay streams.
    """

    def __init__(self) -> None:
        self.completeness = Completeness.PARTIAL
        self.following = False  # whether the watch runs now
        self._view = View()
        self._known: set[str] = set()
        self._contracts: dict[str, Contract] = {}  # by service

    @property
    def revision(self) -> int:
        return self._view.revision

    @property
    def store(self) -> str:
        return self._view.store

    def fold(self, item: WatchItem) -> None:
        """Take in what the registry told."""
        changed = self._view.fold(item)
        self.completeness = item.completeness
        self._known |= {change.service for change in item.changes}
        self._known |= {answer.service for answer in item.snapshot or () if answer.known}
        if item.snapshot is not None and item.completeness is Completeness.COMPLETE:
            changed |= self._drop_all_but({answer.service for answer in item.snapshot})
        for answer in item.snapshot or ():
            for contract in answer.contracts:
                self.learn(contract)
        for service in changed:
            self._refresh(service)

    def learn(self, contract: Contract) -> None:
        """Keep the contract of a service whose instances do not name one here."""
        self._contracts.setdefault(contract.service, contract)

    def contract(self, service: str) -> Contract | None:
        """The contract of the service's ready instances, else of those that come, else its last."""
        return self._contracts.get(service)

    def contracts(self) -> list[Contract]:
        """One for each service that has one, in order of name."""
        return [contract for _, contract in sorted(self._contracts.items())]

    def names(self) -> list[str]:
        """The services that somebody has declared or registered."""
        return sorted(self._known)

    def knows(self, service: str) -> bool:
        return service in self._known

    def instance(self, id: str) -> Instance | None:
        views = map(self._view.service, self._view.names())
        return next((view.instances[id] for view in views if id in view.instances), None)

    def instances(self, service: str = "") -> list[Instance]:
        """Of one service, or of all; in order of service and id."""
        services = (service,) if service else sorted(self._view.names())
        known = set(self._view.names())
        found = (self._view.service(name).instances for name in services if name in known)
        return [instance for members in found for _, instance in sorted(members.items())]

    def _refresh(self, service: str) -> None:
        newest = next(iter(self._view.contracts_of(service)), None)
        if newest is not None:
            self._contracts[service] = newest

    def _drop_all_but(self, present: set[str]) -> set[str]:
        """A complete snapshot of all services is also complete in what it lacks."""
        absent = set(self._view.names()) - present
        for name in absent:
            self._view.answer(ServiceAnswer(service=name, revision=self._view.revision, instances=(), known=False))
            self._contracts.pop(name, None)
        self._known &= present
        return absent
