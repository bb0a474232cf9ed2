"""What a process knows of the services it calls: folded from the registry's watch, never emptied by mistake."""

from __future__ import annotations

from collections.abc import Iterable

from homeport.balancing.policy import Policy
from homeport.contracts.api import Contract
from homeport.model import Completeness, Instance, State
from homeport.registry.api import ServiceAnswer, WatchItem


class ServiceView:
    """The instances of one service as last heard."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.known = False  # whether anybody has declared or registered the name
        self.revision = 0
        self.completeness = Completeness.PARTIAL
        self.instances: dict[str, Instance] = {}
        self.wanted: int | None = None  # instances there should be, when last asked; None: outside programs decide
        self.policy: Policy | None = None  # what the settings say of calls to it; None: nothing, or not yet known

    def ready(self) -> list[Instance]:
        return [instance for instance in self.instances.values() if instance.state is State.READY]

    def coming(self) -> bool:
        """Whether an instance is on its way to being ready."""
        return any(
            instance.state in (State.STARTING, State.WAITING, State.UNHEALTHY) for instance in self.instances.values()
        )


class View:
    """All services a process has asked about, at one revision of one store.

    A snapshot that says it may lack instances (``partial``, ``suspect``) adds and updates but removes nothing; only a
    complete one, or a change with a cause, removes.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.store = ""
        self.contracts: dict[str, Contract] = {}
        self._services: dict[str, ServiceView] = {}

    def service(self, name: str) -> ServiceView:
        view = self._services.get(name)
        if view is None:
            view = self._services[name] = ServiceView(name)
        return view

    def names(self) -> tuple[str, ...]:
        return tuple(self._services)

    def answer(self, answer: ServiceAnswer) -> bool:
        """Take in what the registry says of one service; whether its instances changed."""
        view = self.service(answer.service)
        for contract in answer.contracts:
            self.contracts[contract.fingerprint] = contract
        fresh = {instance.id: instance for instance in answer.instances}
        if answer.completeness is not Completeness.COMPLETE:
            fresh = {**view.instances, **fresh}
        changed = fresh != view.instances or answer.policy not in (None, view.policy)
        view.instances = fresh
        view.known = view.known or answer.known
        view.wanted = answer.wanted
        if answer.policy is not None:
            view.policy = answer.policy
        view.completeness = answer.completeness
        view.revision = answer.revision
        return changed

    def fold(self, item: WatchItem) -> set[str]:
        """Take in one item of a watch; the names of the services whose instances changed."""
        changed: set[str] = set()
        for contract in item.contracts:
            self.contracts[contract.fingerprint] = contract
        for answer in item.snapshot or ():
            if self.answer(answer):
                changed.add(answer.service)
        for change in item.changes:
            view = self.service(change.service)
            view.known = True
            view.revision = change.revision
            if change.instance is None:
                view.instances.pop(change.instance_id, None)
            else:
                view.instances[change.instance_id] = change.instance
            changed.add(change.service)
        self.revision, self.store = item.revision, item.store
        return changed

    def contracts_of(self, service: str) -> Iterable[Contract]:
        """The contracts its instances have, those of ready ones first."""
        instances = sorted(self.service(service).instances.values(), key=lambda one: one.state is not State.READY)
        seen: set[str] = set()
        for instance in instances:
            contract = self.contracts.get(instance.contract)
            if contract is not None and contract.fingerprint not in seen:
                seen.add(contract.fingerprint)
                yield contract
