"""A service graph in the DOT language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homeport.build.analyzer.graph import GraphCall, GraphService, ServiceGraph
from homeport.build.generator.wording import facts, story

_FONT = 'fontname="Helvetica,Arial,sans-serif"'


def dot(graph: ServiceGraph) -> str:
    """A digraph from left to right; dashed arrows are dependencies a service can do without."""
    return "".join(f"{line}\n" for line in _lines(graph))


def _lines(graph: ServiceGraph) -> Iterator[str]:
    yield "digraph services {"
    yield "  graph [rankdir=LR, nodesep=0.3, ranksep=1.0];"
    yield f'  node [shape=box, style="rounded,filled", fillcolor=white, color="#a5b0c0", {_FONT}];'
    yield '  edge [color="#7d8899", arrowsize=0.7];'
    for index, group in enumerate(sorted({service.group for service in graph.services})):
        inner = [service for service in graph.services if service.group == group]
        if group:
            yield f"  subgraph cluster_{index} {{"
            yield f'    label={_quoted(f"worker {group}")}; color="#12a594"; {_FONT};'
        for service in inner:
            yield f"  {'  ' if group else ''}{_quoted(service.name)}{_attributes(_of_service(service))};"
        if group:
            yield "  }"
    for call in graph.calls:
        yield f"  {_quoted(call.caller)} -> {_quoted(call.callee)}{_attributes(_of_call(call))};"
    yield "}"


def _of_service(service: GraphService) -> dict[str, str]:
    small = facts(service)
    found = {"label": f"{service.name}\n{small}" if small else service.name, "tooltip": story(service)}
    if service.kind == "missing":
        found |= {"style": "rounded,dashed", "fontcolor": "#98a2b3"}
    elif service.kind == "outside":
        found |= {"style": "rounded,dotted"}
    elif service.entry:
        found |= {"color": "#2f6fed", "fillcolor": "#eef4ff", "penwidth": "1.6"}
    elif service.critical:
        found |= {"color": "#e8912d", "penwidth": "1.6"}
    return found


def _of_call(call: GraphCall) -> dict[str, str]:
    found = {"style": "dashed"} if call.optional else {}
    return found | ({"color": "#d6336c", "penwidth": "1.6"} if call.cycle else {})


def _attributes(values: Mapping[str, str]) -> str:
    listed = ", ".join(f"{key}={_quoted(value)}" for key, value in values.items())
    return f" [{listed}]" if listed else ""


def _quoted(text: str) -> str:
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "").replace("\0", "")
    return f'"{inner}"'
