"""Dependencies on services that the application does not have."""

from __future__ import annotations

from collections.abc import Iterator

from homeport.build.analyzer.linked import LinkedApplication, LinkedService
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import PlannedDependency
from homeport.errors import near_names


def unknown_services(application: LinkedApplication) -> Iterator[Finding]:
    """HP201: a dependency that is neither here nor optional."""
    known = application.services
    for service in known.values():
        for dependency in service.planned.dependencies:
            missing = dependency.location is None and dependency.service not in known
            if missing and not dependency.optional:
                yield _unknown(service, dependency, [name for name in known if name != service.name])


def _unknown(service: LinkedService, dependency: PlannedDependency, others: list[str]) -> Finding:
    site = service.sites[dependency.attribute]
    near = near_names(dependency.service, others)
    guess = f"did you mean {' or '.join(repr(name) for name in near)}? " if near else ""
    return Finding(
        severity="warning",
        path=site.path,
        line=site.line,
        column=site.column,
        end_line=site.end_line,
        end_column=site.end_column,
        code="HP201",
        message=f"service {service.name!r} calls {dependency.service!r}, which is not in this application",
        hint=f"{guess}it may also be registered from outside",
    )
