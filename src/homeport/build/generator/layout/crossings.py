"""The order of points within each layer, chosen so that few arrows cross."""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Collection, Mapping, Sequence

SWEEPS = 24
Rows = list[list[int]]
Links = Collection[tuple[int, int]]


def ordered(rows: Sequence[Sequence[int]], links: Links) -> Rows:
    """The rows with few crossings between them: swept forth and back by barycentres, neighbours exchanged.

    Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of Hierarchical System Structures", 1981.
    """
    before, after = neighbours(links)
    current = _as_met(rows, after, before)
    best, fewest = [list(row) for row in current], crossings(current, after)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        forth = sweep % 2 == 0
        towards = before if forth else after
        order = range(1, len(current)) if forth else range(len(current) - 2, -1, -1)
        for index in order:
            _sort_by_barycentre(current[index], current[index - 1 if forth else index + 1], towards)
        _exchange(current, before, after)
        count = crossings(current, after)
        if count < fewest:
            best, fewest = [list(row) for row in current], count
    return best


def neighbours(links: Links) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """For each point those linked to it in the layer before, and in the layer after."""
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for tail, head in sorted(links):
        before.setdefault(head, []).append(tail)
        after.setdefault(tail, []).append(head)
    return before, after


def crossings(rows: Sequence[Sequence[int]], after: Mapping[int, Sequence[int]]) -> int:
    """How many pairs of links cross."""
    count = 0
    for row, following in itertools.pairwise(rows):
        place = {point: index for index, point in enumerate(following)}
        seen: list[int] = []
        for point in row:
            ends = sorted(place[head] for head in after.get(point, ()))
            count += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return count


def _as_met(rows: Sequence[Sequence[int]], after: Mapping[int, list[int]], before: Mapping[int, list[int]]) -> Rows:
    """The rows in the order in which a walk along the links meets their points: what belongs together is near."""
    met: dict[int, None] = {}
    for start in (point for row in rows for point in row):
        todo = [start]
        while todo:
            point = todo.pop()
            if point not in met:
                met[point] = None
                todo += [*reversed(before.get(point, ())), *reversed(after.get(point, ()))]
    place = {point: index for index, point in enumerate(met)}
    return [sorted(row, key=place.__getitem__) for row in rows]


def _sort_by_barycentre(row: list[int], beside: Sequence[int], towards: Mapping[int, Sequence[int]]) -> None:
    """Points without links that way keep their places; the others are sorted around them."""
    place = {point: index for index, point in enumerate(beside)}
    centre = {
        point: sum(place[other] for other in towards[point]) / len(towards[point]) for point in row if point in towards
    }
    tied = iter(sorted((point for point in row if point in centre), key=centre.__getitem__))
    row[:] = [next(tied) if point in centre else point for point in row]


def _exchange(rows: Rows, before: Mapping[int, Sequence[int]], after: Mapping[int, Sequence[int]]) -> None:
    """Exchange neighbours as long as that leaves fewer crossings."""
    place = {point: index for row in rows for index, point in enumerate(row)}
    for _ in range(8):
        better = False
        for row in rows:
            for index in range(len(row) - 1):
                one, other = row[index], row[index + 1]
                gain = sum(
                    _crossed(side.get(one, ()), side.get(other, ()), place)
                    - _crossed(side.get(other, ()), side.get(one, ()), place)
                    for side in (before, after)
                )
                if gain > 0:
                    row[index], row[index + 1] = other, one
                    place[one], place[other] = index + 1, index
                    better = True
        if not better:
            return


def _crossed(first: Sequence[int], second: Sequence[int], place: Mapping[int, int]) -> int:
    """Crossings of two neighbours' links, the one standing before the other."""
    ends = sorted(place[point] for point in second)
    return sum(bisect_right(ends, place[point] - 1) for point in first)
