"""Where the boxes and curves of a service graph's picture are, in pixels."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from homeport.build.analyzer.graph import GraphCall, ServiceGraph
from homeport.build.generator.layout.coordinates import coordinates
from homeport.build.generator.layout.crossings import ordered
from homeport.build.generator.layout.layers import Layered
from homeport.graphs import strongly_connected

BOX_HEIGHT = 46.0
BETWEEN_BOXES = 18.0
BETWEEN_BENDS = 11.0
BETWEEN_PARTS = 34.0  # of a graph that is not all of a piece
NARROWEST_GAP, WIDEST_GAP = 84.0, 240.0  # between layers
BACK = 9.0  # below the middle of a box, where arrows that close a cycle begin and end
ALONE_ACROSS = 5  # most services without calls side by side

Point = tuple[float, float]


class Box(msgspec.Struct, frozen=True):
    """The place of a service: left upper corner and size."""

    x: float
    y: float
    width: float
    height: float = BOX_HEIGHT

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


class Curve(msgspec.Struct, frozen=True):
    """The way of one call: from caller to callee, level at each point and curved in between."""

    call: GraphCall
    points: tuple[Point, ...]


class Drawing(msgspec.Struct, frozen=True):
    """A picture without colours."""

    boxes: dict[str, Box]
    curves: tuple[Curve, ...]
    width: float
    height: float


def drawn(graph: ServiceGraph, widths: Mapping[str, float]) -> Drawing:
    """Lay the graph out from left to right: callers before those they call.

    ``widths`` says how wide the box of each service is.
    """
    boxes: dict[str, Box] = {}
    curves: list[Curve] = []
    bottom = width = 0.0
    alone: list[str] = []
    for names in _pieces(graph):
        if len(names) == 1:
            alone += names
            continue
        piece = _Piece(names, [call for call in graph.calls if call.caller in names], widths, bottom)
        boxes |= piece.boxes
        curves += piece.curves
        bottom, width = piece.bottom + BETWEEN_PARTS, max(width, piece.width)
    boxes |= _rows(alone, widths, bottom, width)
    return Drawing(
        boxes={name: boxes[name] for name in sorted(boxes)},
        curves=tuple(sorted(curves, key=lambda curve: (curve.call.cycle, curve.call.caller, curve.call.callee))),
        width=max((box.x + box.width for box in boxes.values()), default=0.0),
        height=max((box.y + box.height for box in boxes.values()), default=0.0),
    )


def _pieces(graph: ServiceGraph) -> list[tuple[str, ...]]:
    """The parts that no call joins, the largest first."""
    beside: dict[str, set[str]] = {service.name: set() for service in graph.services}
    for call in graph.calls:
        if call.caller != call.callee:
            beside[call.caller].add(call.callee)
            beside[call.callee].add(call.caller)
    return sorted(strongly_connected(beside), key=lambda names: (-len(names), names))


def _rows(names: Sequence[str], widths: Mapping[str, float], top: float, width: float) -> dict[str, Box]:
    """Services without calls, in rows below the rest."""
    boxes: dict[str, Box] = {}
    across = max((widths[name] for name in names), default=1.0)
    columns = max(1, min(len(names), max(ALONE_ACROSS, int((width + BETWEEN_BOXES) // (across + BETWEEN_BOXES)))))
    for index, name in enumerate(sorted(names)):
        row, column = divmod(index, columns)
        boxes[name] = Box(column * (across + BETWEEN_BOXES), top + row * (BOX_HEIGHT + BETWEEN_BOXES), across)
    return boxes


class _Piece:
    """One part of the graph that hangs together."""

    def __init__(
        self, names: Sequence[str], calls: Sequence[GraphCall], widths: Mapping[str, float], top: float
    ) -> None:
        self._layered = Layered(names, [(call.caller, call.callee) for call in calls])
        rows = ordered(self._layered.rows(), self._layered.links)
        y = coordinates(rows, self._layered.links, self._layered.is_bend, self._apart)
        upper = min(y[point] - self._half(point) for point in y)
        self._y = {point: top + value - upper for point, value in y.items()}
        self._columns = self._across(rows, widths)
        self.boxes = {name: self._box(point) for point, name in enumerate(names)}
        self.bottom = max(self._y[point] + self._half(point) for point in self._y)
        self.width = self._columns[-1][1]
        number = {name: point for point, name in enumerate(names)}
        self.curves = [self._curve(call, number) for call in calls if call.caller != call.callee]

    def _half(self, point: int) -> float:
        return 0.0 if self._layered.is_bend(point) else BOX_HEIGHT / 2

    def _apart(self, one: int, other: int) -> float:
        bends = self._layered.is_bend(one) + self._layered.is_bend(other)
        return self._half(one) + self._half(other) + (BETWEEN_BENDS if bends == 2 else BETWEEN_BOXES)

    def _across(self, rows: Sequence[Sequence[int]], widths: Mapping[str, float]) -> list[tuple[float, float]]:
        """Left and right of each layer; the steeper the arrows between two, the wider apart they are."""
        steepest: dict[int, float] = defaultdict(float)
        for tail, head in self._layered.links:
            layer = self._layered.layer[tail]
            steepest[layer] = max(steepest[layer], abs(self._y[tail] - self._y[head]))
        found: list[tuple[float, float]] = []
        left = 0.0
        for layer, row in enumerate(rows):
            width = max((widths[self._layered.names[p]] for p in row if not self._layered.is_bend(p)), default=0.0)
            found.append((left, left + width))
            left += width + min(WIDEST_GAP, max(NARROWEST_GAP, 60 + 4.5 * math.sqrt(steepest[layer])))
        return found

    def _box(self, point: int) -> Box:
        left, right = self._columns[self._layered.layer[point]]
        return Box(left, self._y[point] - BOX_HEIGHT / 2, right - left)

    def _curve(self, call: GraphCall, number: Mapping[str, int]) -> Curve:
        pair = number[call.caller], number[call.callee]
        route = self._layered.routes[pair]
        turned = pair in self._layered.turned
        shift = BACK if turned else 0.0
        points: list[Point] = []
        for index, point in enumerate(route):
            left, right = self._columns[self._layered.layer[point]]
            y = self._y[point] + (0.0 if self._layered.is_bend(point) else shift)
            points += [(left, y)] * (index > 0) + [(right, y)] * (index < len(route) - 1)
        return Curve(call, tuple(reversed(points)) if turned else tuple(points))
