"""Coordinates within the layers: long arrows straight, and points near the middle of those they are linked with.

Source: U. Brandes, B. Köpf, "Fast and Simple Horizontal Coordinate Assignment", 2001; blocks are compacted along the
longest paths between them, which needs none of the correction of that article's classes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from graphlib import TopologicalSorter

from homeport.build.generator.layout.crossings import neighbours

Apart = Callable[[int, int], float]  # the least distance of two neighbours of a layer
Placed = dict[int, float]


def coordinates(
    rows: Sequence[Sequence[int]],
    links: Collection[tuple[int, int]],
    is_bend: Callable[[int], bool],
    apart: Apart,
) -> Placed:
    """A coordinate for each point, the smallest 0; the order of each row is kept."""
    before, after = neighbours(links)
    barred = _barred(rows, before, is_bend)
    found: list[Placed] = []
    for forth in (True, False):
        for up in (True, False):
            turned = [list(row) if up else list(reversed(row)) for row in (rows if forth else reversed(rows))]
            roots = _aligned(turned, before if forth else after, barred)
            placed = _compacted(turned, roots, apart)
            found.append(placed if up else {point: -value for point, value in placed.items()})
    return _balanced(found)


def _barred(
    rows: Sequence[Sequence[int]], before: Mapping[int, Sequence[int]], is_bend: Callable[[int], bool]
) -> set[tuple[int, int]]:
    """Links that cross one between two bends, which is to stay straight."""
    barred: set[tuple[int, int]] = set()
    for upper, lower in itertools.pairwise(rows):
        place = {point: index for index, point in enumerate(upper)}
        start, scanned = 0, 0
        for index, point in enumerate(lower):
            inner = next((u for u in before.get(point, ()) if is_bend(u)), None) if is_bend(point) else None
            if inner is None and index < len(lower) - 1:
                continue
            end = len(upper) if inner is None else place[inner]
            for crossing in lower[scanned : index + 1]:
                for other in before.get(crossing, ()):
                    outside = place[other] < start or place[other] > end
                    if outside and not (is_bend(crossing) and is_bend(other)):
                        barred.add((min(other, crossing), max(other, crossing)))
            start, scanned = end, index + 1
    return barred


def _aligned(
    rows: Sequence[Sequence[int]], towards: Mapping[int, Sequence[int]], barred: Collection[tuple[int, int]]
) -> dict[int, int]:
    """The block of each point, by its first point: as many as may be are in line with their middle neighbour."""
    root = {point: point for row in rows for point in row}
    for upper, lower in itertools.pairwise(rows):
        place = {point: index for index, point in enumerate(upper)}
        taken = -1
        for point in lower:
            others = sorted(towards.get(point, ()), key=place.__getitem__)
            for middle in sorted({(len(others) - 1) // 2, len(others) // 2}) if others else ():
                other = others[middle]
                free = (min(point, other), max(point, other)) not in barred and taken < place[other]
                if root[point] == point and free:
                    root[point], taken = root[other], place[other]
    return root


def _compacted(rows: Sequence[Sequence[int]], root: Mapping[int, int], apart: Apart) -> Placed:
    """The blocks as close together as the distances allow."""
    gaps: dict[int, dict[int, float]] = {block: {} for block in root.values()}  # block → those before it
    following: dict[int, dict[int, float]] = {block: {} for block in root.values()}
    for row in rows:
        for one, other in itertools.pairwise(row):
            gap = max(apart(one, other), gaps[root[other]].get(root[one], 0.0))
            gaps[root[other]][root[one]] = following[root[one]][root[other]] = gap
    order = list(TopologicalSorter({block: sorted(before) for block, before in gaps.items()}).static_order())
    value: dict[int, float] = {}
    for block in order:
        value[block] = max((value[before] + gap for before, gap in gaps[block].items()), default=0.0)
    for block in reversed(order):
        if following[block]:
            value[block] = max(value[block], min(value[after] - gap for after, gap in following[block].items()))
    return {point: value[block] for point, block in root.items()}


def _balanced(found: Sequence[Placed]) -> Placed:
    """The mean of the middle two of the four, each moved to the edge of the narrowest."""
    spans = [(min(placed.values()), max(placed.values())) for placed in found]
    narrowest = min(range(len(found)), key=lambda index: (spans[index][1] - spans[index][0], index))
    low, high = spans[narrowest]
    moves = [low - spans[index][0] if index % 2 == 0 else high - spans[index][1] for index in range(len(found))]
    middle: Placed = {}
    for point in found[0]:
        values = sorted(placed[point] + move for placed, move in zip(found, moves, strict=True))
        middle[point] = (values[1] + values[2]) / 2
    least = min(middle.values())
    return {point: value - least for point, value in middle.items()}
