"""Chooses instances for proxied requests with the balancer of every other call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from homeport.errors import Unavailable
from homeport.rpc.caller import Caller
from homeport.rpc.outside import OutsideRequests
from homeport.rpc.peers import Peer
from homeport.rpc.routes import Route, clock

_PATIENCE = 10.0  # seconds a request waits for an app that is on its way


class PeerLoan:
    """A peer that serves one request; it counts as in flight until the answer has been passed on."""

    def __init__(self, requests: OutsideRequests, route: Route, peer: Peer) -> None:
        self._requests, self._route, self._peer = requests, route, peer
        self._started = clock()
        self._begun = peer.latency.begin(self._started)
        self._told = False

    @property
    def endpoint(self) -> str:
        return self._peer.http_endpoint

    def answered(self, failed: bool) -> None:
        if not self._told:
            self._told = True
            elapsed = clock() - self._started
            self._requests.answered(self._route, self._peer, self._begun, elapsed, failed=failed)

    def lost(self, error: Unavailable) -> None:
        """No answer came."""
        if not self._told:
            self._told = True
            now = clock()
            self._route.failed(self._peer, self._begun, now - self._started, now, None, error)

    def given_back(self) -> None:
        """The request is over; without an answer, its client has gone."""
        if not self._told:
            self._told = True
            now = clock()
            self._route.gave_up(self._peer, self._begun, now - self._started, now, None)


class CallerBalancer:
    """An ``HttpBalancer`` over the routes of a client."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @asynccontextmanager
    async def lend(self, service: str, tried: set[str]) -> AsyncIterator[PeerLoan]:
        route, requests = self._caller.route(service), self._caller.outside
        avoid = [peer for peer in route.peers if peer.http_endpoint in tried]
        peer = await requests.choose(route, self._caller.loop.time() + _PATIENCE, avoid)
        loan = PeerLoan(requests, route, peer)
        peer.in_flight += 1
        try:
            yield loan
        except Unavailable as error:
            loan.lost(error)
            raise
        finally:
            loan.given_back()
            peer.in_flight -= 1
