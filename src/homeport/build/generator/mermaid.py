"""A service graph as Mermaid, which GitHub, GitLab and many editors draw."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homeport.build.analyzer.graph import GraphService, ServiceGraph
from homeport.build.generator.wording import facts

_CLASSES = """\
  classDef entry stroke:#2f6fed,stroke-width:2px
  classDef critical stroke:#e8912d,stroke-width:2px
  classDef outside stroke-dasharray:1 3
  classDef missing stroke-dasharray:5 4,color:#98a2b3"""
_CYCLE = "stroke:#d6336c,stroke-width:2px"
_SHAPES = {"outside": ("([", "])"), "missing": ("[", "]"), "asgi": ("[[", "]]")}


def mermaid(graph: ServiceGraph) -> str:
    """A flowchart from left to right; dotted arrows are dependencies a service can do without."""
    return "".join(f"{line}\n" for line in _lines(graph))


def _lines(graph: ServiceGraph) -> Iterator[str]:
    number = {service.name: f"s{index}" for index, service in enumerate(graph.services)}
    yield "flowchart LR"
    for group in sorted({service.group for service in graph.services}):
        inner = [service for service in graph.services if service.group == group]
        if group:
            yield f'  subgraph worker_{re.sub(r"[^A-Za-z0-9_]", "_", group)}["worker {_label(group)}"]'
        for service in inner:
            yield f"  {'  ' if group else ''}{number[service.name]}{_box(service)}"
        if group:
            yield "  end"
    for call in graph.calls:
        yield f"  {number[call.caller]} {'-.->' if call.optional else '-->'} {number[call.callee]}"
    yield _CLASSES
    for kind in ("entry", "critical", "outside", "missing"):
        if members := [number[service.name] for service in graph.services if _is(service, kind)]:
            yield f"  class {','.join(members)} {kind}"
    if looped := [str(index) for index, call in enumerate(graph.calls) if call.cycle]:
        yield f"  linkStyle {','.join(looped)} {_CYCLE}"


def _box(service: GraphService) -> str:
    before, after = _SHAPES.get(service.kind, ("(", ")"))
    small = facts(service)
    return f'{before}"<b>{_label(service.name)}</b>{f"<br/><small>{_label(small)}</small>" if small else ""}"{after}'


def _is(service: GraphService, kind: str) -> bool:
    return kind == service.kind or (kind == "entry" and service.entry) or (kind == "critical" and service.critical)


def _label(text: str) -> str:
    """Mermaid knows entities by number, without the ampersand."""
    return "".join(c if c.isalnum() or c in " _-.·×" else f"#{ord(c)};" for c in text)
