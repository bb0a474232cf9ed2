"""All instances, contracts and wanted numbers, folded from the store's changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from homeport.contracts.api import Contract
from homeport.errors import near_names
from homeport.model import Cause, Change, Completeness, Instance, State
from homeport.registry import records
from homeport.registry.api import ServiceAnswer
from homeport.registry.records import DeclaredService, OutsideRecord, SessionRecord, WantedRecord
from homeport.registry.store.port import Entry, KeyChange
from homeport.registry.story import StoryBook

_UNEXPLAINED = Cause(what="removed", actor="registry", evidence="the store gave no cause")
_NO_INSTANCES: dict[str, Instance] = {}


class WantedChange(msgspec.Struct, frozen=True):
    """Somebody asked for another number of instances."""

    revision: int
    service: str
    replicas: int
    cause: Cause


class Catalog:
    """The registry's picture of the world at one revision.

    An instance leaves it only by a deletion in the store, and never without an entry in the story.
    """

    def __init__(self, story: StoryBook | None = None) -> None:
        self.story = story or StoryBook()
        self.completeness = Completeness.COMPLETE
        self.declared: dict[str, DeclaredService] = {}
        self._clear()

    def _clear(self) -> None:
        self.revision = 0
        self.instances: dict[str, Instance] = {}
        self.waiting: set[str] = set()  # ids of the instances in that state
        self.sessions: dict[str, SessionRecord] = {}
        self.contracts: dict[str, Contract] = {}
        self.losing: set[str] = set()  # services that lost an instance unasked and are not whole again
        self.suspects: dict[str, Cause] = {}  # instances that are silent, though perhaps by no fault of theirs
        self._by_service: dict[str, dict[str, Instance]] = {}
        self._by_session: dict[str, set[str]] = {}
        self._ttls: dict[str, float | None] = {}
        self._asked: dict[str, WantedRecord] = {}
        self._latest_contract: dict[str, str] = {}

    # -- folding -------------------------------------------------------------------------------------------------------

    def load(self, entries: Iterable[Entry], revision: int) -> None:
        """Take over all that the store holds; what was there before is replaced, the story and declarations stay."""
        self._clear()
        for entry in sorted(entries, key=lambda entry: entry.revision):
            self._take(KeyChange(entry.revision, entry.key, entry.value), restored=True)
        self.revision = revision

    def fold(self, change: KeyChange) -> Change | WantedChange | None:
        """Take in one change of the store; what it means, if others want to know of it."""
        self.revision = change.revision
        return self._take(change)

    def declare(self, services: Sequence[DeclaredService]) -> None:
        """These are the application's services; those declared before are no longer."""
        self.declared = {service.name: service for service in services}

    def suspect(self, instance: Instance, cause: Cause) -> None:
        """Say that an instance is doubted. It stays as it is, and no watcher is woken for a mere doubt."""
        self.suspects[instance.id] = cause
        self.story.remark(self.revision, instance, "suspect", cause)

    def trust(self, instance: Instance, cause: Cause) -> None:
        """It is doubted no more."""
        if self.suspects.pop(instance.id, None) is not None:
            self.story.remark(self.revision, instance, "no longer suspect", cause)

    def shown(self, instance: Instance) -> Instance:
        """An instance for people to look at: of one that is doubted, the doubt."""
        doubt = self.suspects.get(instance.id)
        return msgspec.structs.replace(instance, cause=doubt) if doubt is not None else instance

    def _take(self, change: KeyChange, restored: bool = False) -> Change | WantedChange | None:
        kind, _, name = change.key.partition("/")
        match f"{kind}/":
            case records.INSTANCE | records.OUTSIDE:
                return self._take_instance(change, name, restored)
            case records.WANTED:
                return self._take_wanted(change, name, restored)
            case records.SESSION if change.value is None:
                self.sessions.pop(name, None)
            case records.SESSION:
                self.sessions[name] = records.decode_session(change.value or b"")
            case records.CONTRACT:
                self._take_contract(name, change.value)
            case _:
                pass  # of a later version; kept in the store, not understood here
        return None

    def _take_instance(self, change: KeyChange, name: str, restored: bool) -> Change | None:
        before = self.instances.get(name)
        after = self._decoded(change, name)
        if after is not None:
            service, cause = after.service, after.cause or _UNEXPLAINED
            self._replace(before, after)
        elif before is not None:
            service, cause = before.service, records.decode_cause(change.note) if change.note else _UNEXPLAINED
            self._remove(before)
            if before.state is not State.DRAINING:
                self.losing.add(service)
        else:
            return None
        told = Change(revision=change.revision, service=service, instance_id=name, instance=after, cause=cause)
        if not restored or not self.story.of_instance(name):
            self.story.tell(told, before)
        self._note_wholeness(service)
        return told

    def _decoded(self, change: KeyChange, name: str) -> Instance | None:
        if change.value is None:
            self._ttls.pop(name, None)
            return None
        if change.key.startswith(records.OUTSIDE):
            record = records.decode_outside(change.value)
            self._ttls[name] = record.ttl
            instance = record.instance
        else:
            instance = records.decode_instance(change.value)
        return msgspec.structs.replace(instance, revision=change.revision)

    def _replace(self, before: Instance | None, after: Instance) -> None:
        if before is not None and (before.service, before.session) != (after.service, after.session):
            self._remove(before)
        if before is None or before.state is not after.state:
            self.suspects.pop(after.id, None)
        self.instances[after.id] = after
        self._by_service.setdefault(after.service, {})[after.id] = after
        if after.session:
            self._by_session.setdefault(after.session, set()).add(after.id)
        if after.state is State.WAITING:
            self.waiting.add(after.id)
        else:
            self.waiting.discard(after.id)

    def _remove(self, instance: Instance) -> None:
        del self.instances[instance.id]
        del self._by_service[instance.service][instance.id]
        self.waiting.discard(instance.id)
        self.suspects.pop(instance.id, None)
        if instance.session:
            mates = self._by_session[instance.session]
            mates.discard(instance.id)
            if not mates:
                del self._by_session[instance.session]

    def _take_contract(self, fingerprint: str, value: bytes | None) -> None:
        if value is None:
            self.contracts.pop(fingerprint, None)
            return
        contract = records.decode_contract(value)
        self.contracts[fingerprint] = contract
        self._latest_contract[contract.service] = fingerprint

    def _take_wanted(self, change: KeyChange, service: str, restored: bool) -> WantedChange | None:
        if change.value is None:
            self._asked.pop(service, None)
            return None
        record = self._asked[service] = records.decode_wanted(change.value)
        if not restored or not self.story.of_service(service):
            self.story.tell_service(change.revision, service, f"scaled to {record.replicas}", record.cause)
        self._note_wholeness(service)
        return WantedChange(change.revision, service, record.replicas, record.cause)

    def _note_wholeness(self, service: str) -> None:
        if service in self.losing and self.ready(service) >= (self.wanted(service) or 1):
            self.losing.discard(service)

    # -- asking --------------------------------------------------------------------------------------------------------

    def of_service(self, service: str) -> Mapping[str, Instance]:
        return self._by_service.get(service, _NO_INSTANCES)

    def of_session(self, session: str) -> list[Instance]:
        return [self.instances[name] for name in sorted(self._by_session.get(session, ()))]

    def of_worker(self, worker: str) -> list[SessionRecord]:
        """The sessions of a worker of this name, the latest last."""
        return sorted((one for one in self.sessions.values() if one.worker == worker), key=lambda one: one.opened)

    def outside(self, instance: str) -> OutsideRecord | None:
        found = self.instances.get(instance)
        if found is None or not found.outside:
            return None
        return OutsideRecord(instance=found, ttl=self._ttls.get(instance))

    def outside_leases(self) -> Iterator[tuple[str, float]]:
        """Every outside instance that must be kept alive, and its time to live in seconds."""
        return ((name, ttl) for name, ttl in self._ttls.items() if ttl is not None)

    def services(self) -> list[str]:
        """Every name that was declared or ever registered here, in order."""
        return sorted({*self.declared, *self._by_service})

    def known(self, service: str) -> bool:
        return service in self.declared or service in self._by_service

    def near(self, name: str) -> tuple[str, ...]:
        """Names it may have meant."""
        return tuple(near_names(name, self.services()))

    def ready(self, service: str) -> int:
        return sum(instance.state is State.READY for instance in self.of_service(service).values())

    def available(self, service: str) -> bool:
        """Whether a call to it could be answered: an instance is ready, or it is idle on purpose."""
        return self.idle(service) or any(one.state is State.READY for one in self.of_service(service).values())

    def wanted(self, service: str) -> int | None:
        """How many instances there should be; None when the application does not have the service."""
        declared = self.declared.get(service)
        if declared is None:
            return None
        asked = self._asked.get(service)
        return asked.replicas if asked else declared.replicas

    def idle(self, service: str) -> bool:
        """Whether it is scaled to zero on purpose."""
        return self.wanted(service) == 0

    def contract_of(self, service: str) -> Contract | None:
        """The contract its ready instances have, else the last it had."""
        instances = sorted(self.of_service(service).values(), key=lambda one: one.revision, reverse=True)
        for instance in sorted(instances, key=lambda one: one.state is not State.READY):
            if instance.contract in self.contracts:
                return self.contracts[instance.contract]
        return self.contracts.get(self._latest_contract.get(service, ""))

    def unused_contracts(self) -> list[str]:
        """Fingerprints that no instance has and that are not the last their service had."""
        used = {instance.contract for instance in self.instances.values()}
        return [
            name
            for name, contract in self.contracts.items()
            if name not in used and self._latest_contract.get(contract.service) != name
        ]

    def answer(self, service: str) -> ServiceAnswer:
        """The instances of a service, oldest first, with their contracts."""
        instances = tuple(self.of_service(service).values())
        return ServiceAnswer(
            service=service,
            revision=self.revision,
            instances=instances,
            completeness=self.completeness,
            known=self.known(service),
            contracts=self.contracts_for(instances),
            policy=declared.policy if (declared := self.declared.get(service)) else None,
            wanted=self.wanted(service),
        )

    def contracts_for(self, instances: Iterable[Instance]) -> tuple[Contract, ...]:
        fingerprints = dict.fromkeys(instance.contract for instance in instances)
        return tuple(self.contracts[name] for name in fingerprints if name in self.contracts)
