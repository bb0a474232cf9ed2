"""The graph of an application's services: who calls whom, what nothing goes without, and the order to start in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from homeport.build.plan import Plan, PlannedService
from homeport.graphs import NeededBy, cycles, levels, strongly_connected

SHARED = "app"  # the group of services that share a worker, as the node names it


class GraphService(msgspec.Struct, frozen=True, kw_only=True):
    """One service of the graph, with its part in the whole."""

    name: str
    kind: str = "class"  # class, asgi, outside (registered over HTTP), missing (called, and known nowhere)
    group: str = ""  # of services that share a worker; "": each copy has a worker of its own
    isolated: bool = False
    singleton: bool = False
    public: bool = False
    replicas: int = 1
    path: str = ""  # of its source, relative to the import root
    line: int = 0
    level: int = 0  # in the start order: 0 needs nobody
    callers: int = 0  # services that call it
    needed_by: int = 0  # services that cannot do without it, directly or through others
    entry: bool = False  # it calls others, and none calls it
    critical: bool = False  # half of the other services or more cannot do without it
    on_every_path: bool = False  # each of several entry points needs it
    state: str = ""  # of a running one: active, scaling, healing, idle, down


class GraphCall(msgspec.Struct, frozen=True, kw_only=True):
    """One service depends on another."""

    caller: str
    callee: str
    optional: bool = False
    declared: bool = False
    cycle: bool = False  # each needs the other, directly or through others
    line: int = 0  # in the caller's source


class ServiceGraph(msgspec.Struct, frozen=True, kw_only=True):
    """Services in order of name, calls in order of caller and callee."""

    services: tuple[GraphService, ...]
    calls: tuple[GraphCall, ...]
    cycles: tuple[tuple[str, ...], ...] = ()  # one way round for each set of services that need each other
    start_order: tuple[tuple[str, ...], ...] = ()  # levels: all of one may start once those before it are ready


def service_graph(plan: Plan, *, layout: str = "spread") -> ServiceGraph:
    """The graph of a plan, with the names it calls and does not have as missing services.

    ``layout`` is the setting ``[node] layout``: ``single`` puts all that is neither isolated nor a singleton into one
    worker.
    """
    services = [_planned(service, layout) for service in plan.services]
    known = {service.name for service in services}
    calls = merged_calls(
        GraphCall(
            caller=service.name,
            callee=dependency.service,
            optional=dependency.optional,
            declared=dependency.declared,
            line=dependency.line,
        )
        for service in plan.services
        for dependency in service.dependencies
    )
    missing = sorted({call.callee for call in calls} - known)
    return linked_graph([*services, *(GraphService(name=name, kind="missing") for name in missing)], calls)


def linked_graph(services: list[GraphService], calls: tuple[GraphCall, ...]) -> ServiceGraph:
    """The graph with what follows from its shape filled in: levels, criticality, entry points, cycles."""
    edges = _edges(services, calls)
    required = _edges(services, tuple(call for call in calls if not call.optional))
    component = {name: n for n, members in enumerate(strongly_connected(edges)) for name in members}
    order = tuple(levels(required))
    level = {name: number for number, row in enumerate(order) for name in row}
    needing = NeededBy(required)
    callers: dict[str, set[str]] = {service.name: set() for service in services}
    for call in calls:
        callers[call.callee].add(call.caller)
    entries = frozenset(name for name, found in callers.items() if not found - {name})
    working = frozenset(entry for entry in entries if required[entry])
    others = sum(service.kind in ("class", "asgi") for service in services) - 1
    placed = tuple(
        msgspec.structs.replace(
            service,
            level=level[service.name],
            callers=len(callers[service.name]),
            needed_by=needing.count(service.name),
            entry=service.name in entries and bool(edges[service.name]) and service.kind in ("class", "asgi"),
            critical=service.kind != "missing" and needing.count(service.name) >= max(2, others / 2),
            on_every_path=len(working) > 1 and needing.includes(service.name, working),
        )
        for service in sorted(services, key=lambda service: service.name)
    )
    looped = tuple(
        msgspec.structs.replace(call, cycle=component[call.caller] == component[call.callee]) for call in calls
    )
    present = {service.name for service in services if service.kind != "missing"}
    startable = tuple(row for names in order if (row := tuple(name for name in names if name in present)))
    return ServiceGraph(services=placed, calls=looped, cycles=tuple(cycles(edges)), start_order=startable)


def start_order(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """The plan's services, level by level: each stands above all that it cannot start without.

    Members of a dependency cycle share a level, since they do not wait for each other; nobody waits for what is
    optional, nor for a name that the application does not have.
    """
    known = {service.name for service in plan.services}
    return tuple(
        levels(
            {
                service.name: [d.service for d in service.dependencies if not d.optional and d.service in known]
                for service in plan.services
            }
        )
    )


def merged_calls(calls: Iterable[GraphCall]) -> tuple[GraphCall, ...]:
    """One call for each pair of services: what any of several attributes requires is required."""
    merged: dict[tuple[str, str], GraphCall] = {}
    for call in calls:
        known = merged.get((call.caller, call.callee))
        if known is not None:
            call = msgspec.structs.replace(
                known,
                optional=known.optional and call.optional,
                declared=known.declared or call.declared,
            )
        merged[call.caller, call.callee] = call
    return tuple(merged[pair] for pair in sorted(merged))


def _planned(service: PlannedService, layout: str) -> GraphService:
    shares = layout == "single" and not (service.isolated or service.singleton)
    return GraphService(
        name=service.name,
        kind=service.kind,
        group=SHARED if shares else "",
        isolated=service.isolated,
        singleton=service.singleton,
        public=service.public,
        replicas=service.replicas,
        path=service.location.path,
        line=service.location.line,
    )


def _edges(services: list[GraphService], calls: tuple[GraphCall, ...]) -> Mapping[str, list[str]]:
    edges: dict[str, list[str]] = {service.name: [] for service in services}
    for call in calls:
        edges[call.caller].append(call.callee)
    return edges
