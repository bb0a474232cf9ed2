"""Pings instances that owe answers and have gone silent: a hung process keeps its connections open."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

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
                if not peer.in_flight:
                    continue
                busy = True
                link = peer.link
                if link is None or peer.pinging or now - peer.latency.since < patience.silence:
                    continue
                if loop_now - link.heard >= patience.silence:
                    peer.pinging = True
                    ping = self._loop.create_task(self._ping(route, peer, patience.patience), name="rpc.ping")
                    self._pings.add(ping)
                    ping.add_done_callback(self._pings.discard)
        self.running = busy
        self._timer = self._loop.call_later(PERIOD, self._look) if busy else None

    async def _ping(self, route: Route, peer: Peer, patience: float) -> None:
        try:
            link = peer.link
            if link is None or link.closed:
                return
            if await link.ping(patience):
                route.ejector.alive(peer, clock())
            elif not link.closed:  # else the calls that were lost have told
                route.heed(route.ejector.silent(peer, clock(), patience))
        finally:
            peer.pinging = False
