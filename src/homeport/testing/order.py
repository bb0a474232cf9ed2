"""The order in which services start: each after those it calls."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from homeport.graphs import strongly_connected


def start_order(calls: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Groups of services to start one after the other; the members of a dependency cycle share one and start together.

    ``calls`` names the services that each service calls; names it does not have as keys do not count.
    """
    known = {name: [need for need in needs if need in calls] for name, needs in calls.items()}
    return [list(members) for members in strongly_connected(known)]
