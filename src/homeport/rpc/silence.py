"""Pings instances that owe answers and have gone silent, and those ejected for silence until they answer.

A hung process keeps its connections open, so nothing else tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from homeport.rpc.client import ClientLink
from homeport.rpc.peers import Peer
from homeport.rpc.routes import Route, clock

PERIOD = 0.05  # seconds between looks, while calls are out


class SilenceWatch:
    """Looks at every instance with calls in flight; rests while there are none."""

    def __init__(self, loop: asyncio.AbstractEventLoop, routes: Mapping[str, Route]) -> None:
        self._loop, self._routes = loop, routes
        self.running = False
        self._timer: asyncio.TimerHandle | None = None
        self._pings: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        if not self.running:
            self.running = True
            self._timer = self._loop.call_later(PERIOD, self._look)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for task in self._pings:
            task.cancel()

    def _look(self) -> None:
        now, loop_now, busy = clock(), self._loop.time(), False
        for route in self._routes.values():
            patience = route.policy.ping
            for peer in route.peers:
                mute = peer.record.mute
                if not (peer.in_flight or mute):
                    continue
                busy = True
                link = peer.link
                if link is None or link.closed:
                    route.ejector.unlinked(peer)
                elif loop_now - link.heard < patience.silence:
                    if mute:  # it was out for longer than that, so it has been heard since
                        route.ejector.alive(peer, now)
                elif not peer.pinging and (mute or now - peer.latency.since >= patience.silence):
                    self._ping_soon(route, peer, link, patience.patience)
        self.running = busy
        self._timer = self._loop.call_later(PERIOD, self._look) if busy else None

    def _ping_soon(self, route: Route, peer: Peer, link: ClientLink, patience: float) -> None:
        peer.pinging = True
        ping = self._loop.create_task(self._ping(route, peer, link, patience), name="rpc.ping")
        self._pings.add(ping)
        ping.add_done_callback(self._pings.discard)

    async def _ping(self, route: Route, peer: Peer, link: ClientLink, patience: float) -> None:
        try:
            if await link.ping(patience):
                route.ejector.alive(peer, clock())
            elif not link.closed:  # else the calls that were lost have told
                route.heed(route.ejector.silent(peer, clock(), patience))
        finally:
            peer.pinging = False
