"""Directed graphs of names: components, levels and reach.

An edge leads from what needs to what is needed. Names that only occur as ends of edges belong to the graph too. Equal
graphs give equal answers, whatever the order in which they are written down.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping

Edges = Mapping[str, Collection[str]]


def strongly_connected(edges: Edges) -> list[tuple[str, ...]]:
    """The strongly connected components, each after all that it needs; members in order of name.

    Source: R. Tarjan, "Depth-First Search and Linear Graph Algorithms", 1972; without recursion.
    """
    return list(_Search(edges).components())


def levels(edges: Edges) -> list[tuple[str, ...]]:
    """Names to start one level after the other: each stands above all that it needs, as low as it can.

    The members of a cycle share a level.
    """
    level: dict[str, int] = {}
    for members in strongly_connected(edges):
        own = set(members)
        needs = {need for member in members for need in edges.get(member, ())} - own
        level.update(dict.fromkeys(members, 1 + max((level[need] for need in needs), default=-1)))
    rows: list[list[str]] = [[] for _ in range(1 + max(level.values(), default=-1))]
    for name in sorted(level):
        rows[level[name]].append(name)
    return [tuple(row) for row in rows]


class NeededBy:
    """For each name all others that need it, directly or through others."""

    def __init__(self, edges: Edges) -> None:
        needing: dict[str, list[str]] = {name: [] for name in edges}
        for name, needs in edges.items():
            for need in needs:
                needing.setdefault(need, []).append(name)
        self._names = sorted(needing)
        self._bit = {name: 1 << index for index, name in enumerate(self._names)}
        self._bits: dict[str, int] = {}  # a bit for each name that needs it: unions of thousands stay quick
        for members in strongly_connected(needing):
            bits = sum(self._bit[member] for member in members)
            for member in members:
                for above in needing[member]:
                    bits |= self._bits.get(above, 0) | self._bit[above]
            for member in members:
                self._bits[member] = bits
        for name, bit in self._bit.items():
            self._bits[name] &= ~bit

    def count(self, name: str) -> int:
        """How many others need it."""
        return self._bits[name].bit_count()

    def includes(self, name: str, others: Iterable[str]) -> bool:
        """Whether all the others need it."""
        return all(self._bits[name] & self._bit[other] for other in others)

    def names(self, name: str) -> frozenset[str]:
        """Those that need it."""
        return frozenset(other for other in self._names if self._bits[name] & self._bit[other])


def cycles(edges: Edges) -> list[tuple[str, ...]]:
    """One shortest way round for each component that has any: the path, without the return to its first name.

    It starts at the first of the component's names; components come in order of that name.
    """
    found = []
    for members in strongly_connected(edges):
        if len(members) > 1 or members[0] in edges.get(members[0], ()):
            found.append(_way_round(members[0], frozenset(members), edges))
    return sorted(found)


def _way_round(start: str, members: frozenset[str], edges: Edges) -> tuple[str, ...]:
    came_from: dict[str, str] = {}
    todo = deque([start])
    while todo:
        name = todo.popleft()
        for need in sorted(members.intersection(edges.get(name, ()))):
            if need == start:
                path = [name]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return tuple(reversed(path))
            if need not in came_from:
                came_from[need] = name
                todo.append(need)
    raise ValueError(f"{start!r} is on no cycle of {sorted(members)}")


class _Search:
    """One run of Tarjan's search, with a stack of its own instead of the interpreter's."""

    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        self._index: dict[str, int] = {}
        self._low: dict[str, int] = {}
        self._path: list[str] = []
        self._on_path: set[str] = set()

    def components(self) -> Iterator[tuple[str, ...]]:
        for root in sorted(self._edges):
            if root not in self._index:
                yield from self._from(root)

    def _from(self, root: str) -> Iterator[tuple[str, ...]]:
        work = [self._enter(root)]
        while work:
            name, needs = work[-1]
            for need in needs:
                if need not in self._index:
                    work.append(self._enter(need))
                    break
                if need in self._on_path:
                    self._low[name] = min(self._low[name], self._index[need])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    self._low[above] = min(self._low[above], self._low[name])
                if self._low[name] == self._index[name]:
                    yield self._close(name)

    def _enter(self, name: str) -> tuple[str, Iterator[str]]:
        self._index[name] = self._low[name] = len(self._index)
        self._path.append(name)
        self._on_path.add(name)
        return name, iter(sorted(self._edges.get(name, ())))

    def _close(self, root: str) -> tuple[str, ...]:
        members = [self._path.pop()]
        while members[-1] != root:
            members.append(self._path.pop())
        self._on_path.difference_update(members)
        return tuple(sorted(members))
