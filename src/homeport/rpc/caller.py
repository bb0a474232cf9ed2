"""The calling side of one process: routes to services, and the calls that go along them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

from homeport.discovery.view import View
from homeport.errors import NotSent, Unavailable, UnknownService
from homeport.rpc.context import CURRENT, DEFAULT_TIMEOUT, CallContext
from homeport.rpc.local import LocalInstance, LocalItems, LocalWay, local_context
from homeport.rpc.outside import OutsideRequests
from homeport.rpc.peers import Links, Peer
from homeport.rpc.remote import RemoteCalls
from homeport.rpc.routes import Route, clock
from homeport.rpc.silence import SilenceWatch
from homeport.rpc.spec import CallSpec
from homeport.rpc.sweep import sweep_of

Need = Callable[[str], Awaitable[None]]
Names = Callable[[], Awaitable[Iterable[str]]]

STREAM_ATTEMPTS = 3  # instances a stream is offered to while it is certain that none has started it


class Caller:
    """Everything a process needs to call services by name.

    ``need`` is awaited before the first call to a service that the view does not follow yet; ``names`` tells all
    services there are, to name the one that a misspelt name may have meant; ``on_lost`` hears of instances whose
    connection broke.
    """

    def __init__(
        self,
        view: View,
        links: Links,
        need: Need,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        names: Names | None = None,
        on_lost: Callable[[str, str], None] | None = None,
    ) -> None:
        self.view = view
        self.links = links
        self.loop = loop or asyncio.get_running_loop()
        self.sweep = sweep_of(self.loop)
        self.routes: dict[str, Route] = {}
        self.outside = OutsideRequests(self)
        self._remote = RemoteCalls(self)
        self._silence = SilenceWatch(self.loop, self.routes)
        self._need, self._names, self._on_lost = need, names, on_lost
        self._followed: set[str] = set()
        self._ways: dict[tuple[str, CallSpec], LocalWay] = {}

    def follow(self, services: Iterable[str]) -> None:
        """The view follows these already; ``need`` is not asked for them."""
        self._followed.update(services)

    def route(self, service: str) -> Route:
        route = self.routes.get(service)
        if route is None:
            route = self.routes[service] = Route(service, self.view.service(service), self.links, self._on_lost)
            route.refresh()
        return route

    def refresh(self, services: Iterable[str]) -> None:
        """The view of these services has changed."""
        for service in services:
            route = self.routes.get(service)
            if route is not None:
                route.refresh()
        self.links.retire(peer.endpoint for route in self.routes.values() for peer in route.peers)

    @property
    def watching(self) -> bool:
        """Whether somebody looks out for instances that have gone silent."""
        return self._silence.running

    def watch_silence(self) -> None:
        self._silence.start()

    # -- calls ---------------------------------------------------------------------------------------------------------

    def deadline(self, timeout: float, parent: CallContext | None) -> float | None:
        """The moment a call made now must have ended by; never later than its caller's own."""
        deadline = self.loop.time() + timeout
        if parent is not None and parent.deadline is not None and parent.deadline < deadline:
            return parent.deadline
        return deadline

    def call(self, route: Route, spec: CallSpec, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[Any]:
        """Call a method that answers once.

        Raises (when awaited): a ServiceError of the method's own, RemoteError, BadArguments, Unavailable and kin.
        """
        parent = CURRENT.get()
        if route.local is not None and spec.route_key is None:
            local = route.local_now(parent.priority if parent is not None else spec.priority)
            if local is not None:
                return self.local(local, spec, args, kwargs)
        deadline = self.deadline(spec.timeout, parent)
        send = self._remote.call if spec.hedging is None else self._remote.hedged
        return send(route, spec, args, kwargs, deadline, parent)

    def local(
        self,
        local: LocalInstance,
        spec: CallSpec,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Awaitable[Any]:
        """Call an instance in this process, which has admitted the call."""
        way = self.way(local, spec)
        if local.through_codec or spec.json:
            return way.run_through_codec(spec.encode(args, kwargs), spec.decode, spec.json)
        return way.run(args, kwargs)

    def way(self, local: LocalInstance, spec: CallSpec) -> LocalWay:
        """How calls of one method reach one instance in this process."""
        way = self._ways.get((local.id, spec))
        if way is None:
            if len(self._ways) > 1000:
                self._ways.clear()  # calls with a timeout of their own each have a spec of their own
            way = LocalWay(local, spec.method, spec.bind.caller, spec.timeout, self.sweep, self.loop)
            self._ways[local.id, spec] = way
        return way

    async def choose(
        self,
        route: Route,
        spec: CallSpec,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        deadline: float | None,
        tried: list[Peer],
    ) -> Peer:
        """An instance for this call, rather none of ``tried``; waits for one while there is hope.

        Raises:
            NoEndpoint: none came.
            UnknownService: nobody has ever declared or registered the name.
        """
        while True:
            key = spec.route_key(args, kwargs) if spec.route_key is not None and not tried else None
            peer = (route.owner(key) if key is not None else None) or route.choose(clock(), tried)
            if peer is not None:
                return peer
            await self.appear(route, deadline)
            if not route.peers:
                if route.local is not None:
                    raise route.local.admission.refusal()
                now = self.loop.time()
                await route.wait(now + DEFAULT_TIMEOUT if deadline is None else deadline, now)
            elif not route.ejector.available:
                now = self.loop.time()
                await route.wait(now if deadline is None else min(deadline, now), now)

    async def appear(self, route: Route, deadline: float | None) -> None:
        """Make sure that the registry has been asked about a service.

        Raises:
            UnknownService: nobody has ever declared or registered it.
            NotSent: the registry did not answer by ``deadline``.
        """
        if route.service not in self._followed:
            try:
                async with asyncio.timeout_at(deadline):
                    await self._need(route.service)
            except TimeoutError:
                raise NotSent(
                    f"the registry did not say in time where {route.service!r} is; run `homeport doctor`"
                ) from None
            self._followed.add(route.service)
        if not route.view.known:
            raise UnknownService(route.service, await self._all_names())

    async def _all_names(self) -> Iterable[str]:
        if self._names is None:
            return ()
        try:
            return await self._names()
        except Unavailable:
            return ()  # an error without a suggestion is better than another error

    # -- streams -------------------------------------------------------------------------------------------------------

    async def stream(
        self, route: Route, spec: CallSpec, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """Call a method that streams. A parent's deadline bounds the whole; ``spec.idle`` each item."""
        parent = CURRENT.get()
        items = await self._open_stream(route, spec, args, kwargs, parent)
        try:
            async for item in items:
                yield item
        finally:
            await items.aclose()

    async def _open_stream(
        self,
        route: Route,
        spec: CallSpec,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        parent: CallContext | None,
    ) -> Any:
        deadline = parent.deadline if parent is not None else None
        local = route.local_now() if spec.route_key is None else None
        if local is not None:
            return self._local_stream(local, spec, args, kwargs, deadline, parent)
        body = spec.encode(args, kwargs)
        tried: list[Peer] = []
        patience = self.deadline(spec.timeout, parent)
        while True:
            peer = await self.choose(route, spec, args, kwargs, patience, tried)
            local = route.locals.get(peer.instance.id) if route.locals else None
            if local is not None:
                if local.admission.admits():
                    return self._local_stream(local, spec, args, kwargs, deadline, parent)
                if not peer.endpoint:
                    raise local.admission.refusal()
            now = clock()
            begun = peer.latency.begin(now)
            tried.append(peer)
            try:
                link = await self._remote.connected(peer, deadline)
                number = peer.numbers.get(spec) or peer.number(link, spec, spec.bind_to(peer.instance.id))
                items = link.stream(number, spec.name, body, spec.decode, deadline, parent, spec.idle)
            except Unavailable as error:
                route.failed(peer, begun, clock() - now, clock(), None, error)
                if not error.never_started:
                    raise
                if len(tried) >= STREAM_ATTEMPTS:
                    await self._remote.changed(route, patience, error)
                    tried.clear()
                continue
            route.gave_up(peer, begun, 0.0, clock(), None)  # how long a stream takes says nothing of the instance
            return items

    def _local_stream(
        self,
        local: LocalInstance,
        spec: CallSpec,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        deadline: float | None,
        parent: CallContext | None,
    ) -> LocalItems:
        method = local.method(spec.method)
        caller = spec.bind.caller
        convert: Callable[[Any], Any] | None = None
        if local.through_codec or spec.json:
            args, kwargs = method.signature.decode_arguments(spec.encode(args, kwargs), spec.json)

            def convert(item: Any) -> Any:
                return spec.decode(method.signature.encode_result(item, spec.json))  # type: ignore[arg-type]

        context = local_context(local, spec.method, caller, deadline, parent)
        items = method.function(*args, **kwargs)
        edge = local.edge(caller, spec.method)
        return LocalItems(local, items, edge, context, self.sweep, spec.idle, convert)

    async def close(self) -> None:
        self._silence.close()
        await self.links.close()
        await self.outside.close()
