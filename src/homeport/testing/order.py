"""The order in which services start: each after those it calls."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter


def start_order(calls: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Groups of services to start one after the other; the members of a dependency cycle share one and start together.

    ``calls`` names the services that each service calls; names it does not have as keys do not count.
    """
    reach = {name: _reach(name, calls) for name in calls}
    group = {
        name: tuple(
            sorted(other for other in calls if other == name or (other in reach[name] and name in reach[other]))
        )
        for name in calls
    }
    before: dict[tuple[str, ...], set[tuple[str, ...]]] = {members: set() for members in group.values()}
    for name, members in group.items():
        before[members] |= {group[other] for other in reach[name] if group[other] != members}
    return [list(members) for members in TopologicalSorter(before).static_order()]


def _reach(name: str, calls: Mapping[str, Collection[str]]) -> set[str]:
    """All services that ``name`` calls, itself or through others."""
    found: set[str] = set()
    pending = [name]
    while pending:
        for other in calls[pending.pop()]:
            if other in calls and other not in found:
                found.add(other)
                pending.append(other)
    return found
