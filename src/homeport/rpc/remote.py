"""Calls over a connection: sent to an instance of the route, and to another when that is safe."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from homeport.balancing.outliers import Probe
from homeport.balancing.retries import Attempted, Outcome, Retry, next_step
from homeport.errors import DeadlineExceeded, HomeportError, NoEndpoint, NotSent
from homeport.rpc.client import ClientLink
from homeport.rpc.context import CallContext
from homeport.rpc.peers import Peer
from homeport.rpc.routes import HOLD, Route, clock, draw
from homeport.rpc.spec import CallSpec

if TYPE_CHECKING:
    from homeport.rpc.caller import Caller

CONNECT_PATIENCE = 3.0  # seconds to spend on a connection


class RemoteCalls:
    """Sends calls, learns from how they end, retries and hedges under the route's budget."""

    def __init__(self, caller: Caller) -> None:
        self._caller, self._loop = caller, caller.loop

    async def call(
        self,
        route: Route,
        spec: CallSpec,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        deadline: float | None,
        parent: CallContext | None,
        tried: list[Peer] | None = None,
        hedge: bool = False,
    ) -> Any:
        """The answer of one of the service's instances.

        ``tried`` collects the instances it was sent to, and keeps it away from those in it already. A ``hedge`` is the
        second of two calls that race.
        """
        body = spec.encode(args, kwargs)
        tried = [] if tried is None else tried
        context = parent if parent is not None or not spec.priority else CallContext(priority=spec.priority)
        part_of_retry = parent is not None and parent.retry
        now = clock()
        budget = route.budget
        if now >= budget.ends:
            budget.turn(now)
        if not hedge:  # else it is paid for already
            budget.plus += 1  # what ``budget.deposit`` does, without the call
        attempts = 0
        while True:
            probe: Probe[Peer] | None = None
            if not tried and now >= route.ejector.due:  # a call that went wrong once is not put at risk again
                probe = route.ejector.probe(now, retryable=spec.idempotent)
            peers = route.ejector.available
            if probe is not None:
                peer = probe.member
            elif len(peers) == 1 and spec.route_key is None and not tried:
                peer = peers[0]
            else:
                peer = await self._caller.choose(route, spec, args, kwargs, deadline, tried)
            local = route.locals.get(peer.instance.id) if route.locals else None
            if local is not None:
                if probe is not None:
                    route.heed(route.ejector.probe_ended(probe, None, now))  # what is here needs no probe
                if local.admission.admits(context.priority if context is not None else 0):
                    return await self._caller.local(local, spec, args, kwargs)
                if not peer.endpoint:
                    raise local.admission.refusal()
            now = clock()
            peer.in_flight += 1
            begun = peer.latency.begin(now)
            tried.append(peer)
            attempts += 1
            try:
                link = peer.link
                if link is None or link.closed or link.leaving:
                    link = await self.connected(peer, deadline)
                    now = clock()  # how long a connection takes says nothing about answers
                number = peer.numbers.get(spec) or peer.number(link, spec, spec.bind_to(peer.instance.id))
                if link.congested:
                    await self.writable(link, deadline)
                if not self._caller.watching:
                    self._caller.watch_silence()
                reply = link.call(number, spec.name, body, spec.decode, deadline, context)
                try:
                    value = await reply.future
                except asyncio.CancelledError:
                    link.abandon(reply)
                    raise
            except HomeportError as error:
                ended = clock()
                outcome = route.failed(peer, begun, ended - now, ended, probe, error)
                now = ended
                if outcome is None:
                    raise
                wait = self._pause(route, spec, error, outcome, attempts, part_of_retry, deadline, now)
                if wait is None:
                    unreached = error
                if outcome in (Outcome.UNANSWERED, Outcome.FAILED):
                    context = _as_retry(context)
            except BaseException:
                ended = clock()
                route.gave_up(peer, begun, ended - now, ended, probe)
                raise
            else:
                ended = clock()
                route.succeeded(peer, begun, ended - now, ended, probe)
                if spec.hedging is not None and not hedge:
                    spec.hedging.observe(ended - now)
                return value
            finally:
                peer.in_flight -= 1
            if wait is None:
                await self.changed(route, deadline, unreached)
                tried.clear()
                attempts, now = 0, clock()
            elif wait:
                await asyncio.sleep(wait)
                now = clock()

    def _pause(
        self,
        route: Route,
        spec: CallSpec,
        error: HomeportError,
        outcome: Outcome,
        attempts: int,
        part_of_retry: bool,
        deadline: float | None,
        now: float,
    ) -> float | None:
        """Seconds to wait before the next attempt; None: until there is news of the service.

        Raises: ``error``, when there is no next attempt.
        """
        step = next_step(
            Attempted(
                outcome=outcome,
                attempts=attempts,
                idempotent=spec.idempotent,
                is_retry=part_of_retry,
                remaining=float("inf") if deadline is None else deadline - self._loop.time(),
            ),
            spec.retries,
            route.budget,
            now,
            draw,
        )
        if isinstance(step, Retry):
            return step.after
        if outcome is Outcome.UNREACHED and spec.retries.attempts >= 2:
            return None
        raise error

    async def changed(self, route: Route, deadline: float | None, unreached: HomeportError) -> None:
        """Until there is news of a service of which nobody could be reached: it may not be known yet who has died.

        Raises: ``unreached``, when none came in time.
        """
        now = self._loop.time()
        try:
            await route.wait(now + HOLD if deadline is None else min(deadline, now + HOLD), now)
        except NoEndpoint:
            raise unreached from None

    async def hedged(
        self,
        route: Route,
        spec: CallSpec,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        deadline: float | None,
        parent: CallContext | None,
    ) -> Any:
        """Like ``call``, but a second one is sent elsewhere when the first takes unusually long; the first answer wins.

        For idempotent methods only. Source: Dean and Barroso, "The Tail at Scale", 2013.
        """
        assert spec.hedging is not None
        began = clock()
        tried: list[Peer] = []
        first = asyncio.ensure_future(self.call(route, spec, args, kwargs, deadline, parent, tried))
        running = {first}
        try:
            await asyncio.wait(running, timeout=spec.hedging.delay())
            if not first.done() and len(route.ejector.available) > 1 and route.budget.withdraw(clock()):
                again = self.call(route, spec, args, kwargs, deadline, _as_retry(parent), tried, hedge=True)
                running.add(asyncio.ensure_future(again))
            while True:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                winner = next((task for task in done if task.exception() is None), None)
                if winner is None and running:
                    continue
                if winner is not None and winner is not first:
                    spec.hedging.observe(clock() - began)  # the first would have taken at least this long
                return (winner or next(iter(done))).result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def connected(self, peer: Peer, deadline: float | None) -> ClientLink:
        """An open connection to ``peer``.

        Raises:
            NotSent: nobody answers there.
            DeadlineExceeded: there was not the time to find out.
        """
        left = CONNECT_PATIENCE if deadline is None else min(CONNECT_PATIENCE, deadline - self._loop.time())
        if left > 0:
            try:
                return await peer.connected(left)
            except NotSent:
                if deadline is None or self._loop.time() < deadline:
                    raise
        raise DeadlineExceeded(f"no time was left to connect to {peer.instance.id}")

    async def writable(self, link: ClientLink, deadline: float | None) -> None:
        """Until a full send buffer has drained.

        Raises:
            NotSent: it did not before the deadline.
        """
        try:
            async with asyncio.timeout_at(deadline):
                await link.writable.wait()
        except TimeoutError:
            raise NotSent(f"the send buffer to {link.endpoint} stayed full until the deadline") from None


def _as_retry(context: CallContext | None) -> CallContext:
    """What the retry says of itself, so that it is not retried further down."""
    if context is None:
        return CallContext(retry=True)
    if context.retry:
        return context
    return CallContext(
        context.service,
        context.method,
        context.caller,
        context.deadline,
        context.traced(),
        context.span,
        context.metadata,
        context.priority,
        True,
    )
