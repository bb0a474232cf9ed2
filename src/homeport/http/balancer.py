"""Chooses instances for proxied requests with the balancer of every other call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from homeport.errors import Unavailable
from homeport.rpc.caller import Caller
from homeport.rpc.peers import Peer
from homeport.rpc.routes import Route

_PATIENCE = 10.0  # seconds a request waits for an app that is on its way


class PeerLoan:
    """A peer that serves one request; it counts as in flight until the answer has been passed on."""

    def __init__(self, route: Route, peer: Peer, now: float) -> None:
        self._route, self._peer, self._started = route, peer, now
        self._told = False

    @property
    def endpoint(self) -> str:
        return self._peer.http_endpoint

    def answered(self, failed: bool) -> None:
        if self._told:
            return
        self._told = True
        now = asyncio.get_running_loop().time()
        learn = self._route.failed if failed else self._route.succeeded
        learn(self._peer, now - self._started, now)


class CallerBalancer:
    """An ``HttpBalancer`` over the routes of a client."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @asynccontextmanager
    async def lend(self, service: str, tried: set[str]) -> AsyncIterator[PeerLoan]:
        loop = asyncio.get_running_loop()
        route = self._caller.route(service)
        avoid = [peer for peer in route.peers if peer.http_endpoint in tried]
        peer = await self._caller.choose_http(route, loop.time() + _PATIENCE, avoid)
        loan = PeerLoan(route, peer, loop.time())
        peer.in_flight += 1
        try:
            yield loan
        except Unavailable:
            loan.answered(failed=True)
            raise
        finally:
            peer.in_flight -= 1
