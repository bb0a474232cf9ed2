"""What the graph of services shows: circles, and services that nobody calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homeport.build.analyzer.checks.report import finding
from homeport.build.analyzer.linked import LinkedApplication, LinkedService
from homeport.build.diagnostics.finding import Finding
from homeport.build.scanner.calls import Place
from homeport.graphs import cycles


def dependency_cycles(application: LinkedApplication) -> Iterator[Finding]:
    """HP302: one way round each circle, where its first service calls the second."""
    edges = _edges(application)
    for names in cycles(edges):
        first, second = application.services[names[0]], names[1] if len(names) > 1 else names[0]
        dependency = next(one for one in first.planned.dependencies if one.service == second)
        site = first.sites[dependency.attribute]
        message = f"services depend on each other in a circle: {' → '.join((*names, names[0]))}"
        hint = "it is allowed; to part them, move what both need into a service of its own"
        yield finding("HP302", site.path, site, message, hint)


def unused_services(application: LinkedApplication) -> Iterator[Finding]:
    """HP301: services that no other calls, that do nothing by themselves and are not said to be called over HTTP."""
    if not application.whole or len(application.services) < 2:
        return
    called = {name for needed in _edges(application).values() for name in needed}
    for service in application.services.values():
        if service.name not in called and not _is_entry(service):
            location = service.planned.location
            end = service.column + len(f"class {location.qualname.rpartition('.')[2]}")
            at = Place("", location.line, service.column, location.line, end)
            message = f"no service of this application calls {service.name!r}"
            hint = "if it is called over HTTP, mark it `@service(public=True)`; otherwise it may be left over"
            yield finding("HP301", location.path, at, message, hint)


def _is_entry(service: LinkedService) -> bool:
    planned = service.planned
    public = planned.public or any(method.public for method in planned.methods)
    return bool(public or service.answers_http or planned.listens or planned.every)


def _edges(application: LinkedApplication) -> Mapping[str, list[str]]:
    known = application.services
    return {
        name: [one.service for one in service.planned.dependencies if one.service in known]
        for name, service in known.items()
    }
