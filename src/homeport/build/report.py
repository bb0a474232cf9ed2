"""What each service costs: time and memory of its imports, size of its code, and which files no service reaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import msgspec

from homeport.build.plan import Plan
from homeport.build.reflection import Reflection
from homeport.build.verify import files_read

SLOW = 0.5  # seconds that importing a service may take before it is worth a word


class ServiceCost(msgspec.Struct, frozen=True, kw_only=True):
    """One service, as if a worker hosted it alone."""

    name: str
    import_seconds: float
    import_kilobytes: int
    modules: int  # of the application
    size_bytes: int  # of their source
    libraries: tuple[str, ...]
    slowest: tuple[tuple[str, float], ...]  # modules that took longest themselves, and their seconds
    fault: str = ""  # why it could not be imported; then nothing else is known


class SharedModule(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the application that several services import: a change of it replaces all of them."""

    path: str
    services: int


class BuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole application."""

    services: tuple[ServiceCost, ...]  # dearest first
    shared: tuple[SharedModule, ...]  # most shared first
    unreached: tuple[str, ...]  # files that were looked through, and that no service imports

    @property
    def slow(self) -> tuple[ServiceCost, ...]:
        return tuple(cost for cost in self.services if cost.import_seconds >= SLOW)


def report(plan: Plan, reflection: Reflection) -> BuildReport:
    """What the reflection has measured, for people."""
    files = {path.relative_to(plan.root).as_posix() for path in files_read(plan)}
    costs = [_cost(plan, reflection, service.name, service.files) for service in plan.services]
    counted = Counter(path for service in plan.services for path in set(service.files))
    shared = [SharedModule(path=path, services=count) for path, count in counted.items() if count > 1]
    return BuildReport(
        services=tuple(sorted(costs, key=lambda cost: (-cost.import_seconds, cost.name))),
        shared=tuple(sorted(shared, key=lambda one: (-one.services, one.path))),
        unreached=tuple(sorted(files - counted.keys())),
    )


def _cost(plan: Plan, reflection: Reflection, name: str, files: Collection[str]) -> ServiceCost:
    seen = reflection.services[name]
    return ServiceCost(
        name=name,
        import_seconds=round(seen.import_seconds, 6),
        import_kilobytes=seen.import_kilobytes,
        modules=len(files),
        size_bytes=sum(Path(plan.root, path).stat().st_size for path in files),
        libraries=seen.libraries,
        slowest=tuple((module, round(seconds, 6)) for module, seconds in seen.slowest),
        fault=seen.fault,
    )
