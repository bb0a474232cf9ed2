"""Dependencies on services that the application does not have."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from homeport.build.analyzer.checks.report import finding, maybe_meant
from homeport.build.analyzer.linked import LinkedApplication, LinkedService
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import PlannedDependency
from homeport.errors import near_names

_ALIKE = 0.8  # how much of two names must be the same for one to be taken for the other


def unknown_services(application: LinkedApplication) -> Iterator[Finding]:
    """HP201 and HP203: a dependency that is neither here nor optional."""
    known = application.services
    for service in known.values():
        for dependency in service.planned.dependencies:
            missing = dependency.location is None and dependency.service not in known
            if missing and not dependency.optional:
                yield _unknown(service, dependency, [name for name in known if name != service.name])


def _unknown(service: LinkedService, dependency: PlannedDependency, others: list[str]) -> Finding:
    site, name = service.sites[dependency.attribute], dependency.service
    near = near_names(name, others)
    alike = get_close_matches(name, others, n=3, cutoff=_ALIKE)
    if len(alike) > 1:
        message = f"service {service.name!r} calls {name!r}, which may stand for {' or '.join(map(repr, alike))}"
        hint = f"write the exact name, or declare it: `{dependency.attribute} = dependency({near[0]!r})`"
        return finding("HP203", site.path, site, message, hint)
    message = f"service {service.name!r} calls {name!r}, which is not in this application"
    elsewhere = "it may also be registered from outside"
    hint = f"{maybe_meant(near)} {elsewhere.capitalize()}" if near else elsewhere
    return finding("HP201", site.path, site, message, hint)
