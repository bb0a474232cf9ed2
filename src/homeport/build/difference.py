"""What changed between two states of an application, and who would notice: services, contracts, needs, options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from homeport.build.generator.registry_rows import ServiceRow
from homeport.build.plan import PlannedService
from homeport.contracts.compatibility import compare


class ServiceChange(msgspec.Struct, frozen=True, kw_only=True):
    """One difference, for people."""

    service: str
    method: str = ""  # "" for the service as a whole
    breaking: bool = False  # callers of the old state may fail against the new one
    what: str
    fix: str = ""  # what to do about it, if breaking


_OPTIONS = ("version", "replicas", "isolated", "singleton")


def difference(old: Mapping[str, ServiceRow], new: Mapping[str, ServiceRow]) -> list[ServiceChange]:
    """All differences that matter, in order of service; within each, breaking ones first.

    Where a contract is not known on both sides, methods are not compared.
    """
    changes: list[ServiceChange] = []
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            fix = f"keep {name!r} until `homeport ps` shows nobody who calls it, or serve the old name as well"
            changes.append(ServiceChange(service=name, breaking=True, what="the service was removed", fix=fix))
        elif name not in old:
            changes.append(ServiceChange(service=name, what="the service was added"))
        else:
            changes.extend(sorted(_of_service(old[name], new[name]), key=lambda change: not change.breaking))
    return changes


def _of_service(old: ServiceRow, new: ServiceRow) -> Iterator[ServiceChange]:
    yield from _of_contract(old, new)
    yield from _of_options(old.service, new.service)
    yield from _of_dependencies(old.service, new.service)


def _of_contract(old: ServiceRow, new: ServiceRow) -> Iterator[ServiceChange]:
    name = new.service.name
    if old.service.kind != new.service.kind:
        kinds = {"class": "a class with methods", "asgi": "an ASGI app"}
        what = f"the service is now {kinds[new.service.kind]}, not {kinds[old.service.kind]}"
        yield ServiceChange(service=name, breaking=True, what=what, fix="give the new form a name of its own")
    elif old.contract is not None and new.contract is not None:
        for change in compare(old.contract, new.contract):
            yield ServiceChange(
                service=name, method=change.method, breaking=change.breaking, what=change.what, fix=change.fix
            )


def _of_options(old: PlannedService, new: PlannedService) -> Iterator[ServiceChange]:
    if old.public and not new.public:
        what = "the service is no longer public, so that nobody beyond this machine may call it"
        yield ServiceChange(service=new.name, breaking=True, what=what, fix="keep public=True, or tell who calls it")
    elif new.public and not old.public:
        yield ServiceChange(service=new.name, what="the service is now public")
    for option in _OPTIONS:
        before, after = getattr(old, option), getattr(new, option)
        if before != after:
            yield ServiceChange(service=new.name, what=f"{option} is {after!r}, and was {before!r}")


def _of_dependencies(old: PlannedService, new: PlannedService) -> Iterator[ServiceChange]:
    before, after = _required(old), _required(new)
    for callee in sorted(before.keys() | after.keys()):
        if callee not in before:
            needs = "now calls" if after[callee] else "now calls, where it is there,"
            yield ServiceChange(service=new.name, what=f"it {needs} {callee!r}")
        elif callee not in after:
            yield ServiceChange(service=new.name, what=f"it no longer calls {callee!r}")
        elif before[callee] != after[callee]:
            what = f"it now {'cannot' if after[callee] else 'can'} do without {callee!r}"
            yield ServiceChange(service=new.name, what=what)


def _required(service: PlannedService) -> dict[str, bool]:
    """By the service called: whether it is needed at the start."""
    required: dict[str, bool] = {}
    for dependency in service.dependencies:
        required[dependency.service] = required.get(dependency.service, False) or not dependency.optional
    return required
