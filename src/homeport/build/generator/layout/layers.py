"""Layers of a drawing: every arrow goes from one layer to the next, over bends where it is longer."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

Arrow = tuple[str, str]


class Layered:
    """Points numbered from 0: first the names in order, then the bends.

    All arrows to one name that pass through a layer share one bend there, like the arms of a river. An arrow that
    would close a cycle is laid the other way round, over bends of its own.
    """

    def __init__(self, names: Sequence[str], arrows: Iterable[Arrow]) -> None:
        self.names = list(names)
        number = {name: index for index, name in enumerate(self.names)}
        pairs = sorted({(number[tail], number[head]) for tail, head in arrows if tail != head})
        self.turned = _against_the_order(len(self.names), pairs)
        forward = sorted({(head, tail) if (tail, head) in self.turned else (tail, head) for tail, head in pairs})
        self.layer = _shortened(_longest_paths(len(self.names), forward), forward)
        self.links: set[tuple[int, int]] = set()  # between neighbouring layers
        self._bends: dict[tuple[object, int], int] = {}
        self.routes = {pair: self._route(*pair) for pair in pairs}

    @property
    def count(self) -> int:
        """How many points there are, bends among them."""
        return len(self.layer)

    def is_bend(self, point: int) -> bool:
        return point >= len(self.names)

    def rows(self) -> list[list[int]]:
        """The points of each layer."""
        rows: list[list[int]] = [[] for _ in range(1 + max(self.layer, default=-1))]
        for point, layer in enumerate(self.layer):
            rows[layer].append(point)
        return rows

    def _route(self, tail: int, head: int) -> list[int]:
        """The points an arrow goes through, in the direction of the layers."""
        turned = (tail, head) in self.turned
        start, end = (head, tail) if turned else (tail, head)
        river: object = (tail, head) if turned else head
        between = range(self.layer[start] + 1, self.layer[end])
        route = [start, *(self._bend(river, layer) for layer in between), end]
        self.links.update(itertools.pairwise(route))
        return route

    def _bend(self, river: object, layer: int) -> int:
        if (river, layer) not in self._bends:
            self._bends[river, layer] = len(self.layer)
            self.layer.append(layer)
        return self._bends[river, layer]


def _against_the_order(count: int, pairs: Sequence[tuple[int, int]]) -> frozenset[tuple[int, int]]:
    """Few arrows without which there is no cycle; none if there is none.

    Source: P. Eades, X. Lin, W. F. Smyth, "A fast and effective heuristic for the feedback arc set problem", 1993.
    """
    out: list[set[int]] = [set() for _ in range(count)]
    into: list[set[int]] = [set() for _ in range(count)]
    for tail, head in pairs:
        out[tail].add(head)
        into[head].add(tail)
    left, first, last = set(range(count)), list[int](), list[int]()
    while left:
        sinks = [point for point in left if not out[point]]
        sources = [point for point in left if not into[point]]
        if sinks:
            taken, to = sinks, last
        else:
            taken, to = sources or [max(sorted(left), key=lambda p: len(out[p]) - len(into[p]))], first
        for point in sorted(taken):
            to.append(point)
            left.discard(point)
            for head in out[point]:
                into[head].discard(point)
            for tail in into[point]:
                out[tail].discard(point)
    place = {point: index for index, point in enumerate([*first, *reversed(last)])}
    return frozenset((tail, head) for tail, head in pairs if place[tail] > place[head])


def _longest_paths(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    heads, waits = defaultdict[int, list[int]](list), [0] * count
    for tail, head in pairs:
        heads[tail].append(head)
        waits[head] += 1
    layer = [0] * count
    todo = [point for point in range(count) if not waits[point]]
    for point in todo:
        for head in heads[point]:
            layer[head] = max(layer[head], layer[point] + 1)
            waits[head] -= 1
            if not waits[head]:
                todo.append(head)
    return layer


def _shortened(layer: list[int], pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The longest paths with each point moved to where its arrows are shortest in sum.

    Only one with more arrows out than in has reason to move, towards the nearest it points at: on a longest path, all
    stand right behind the last that points at them. From the last layer on, nobody moves twice.
    """
    callees = defaultdict[int, list[int]](list)
    pulls = [0] * len(layer)
    for tail, head in pairs:
        callees[tail].append(head)
        pulls[tail] += 1
        pulls[head] -= 1
    for point in sorted(range(len(layer)), key=lambda point: -layer[point]):
        if pulls[point] > 0:
            layer[point] = min(layer[head] for head in callees[point]) - 1
    lowest = min(layer, default=0)
    return [one - lowest for one in layer]
