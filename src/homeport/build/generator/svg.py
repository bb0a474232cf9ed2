"""The picture of a service graph as SVG: one file, light and dark, the same bytes for the same graph."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from xml.sax.saxutils import escape

from homeport.build.analyzer.graph import GraphCall, GraphService, ServiceGraph
from homeport.build.generator.drawing import BOX_HEIGHT, Box, Curve, Drawing, drawn
from homeport.build.generator.svg_style import STYLE, hover_rules
from homeport.build.generator.wording import facts, headline, shortened, story, text_width

MARGIN = 32.0
HEADER, LEGEND = 62.0, 44.0
PADDING = 14.0
LEAST_WIDTH = 420.0  # of the whole, so that title and legend fit
LEAST_BOX = 108.0
LONGEST_NAME = 30  # letters
NAME_SIZE, FACT_SIZE = 13.5, 11.0
BOLD = 1.08  # how much wider than the plain letters of a font its bold ones are
HOVER_LIMIT = 600  # services beyond which no rules for hovering are written

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg(graph: ServiceGraph, *, title: str) -> str:
    """The whole document. Names that XML cannot hold are shown with what of them it can."""
    widths = {service.name: _box_width(service) for service in graph.services}
    drawing = drawn(graph, widths)
    return "".join(f"{line}\n" for line in _Page(graph, drawing, title).lines())


def page(graph: ServiceGraph, *, title: str) -> str:
    """The picture on a page of its own, for browsers."""
    return f"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{_text(title)}</title>
<style>
html {{ color-scheme: light dark; background: light-dark(#fbfbfd, #11151d) }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: safe center }}
</style>
{svg(graph, title=title)}</html>
"""


def _box_width(service: GraphService) -> float:
    name = text_width(shortened(service.name, LONGEST_NAME), NAME_SIZE * BOLD)
    return max(LEAST_BOX, round(max(name, text_width(facts(service), FACT_SIZE)) + 2 * PADDING))


class _Page:
    def __init__(self, graph: ServiceGraph, drawing: Drawing, title: str) -> None:
        self._graph, self._drawing, self._title = graph, drawing, title
        self._number = {service.name: index for index, service in enumerate(graph.services)}
        self._others = max(1, sum(service.kind != "missing" for service in graph.services) - 1)
        legend = list(_legend(graph))
        self._legend = legend
        across = sum(_legend_width(text) for _, text in legend)
        self._width = max(LEAST_WIDTH, drawing.width, across) + 2 * MARGIN
        self._height = HEADER + drawing.height + (LEGEND if legend else 0) + 2 * MARGIN

    def lines(self) -> Iterator[str]:
        width, height = _number(self._width), _number(self._height)
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-labelledby="title desc">'
        )
        yield f'<title id="title">{_text(self._title)}</title>'
        yield f'<desc id="desc">{_text(headline(self._graph))}</desc>'
        hover = hover_rules(len(self._number)) if len(self._number) <= HOVER_LIMIT else ""
        yield f"<style>{STYLE}{hover}</style>"
        yield f'<rect class="page" width="{width}" height="{height}" rx="14"/>'
        yield f'<text class="heading" x="{_number(MARGIN)}" y="{_number(MARGIN + 16)}">{_text(self._title)}</text>'
        yield (
            f'<text class="fact" x="{_number(MARGIN)}" y="{_number(MARGIN + 37)}">{_text(headline(self._graph))}</text>'
        )
        yield f'<g transform="translate({_number(MARGIN)} {_number(MARGIN + HEADER)})">'
        for curve in self._drawing.curves:
            yield self._curve(curve)
        for service in self._graph.services:
            yield from self._box(service, self._drawing.boxes[service.name])
        yield "</g>"
        yield from self._legend_lines()
        yield "</svg>"

    def _curve(self, curve: Curve) -> str:
        call = curve.call
        ends = f"f{self._number[call.caller]} t{self._number[call.callee]}"
        kinds = [*["optional"] * call.optional, *["cycle"] * call.cycle]
        kinds += ["missing"] * (self._kind(call.callee) == "missing")
        (x, y), back = curve.points[-1], curve.points[-1][0] < curve.points[-2][0]
        tip = _arrow(x, y, -1 if back else 1)
        return (
            f'<g class="{" ".join(["call", ends, *kinds])}"><title>{_text(_said(call))}</title>'
            f'<path class="line" d="{_path(curve)}"/><path class="tip" d="{tip}"/></g>'
        )

    def _kind(self, name: str) -> str:
        return self._graph.services[self._number[name]].kind

    def _box(self, service: GraphService, box: Box) -> Iterator[str]:
        kinds = ["service", service.kind, *["entry"] * service.entry, *["critical"] * service.critical]
        kinds += ["shared"] * bool(service.group)
        number = self._number[service.name]
        x, y = _number(box.x), _number(box.y)
        yield f'<g class="{" ".join(kinds)}" id="s{number}" transform="translate({x} {y})">'
        yield f"<title>{_text(story(service))}</title>"
        radius = _number(BOX_HEIGHT / 2 if service.kind == "outside" else 9)
        yield f'<rect class="box" width="{_number(box.width)}" height="{_number(BOX_HEIGHT)}" rx="{radius}"/>'
        small = facts(service)
        name_y = 20 if small else BOX_HEIGHT / 2 + 4.5
        name = _text(shortened(service.name, LONGEST_NAME))
        middle = _number(box.width / 2)
        yield f'<text class="name" x="{middle}" y="{_number(name_y)}">{name}</text>'
        if small:
            yield f'<text class="fact" x="{middle}" y="35">{_text(small)}</text>'
        if service.needed_by and service.kind != "missing":
            share = min(1.0, service.needed_by / self._others)
            whole = box.width - 2 * PADDING
            line = _number(BOX_HEIGHT - 3.5)
            yield f'<path class="weight" d="M{_number(PADDING)} {line}h{_number(max(3.0, whole * share))}"/>'
        yield "</g>"

    def _legend_lines(self) -> Iterator[str]:
        if not self._legend:
            return
        x, y = MARGIN, MARGIN + HEADER + self._drawing.height + LEGEND
        for kind, text in self._legend:
            yield f'<g transform="translate({_number(x)} {_number(y)})">{_SAMPLES[kind]}'
            yield f'<text class="fact" x="34" y="4">{_text(text)}</text></g>'
            x += _legend_width(text)


_SAMPLES: Mapping[str, str] = {
    "entry": '<g class="service class entry"><rect class="box" y="-7" width="24" height="14" rx="4"/></g>',
    "shared": '<g class="service class shared"><rect class="box" y="-7" width="24" height="14" rx="4"/></g>',
    "outside": '<g class="service outside"><rect class="box" y="-7" width="24" height="14" rx="7"/></g>',
    "missing": '<g class="service missing"><rect class="box" y="-7" width="24" height="14" rx="4"/></g>',
    "weight": '<g class="service class"><path class="weight" d="M0 0h24"/></g>',
    "critical": '<g class="service class critical"><path class="weight" d="M0 0h24"/></g>',
    "optional": '<g class="call optional"><path class="line" d="M0 0h24"/></g>',
    "cycle": '<g class="call cycle"><path class="line" d="M0 0h24"/></g>',
}


def _legend(graph: ServiceGraph) -> Iterator[tuple[str, str]]:
    """What the picture's marks mean, as far as it has any."""
    services, calls = graph.services, graph.calls
    if any(service.entry and graph.calls for service in services):
        yield "entry", "nothing calls it"
    if any(service.group for service in services):
        yield "shared", "shares a worker"
    if any(service.needed_by and not service.critical for service in services):
        yield "weight", "share that needs it"
    if any(service.critical for service in services):
        yield "critical", "half or more need it"
    if any(call.optional for call in calls):
        yield "optional", "can do without"
    if any(call.cycle for call in calls):
        yield "cycle", "cycle"
    if any(service.kind == "outside" for service in services):
        yield "outside", "outside service"
    if any(service.kind == "missing" for service in services):
        yield "missing", "not in the application"


def _legend_width(text: str) -> float:
    return round(34 + text_width(text, FACT_SIZE) + 24)


def _said(call: GraphCall) -> str:
    notes = [*["can do without it"] * call.optional, *["on a cycle"] * call.cycle]
    notes += ["found by its use: nothing declares it"] * (not call.declared)
    return f"{call.caller} calls {call.callee}" + (f" ({', '.join(notes)})" if notes else "")


def _path(curve: Curve) -> str:
    points = curve.points
    parts = [f"M{_number(points[0][0])} {_number(points[0][1])}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        if y1 == y2:
            parts.append(f"H{_number(x2)}")
        else:
            half = _number((x1 + x2) / 2)
            parts.append(f"C{half} {_number(y1)} {half} {_number(y2)} {_number(x2)} {_number(y2)}")
    return "".join(parts)


def _arrow(x: float, y: float, to: int) -> str:
    return f"M{_number(x)} {_number(y)}l{-7 * to} -4v8z"


def _number(value: float) -> str:
    """Tenths of a pixel: the same text on every machine."""
    return f"{round(value, 1) + 0.0:g}"


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))
