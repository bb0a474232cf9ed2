"""How others choose an instance, to be put in the place of ``Route.choose``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from typing import TypeAlias

from homeport.rpc.peers import Peer
from homeport.rpc.routes import Route, draw

Choose: TypeAlias = Callable[[Route, float, Collection[Peer]], Peer | None]


def round_robin() -> Choose:
    """Each in turn, whatever has been seen of it."""
    turns = itertools.count()

    def choose(route: Route, now: float, tried: Collection[Peer] = ()) -> Peer | None:
        peers = [peer for peer in route.peers if peer not in tried] or route.peers
        return peers[next(turns) % len(peers)] if peers else None

    return choose


def least_loaded() -> Choose:
    """The one with the fewest calls unanswered, of all; by lot among equals."""

    def choose(route: Route, now: float, tried: Collection[Peer] = ()) -> Peer | None:
        peers = [peer for peer in route.peers if peer not in tried] or route.peers
        return min(peers, key=lambda peer: (peer.in_flight, draw()), default=None)

    return choose


CHOICES: dict[str, Callable[[], Choose]] = {"round robin": round_robin, "least loaded": least_loaded}
