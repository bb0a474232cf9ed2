"""Where the calls to one service can go, as far as this process knows."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Collection, Sequence

from homeport.balancing.choice import failure_sample, pick
from homeport.balancing.latency import PeakLatency
from homeport.balancing.rendezvous import owner
from homeport.discovery.view import ServiceView
from homeport.errors import NoEndpoint, UnknownService
from homeport.rpc.local import LocalInstance
from homeport.rpc.peers import Links, Peer

_random = random.Random()  # spreads load; need not be secret
_draw = _random.random
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)  # else a server's forked children would all choose alike

HOLD = 2.0  # seconds a call waits for a service that is known but has no instance on its way


class Route:
    """The ready instances of one service, remote and in this very process."""

    def __init__(self, service: str, view: ServiceView, links: Links) -> None:
        self.service = service
        self.view = view
        self.peers: list[Peer] = []
        self.local: LocalInstance | None = None  # the one to prefer
        self.locals: dict[str, LocalInstance] = {}
        self.usual = PeakLatency()
        self.generation = 0  # rises when the contracts of its instances change
        self._contracts: set[str] = set()
        self._links = links
        self._by_id: dict[str, Peer] = {}
        self._waiters: set[asyncio.Future[None]] = set()

    def refresh(self) -> None:
        """The view has changed: keep what is known of instances that stay."""
        ready = self.view.ready()
        by_id: dict[str, Peer] = {}
        for instance in ready:
            peer = self._by_id.get(instance.id)
            if peer is None:
                peer = Peer(instance, self._links)
            else:
                peer.update(instance)
            by_id[instance.id] = peer
        self._by_id = by_id
        self.peers = list(by_id.values())
        contracts = {instance.contract for instance in self.view.instances.values()}
        if contracts != self._contracts:
            self._contracts = contracts
            self.generation += 1
        self._wake()

    def host(self, local: LocalInstance) -> None:
        """An instance in this process has become ready."""
        self.locals[local.id] = local
        self.local = local
        self._wake()

    def unhost(self, local: LocalInstance) -> None:
        self.locals.pop(local.id, None)
        self.local = next(iter(self.locals.values()), None)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    # -- choosing ------------------------------------------------------------------------------------------------------

    def local_now(self) -> LocalInstance | None:
        """A local instance that takes another call; None: spill to the others."""
        local = self.local
        if local is None or local.admission.admits():
            return local
        if len(self.locals) > 1:
            return next((one for one in self.locals.values() if one.admission.admits()), None)
        return None

    def choose(self, now: float, tried: Collection[Peer] = ()) -> Peer | None:
        """The peer that takes the next call, none of ``tried`` if that can be helped; None without any."""
        peers: Sequence[Peer] = self.peers
        if tried:
            peers = [peer for peer in peers if peer not in tried] or peers
        return pick(peers, now, _draw) if peers else None

    def owner(self, key: bytes) -> Peer | None:
        """The peer that a routing key belongs to."""
        return owner(key, self.peers) if self.peers else None

    async def wait(self, deadline: float, now: float) -> None:
        """Until the route has changed, for as long as there is hope.

        Raises:
            NoEndpoint: no instance is ready, and none became so in time.
            UnknownService: nobody has ever declared or registered the name.
        """
        if not self.view.known:
            raise UnknownService(self.service)
        until = deadline if self.view.coming() else min(deadline, now + HOLD)
        if until <= now:
            raise NoEndpoint(self.service, len(self.view.instances))
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout_at(until):
                await waiter
        except TimeoutError:
            raise NoEndpoint(self.service, len(self.view.instances)) from None
        finally:
            self._waiters.discard(waiter)

    # -- learning ------------------------------------------------------------------------------------------------------

    def succeeded(self, peer: Peer, elapsed: float, now: float) -> None:
        peer.latency.observe(elapsed, now)
        usual = self.usual
        usual.seconds = usual.seconds + (elapsed - usual.seconds) * 0.02 if usual.seconds else elapsed

    def failed(self, peer: Peer, elapsed: float, now: float) -> None:
        peer.latency.observe(failure_sample(elapsed, self.usual.seconds), now)
