"""Where the calls to one service can go, and what this process has seen of each place."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Collection, Sequence
from time import perf_counter

from homeport.balancing.budget import RetryBudget
from homeport.balancing.choice import failure_sample, pick
from homeport.balancing.outliers import (
    Effects,
    Ejected,
    Ejector,
    Evidence,
    PanicBegan,
    PanicEnded,
    Probe,
    Restored,
    Trouble,
)
from homeport.balancing.policy import Policy
from homeport.balancing.rendezvous import owner
from homeport.balancing.retries import Outcome
from homeport.balancing.slowstart import SlowStart
from homeport.discovery.view import ServiceView
from homeport.errors import (
    BadResult,
    ConnectionLost,
    DeadlineExceeded,
    Draining,
    HomeportError,
    NoEndpoint,
    NotSent,
    Overloaded,
    ProtocolError,
    RemoteError,
    UnknownService,
)
from homeport.model import State
from homeport.rpc.local import LocalInstance
from homeport.rpc.peers import Links, Peer

log = logging.getLogger("homeport.rpc")

_random = random.Random()  # spreads load; need not be secret
draw = _random.random
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)  # else a server's forked children would all choose alike

# Balancing measures with this clock; an event loop's may tick in whole milliseconds.
clock = perf_counter

HOLD = 2.0  # seconds a call waits for a service that is known but has no instance on its way;
HOLD_WANTED = 10.0  # for one that is to have instances, so that a replacement must be about to come
LATE = 4.0  # a call that is given up counts against its instance only after this many usual latencies,
LATE_FLOOR = 0.05  # and this many seconds: else a caller in a hurry would eject the healthy


class Route:
    """The instances of one service that take calls, remote and in this very process.

    ``ejector.available`` are those to choose from; ``budget``, ``slow`` and ``policy`` belong to calls of this service
    from this process.
    """

    def __init__(
        self, service: str, view: ServiceView, links: Links, on_lost: Callable[[str, str], None] | None = None
    ) -> None:
        self.service = service
        self._on_lost = on_lost
        self.view = view
        self.peers: list[Peer] = []
        self.local: LocalInstance | None = None  # the one to prefer
        self.locals: dict[str, LocalInstance] = {}
        self.usual = 0.0  # seconds a call usually takes
        self.generation = 0  # rises when the contracts of its instances, or the policy, change
        self.near = object()  # another one whenever what the short way to ``local`` relies on has changed
        self.trial = 0.0  # share of the calls for a release on trial
        self.policy = Policy()
        self._links = links
        self._by_id: dict[str, Peer] = {}
        self._contracts: set[str] = set()
        self._waiters: set[asyncio.Future[None]] = set()
        self._adopt(view.policy or self.policy)

    def _adopt(self, policy: Policy) -> None:
        self.policy = policy
        self.ejector: Ejector[Peer] = Ejector(policy.ejection, draw)
        self.slow: SlowStart[Peer] = SlowStart(policy.slow_start)
        retries = policy.retries
        self.budget = RetryBudget(retries.share, retries.per_second, retries.window)
        self.generation += 1
        self.near = object()

    def refresh(self) -> None:
        """The view has changed: keep what is known of instances that stay."""
        if self.view.policy is not None and self.view.policy != self.policy:
            self._adopt(self.view.policy)
        by_id: dict[str, Peer] = {}
        for instance in self.view.ready():
            peer = self._by_id.get(instance.id)
            if peer is None:
                peer = Peer(instance, self._links, self.policy.ejection)
            else:
                peer.update(instance)
            by_id[instance.id] = peer
        self._by_id = by_id
        self.peers = list(by_id.values())
        self.trial = max((peer.instance.share for peer in self.peers), default=0.0)
        now = clock()
        self.slow.update(self.peers, now)
        self.heed(self.ejector.update(self.peers, now))
        self._prefer()
        contracts = {instance.contract for instance in self.view.instances.values()}
        if contracts != self._contracts:
            self._contracts = contracts
            self.generation += 1
            self.near = object()
        self._wake()

    def host(self, local: LocalInstance) -> None:
        """An instance in this process has become ready."""
        self.locals[local.id] = local
        self._prefer()
        self._wake()

    def unhost(self, local: LocalInstance) -> None:
        self.locals.pop(local.id, None)
        self._prefer()

    def _prefer(self) -> None:
        """Choose among the instances in this process, leaving out what the registry holds back, as by an ejection."""
        known = self.view.instances
        fit = [one for one in self.locals.values() if one.id not in known or known[one.id].state is not State.UNHEALTHY]
        local = fit[-1] if fit else None
        if local is not self.local:
            self.local, self.near = local, object()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    # -- choosing ------------------------------------------------------------------------------------------------------

    def local_now(self, priority: int = 0) -> LocalInstance | None:
        """A local instance that takes another call; None: spill to the others."""
        local = self.local
        if local is None or local.admission.admits(priority):
            return local
        if len(self.locals) > 1:
            known = self.view.instances
            for one in self.locals.values():
                held_back = one.id in known and known[one.id].state is State.UNHEALTHY
                if not held_back and one.admission.admits(priority):
                    return one
        return None

    def choose(self, now: float, tried: Collection[Peer] = ()) -> Peer | None:
        """The peer that takes the next call, none of ``tried`` if that can be helped; None without any."""
        peers: Sequence[Peer] = self.ejector.available
        if tried:
            peers = [peer for peer in peers if peer not in tried] or peers
        if self.trial:
            peers = self._by_trial(peers)
        if not peers:
            return None
        peer = pick(peers, now, draw)
        if self.slow.warming and len(peers) > 1 and self.slow.passes_over(peer, now, draw):
            peer = pick([other for other in peers if other is not peer], now, draw)
        return peer

    def _by_trial(self, peers: Sequence[Peer]) -> Sequence[Peer]:
        """The instances of the release on trial for its share of the calls, the others for the rest."""
        on_trial = draw() < self.trial
        return [peer for peer in peers if (peer.instance.share > 0) == on_trial] or peers

    def owner(self, key: bytes) -> Peer | None:
        """The peer that a routing key belongs to, of those that are not ejected."""
        available = self.ejector.available
        return owner(key, available) if available else None

    @property
    def hold(self) -> float:
        """Seconds that a call waits while no instance is even on its way."""
        return HOLD_WANTED if self.view.wanted else HOLD

    async def wait(self, deadline: float, now: float) -> None:
        """Until the route has changed, for as long as there is hope. Times are the event loop's.

        Raises:
            NoEndpoint: no instance is ready, and none became so in time.
            UnknownService: nobody has ever declared or registered the name.
        """
        if not self.view.known:
            raise UnknownService(self.service)
        until = deadline if self.view.coming() else min(deadline, now + self.hold)
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

    def succeeded(self, peer: Peer, begun: int, elapsed: float, now: float, probe: Probe[Peer] | None) -> None:
        """A call was answered, by a result or by an error that the service declares."""
        peer.latency.answered(begun, elapsed, now)
        self.usual += (elapsed - self.usual) * 0.02 if self.usual else elapsed
        record = peer.record
        if probe is not None:
            self.heed(self.ejector.probe_ended(probe, True, now))
        elif record.evidence is not None:
            self.heed(self.ejector.succeeded(peer, now))
        else:  # what ``ejector.succeeded`` does for an instance that is well, without the call
            if now >= record.ends:
                record.turn(now)
            record.plus += 1
            record.streak = 0

    def gave_up(self, peer: Peer, begun: int, elapsed: float, now: float, probe: Probe[Peer] | None) -> None:
        """The caller does not wait for the answer any more; that says little about the instance."""
        peer.latency.gave_up(begun, elapsed, now)
        if probe is not None:
            self.heed(self.ejector.probe_ended(probe, None, now))

    def failed(
        self, peer: Peer, begun: int, elapsed: float, now: float, probe: Probe[Peer] | None, error: HomeportError
    ) -> Outcome | None:
        """Learn from an error. How the attempt went wrong; None when it did not, or nothing is to be done about it."""
        ejector = self.ejector
        if isinstance(error, Draining):
            peer.latency.gave_up(begun, elapsed, now)
            self.heed(ejector.leaves(peer, now) if probe is None else ejector.probe_ended(probe, False, now))
            return Outcome.UNREACHED
        if isinstance(error, DeadlineExceeded):
            if elapsed < max(LATE_FLOOR, self.usual * LATE):
                self.gave_up(peer, begun, elapsed, now, probe)
                return Outcome.UNANSWERED
            outcome, effects = Outcome.UNANSWERED, ejector.failed(peer, now) if probe is None else ()
        elif isinstance(error, (ConnectionLost, NotSent)):
            outcome = Outcome.UNREACHED if isinstance(error, NotSent) else Outcome.UNANSWERED
            effects = ejector.lost(peer, now) if probe is None else ()
        elif isinstance(error, Overloaded):
            outcome = Outcome.REFUSED
            effects = ejector.failed(peer, now, Trouble.OVERLOADED) if probe is None else ()
        elif isinstance(error, (RemoteError, BadResult, ProtocolError)):
            outcome, effects = Outcome.FAILED, ejector.failed(peer, now) if probe is None else ()
        else:
            self.succeeded(peer, begun, elapsed, now, probe)
            return None
        peer.latency.answered(begun, failure_sample(elapsed, self.usual), now)
        self.heed(effects if probe is None else ejector.probe_ended(probe, False, now))
        return outcome if not isinstance(error, (BadResult, ProtocolError)) else None

    def heed(self, effects: Effects) -> None:
        """Say what was decided, for the operator; calls already follow it."""
        for effect in effects:
            if isinstance(effect, Ejected):
                seconds = round(effect.until - clock(), 3)
                if effect.evidence is Evidence.LOST and self._on_lost is not None:
                    self._on_lost(effect.instance, effect.reason)
                log.warning(
                    "instance.ejected",
                    extra={
                        "target": self.service,
                        "peer": effect.instance,
                        "evidence": effect.evidence.value,
                        "reason": effect.reason,
                        "seconds": seconds,
                    },
                )
            elif isinstance(effect, Restored):
                peer = self._by_id.get(effect.instance)
                if peer is not None:
                    self.slow.restarted(peer, clock())
                log.info("instance.restored", extra={"target": self.service, "peer": effect.instance})
            elif isinstance(effect, PanicBegan):
                log.warning("route.panic", extra={"target": self.service, "left": effect.left, "of": effect.of})
            elif isinstance(effect, PanicEnded):
                log.info("route.calm", extra={"target": self.service, "left": effect.left, "of": effect.of})
