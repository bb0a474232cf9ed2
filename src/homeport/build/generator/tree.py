"""A service graph as a tree of text, for terminals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from homeport.build.analyzer.graph import GraphCall, GraphService, ServiceGraph
from homeport.build.generator.wording import facts, headline


class Strokes(NamedTuple):
    """What the tree is drawn with: each four letters wide."""

    branch: str
    last: str
    pass_by: str
    above: str  # said of a service whose own calls have been shown


UNICODE = Strokes("├── ", "└── ", "│   ", "…")
ASCII = Strokes("|-- ", "`-- ", "|   ", "...")


class Row(NamedTuple):
    """One line of the tree, in parts that may be coloured apart."""

    lead: str
    service: GraphService
    call: GraphCall | None  # by which it came here; None for a root
    notes: str


def rows(graph: ServiceGraph, strokes: Strokes = UNICODE) -> Iterator[Row]:
    """Entry points first, below each what it calls; what a service calls is shown where it first appears."""
    walk = _Walk(graph, strokes)
    for service in graph.services:
        if service.entry:
            yield from walk.below(service.name)
    for service in sorted(graph.services, key=lambda one: -one.level):  # on cycles that no entry point leads to
        if service.name not in walk.shown:
            yield from walk.below(service.name)


def lines(graph: ServiceGraph, strokes: Strokes = UNICODE) -> Iterator[str]:
    """The tree and its summary as plain text."""
    for row in rows(graph, strokes):
        yield f"{row.lead}{row.service.name}  {row.notes}".rstrip()
    yield ""
    yield from summary(graph)


def summary(graph: ServiceGraph) -> Iterator[str]:
    """What the tree does not show at a glance: what most depends on, cycles, what is missing, the start order."""
    yield headline(graph)
    own = {service.name for service in graph.services if service.kind in ("class", "asgi")}
    weighty = sorted((s for s in graph.services if s.critical), key=lambda s: (-s.needed_by, s.name))
    for service in weighty:
        others = len(own - {service.name})
        yield f"critical: {service.name} (without it {service.needed_by} of {others} others cannot work)"
    for path in graph.cycles:
        yield f"cycle: {' → '.join([*path, path[0]])}"
    for service in graph.services:
        if service.kind == "missing":
            callers = sorted({call.caller for call in graph.calls if call.callee == service.name})
            yield f"not in the application: {service.name} (called by {', '.join(callers)})"
    if len(graph.start_order) > 1:
        yield "start order:"
        yield from (f"  {number}. {', '.join(names)}" for number, names in enumerate(graph.start_order, start=1))


class _Walk:
    def __init__(self, graph: ServiceGraph, strokes: Strokes) -> None:
        self._strokes = strokes
        self._services = {service.name: service for service in graph.services}
        self._calls: dict[str, list[GraphCall]] = {}
        for call in graph.calls:
            self._calls.setdefault(call.caller, []).append(call)
        self.shown: set[str] = set()

    def below(self, root: str) -> Iterator[Row]:
        """The root's row and those below; without recursion, since chains may be long."""
        todo: list[tuple[str, str, GraphCall | None, str]] = [("", "", None, root)]
        while todo:
            lead, stroke, call, name = todo.pop()
            again = name in self.shown and bool(self._calls.get(name))
            yield Row(lead + stroke, self._services[name], call, self._notes(name, call, again))
            if name in self.shown:
                continue
            self.shown.add(name)
            inner = lead if not stroke else lead + (self._strokes.pass_by if stroke == self._strokes.branch else "    ")
            calls = self._calls.get(name, [])
            for index, following in reversed(list(enumerate(calls))):
                mark = self._strokes.last if index == len(calls) - 1 else self._strokes.branch
                todo.append((inner, mark, following, following.callee))

    def _notes(self, name: str, call: GraphCall | None, again: bool) -> str:
        parts = ["optional"] * (call is not None and call.optional) + ["cycle"] * (call is not None and call.cycle)
        if name not in self.shown and (said := facts(self._services[name])):
            parts.append(said)
        parts += [self._strokes.above] * again
        return " · ".join(parts)
