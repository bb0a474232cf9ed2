"""Coordinates within the layers: points are near those they are linked with, and long arrows straight.

Each layer in turn is laid where its links pull it, its order and distances kept, by isotonic regression. First links
pull like springs, which balances the whole; then short ones as strongly as long ones, which makes straight what nearly
is.

Source: M. Ayer et al., "An Empirical Distribution Function for Sampling with Incomplete Information", 1955 (regression
by pooling neighbours); the weights are those of E. Gansner et al., "A Technique for Drawing Directed Graphs", 1993.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

Apart = Callable[[int, int], float]  # the least distance of two neighbours of a layer
Placed = dict[int, float]
Pulls = list[tuple[int, float]]  # by which points, and how strongly

ONE_SIDED, SPRINGS, STRAIGHTENING = 6, 24, 60  # sweeps
AS_GOOD_AS_STRAIGHT = 4.0
BENDS, BEND_AND_BOX, BOXES = 8.0, 3.0, 1.0  # how strongly links pull, by their ends
UNLINKED = 0.1


def coordinates(
    rows: Sequence[Sequence[int]],
    links: Collection[tuple[int, int]],
    is_bend: Callable[[int], bool],
    apart: Apart,
) -> Placed:
    """A coordinate for each point, the smallest 0; the order of each row is kept."""
    before, after = _pulls(rows, links, is_bend)
    placed: Placed = {}
    for row in rows:
        offsets = _offsets(row, apart)
        placed.update({point: offset - offsets[-1] / 2 for point, offset in zip(row, offsets, strict=True)})
    for sweep in range(ONE_SIDED + SPRINGS + STRAIGHTENING):
        forth = sweep % 2 == 0
        for row in rows if forth else reversed(rows):
            wanted: list[tuple[float, float]] = []
            for point in row:
                if sweep < ONE_SIDED:
                    pulls = before[point] if forth else after[point]
                else:
                    pulls = before[point] + after[point]
                wanted.append(_wanted(point, pulls, placed, alike=sweep >= ONE_SIDED + SPRINGS))
            placed.update(zip(row, _fitted(wanted, _offsets(row, apart)), strict=True))
    least = min(placed.values(), default=0.0)
    return {point: value - least for point, value in placed.items()}


def _pulls(
    rows: Sequence[Sequence[int]], links: Collection[tuple[int, int]], is_bend: Callable[[int], bool]
) -> tuple[dict[int, Pulls], dict[int, Pulls]]:
    before: dict[int, Pulls] = {point: [] for row in rows for point in row}
    after: dict[int, Pulls] = {point: [] for row in rows for point in row}
    for tail, head in sorted(links):
        strength = (BOXES, BEND_AND_BOX, BENDS)[is_bend(tail) + is_bend(head)]
        before[head].append((tail, strength))
        after[tail].append((head, strength))
    return before, after


def _offsets(row: Sequence[int], apart: Apart) -> list[float]:
    """Where the points of a row are if they stand as close as may be."""
    offsets = [0.0]
    for one, other in pairwise(row):
        offsets.append(offsets[-1] + apart(one, other))
    return offsets


def _wanted(point: int, pulls: Pulls, placed: Placed, *, alike: bool) -> tuple[float, float]:
    """Where a point is pulled to, and how strongly."""
    if not pulls:
        return placed[point], UNLINKED
    if alike:
        # A spring's pull over its length is one strength for all lengths: what is left to win is a straight line.
        here = placed[point]
        pulls = [(other, pull / max(abs(here - placed[other]), AS_GOOD_AS_STRAIGHT)) for other, pull in pulls]
    strength = sum(pull for _, pull in pulls)
    return sum(placed[other] * pull for other, pull in pulls) / strength, strength


def _fitted(wanted: Sequence[tuple[float, float]], offsets: Sequence[float]) -> list[float]:
    """The places nearest to those wanted (by the weighted sum of squares) that keep order and distances."""
    blocks: list[tuple[float, float, int]] = []  # weighted sum, weight, how many points stand close together
    for (value, weight), offset in zip(wanted, offsets, strict=True):
        block = ((value - offset) * weight, weight, 1)
        while blocks and blocks[-1][0] / blocks[-1][1] > block[0] / block[1]:
            earlier = blocks.pop()
            block = (earlier[0] + block[0], earlier[1] + block[1], earlier[2] + block[2])
        blocks.append(block)
    values = [total / weight for total, weight, count in blocks for _ in range(count)]
    return [value + offset for value, offset in zip(values, offsets, strict=True)]
