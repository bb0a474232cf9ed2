"""In which order services end: callers before what they call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def stages(requires: Mapping[str, Iterable[str]]) -> list[set[str]]:
    """Sets of services that may end together, first to last; services that call each other in a circle are one set.

    Names that are no keys of ``requires`` are ignored.
    """
    calls = {name: {other for other in others if other in requires} - {name} for name, others in requires.items()}
    left, ordered = set(calls), []
    while left:
        called = set().union(*(calls[name] & left for name in left))
        stage = left - called or _outermost_circle(left, calls)
        ordered.append(stage)
        left -= stage
    return ordered


def _outermost_circle(left: set[str], calls: Mapping[str, set[str]]) -> set[str]:
    """A circle that nothing outside it calls, among services that are all called."""
    reach = {name: _reach(name, left, calls) for name in left}
    member = min(left)
    # Walking up from any member to whoever calls it, and is not called back, ends in the circle looked for.
    while True:
        above = next((name for name in sorted(left) if member in reach[name] and name not in reach[member]), None)
        if above is None:
            return {name for name in left if name in reach[member] and member in reach[name]} | {member}
        member = above


def _reach(start: str, left: set[str], calls: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    pending = [start]
    while pending:
        for name in calls[pending.pop()] & left:
            if name not in found:
                found.add(name)
                pending.append(name)
    return found
