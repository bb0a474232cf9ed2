"""The calling side of one process: routes to services, and the calls that go along them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from homeport.discovery.view import View
from homeport.errors import (
    DeadlineExceeded,
    NoEndpoint,
    NotSent,
    RemoteError,
    Unavailable,
    UnknownService,
)
from homeport.rpc.client import Decode
from homeport.rpc.context import CURRENT, DEFAULT_TIMEOUT, CallContext
from homeport.rpc.frames import Bind
from homeport.rpc.local import LocalInstance, LocalItems, call_local, call_through_codec, local_context
from homeport.rpc.peers import Links, Peer
from homeport.rpc.routes import Route
from homeport.rpc.sweep import sweep_of

if TYPE_CHECKING:
    from homeport.rpc.http_call import HttpCalls

ATTEMPTS = 3  # instances a call is offered to while it is certain that none has started it
STREAM_IDLE = 30.0  # seconds the next item of a stream may take


class CallSpec:
    """How one method is called: what a handle knows of it, resolved once."""

    __slots__ = ("bind", "decode", "encode", "idle", "json", "local_name", "name", "route_key", "service", "timeout")

    def __init__(
        self,
        service: str,
        name: str,
        *,
        caller: str,
        encode: Callable[[tuple[Any, ...], dict[str, Any]], bytes],
        decode: Decode,
        timeout: float = DEFAULT_TIMEOUT,
        idle: float | None = STREAM_IDLE,
        route_key: Callable[[tuple[Any, ...], dict[str, Any]], bytes | None] | None = None,
        contract: str = "",
        json: bool = False,
    ) -> None:
        self.service = service
        self.local_name = name
        self.name = f"{service}.{name}"
        self.encode, self.decode = encode, decode
        self.timeout, self.idle = timeout, idle
        self.route_key = route_key
        self.json = json
        self.bind = Bind(service=service, method=name, caller=caller, contract=contract, json=json)

    def bind_to(self, instance: str) -> Bind:
        bind = self.bind
        return Bind(
            service=bind.service,
            method=bind.method,
            instance=instance,
            caller=bind.caller,
            contract=bind.contract,
            json=bind.json,
        )


Need = Callable[[str], Awaitable[None]]
Names = Callable[[], Awaitable[Iterable[str]]]


class Caller:
    """Everything a process needs to call services by name.

    ``need`` is awaited before the first call to a service that the view does not follow yet; ``names`` tells all
    services there are, to name the one that a misspelt name may have meant.
    """

    def __init__(
        self,
        view: View,
        links: Links,
        need: Need,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        names: Names | None = None,
    ) -> None:
        self.view = view
        self.links = links
        self.loop = loop or asyncio.get_running_loop()
        self.sweep = sweep_of(self.loop)
        self._need, self._names = need, names
        self._routes: dict[str, Route] = {}
        self._followed: set[str] = set()
        self._http: HttpCalls | None = None

    def follow(self, services: Iterable[str]) -> None:
        """The view follows these already; ``need`` is not asked for them."""
        self._followed.update(services)

    def route(self, service: str) -> Route:
        route = self._routes.get(service)
        if route is None:
            route = self._routes[service] = Route(service, self.view.service(service), self.links)
            route.refresh()
        return route

    def refresh(self, services: Iterable[str]) -> None:
        """The view of these services has changed."""
        for service in services:
            route = self._routes.get(service)
            if route is not None:
                route.refresh()
        self.links.retire(peer.endpoint for route in self._routes.values() for peer in route.peers)

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
        deadline = self.deadline(spec.timeout, parent)
        if route.local is not None and spec.route_key is None:
            local = route.local_now()
            if local is not None:
                return self._local(local, spec, args, kwargs, deadline, parent)
        return self._remote(route, spec, args, kwargs, deadline, parent)

    def _local(
        self,
        local: LocalInstance,
        spec: CallSpec,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        deadline: float | None,
        parent: CallContext | None,
    ) -> Awaitable[Any]:
        method = local.method(spec.local_name)
        caller = spec.bind.caller
        edge = local.edge(caller, spec.local_name)
        context = local_context(local, spec.local_name, caller, deadline, parent)
        if local.through_codec or spec.json:
            body = spec.encode(args, kwargs)
            return call_through_codec(local, method, body, spec.decode, edge, context, self.sweep, spec.json)
        return call_local(local, method.function, args, kwargs, edge, context, self.sweep)

    async def _remote(
        self,
        route: Route,
        spec: CallSpec,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        deadline: float | None,
        parent: CallContext | None,
    ) -> Any:
        body = spec.encode(args, kwargs)
        tried: list[Peer] = []
        while True:
            peer = await self._choose(route, spec, args, kwargs, deadline, tried)
            local = route.locals.get(peer.instance.id) if route.locals else None
            if local is not None:
                if local.admission.admits():
                    return await self._local(local, spec, args, kwargs, deadline, parent)
                if not peer.endpoint:
                    raise local.admission.refusal()
            loop = self.loop
            started = loop.time()
            peer.in_flight += 1
            try:
                link = peer.link
                if link is None or not link.usable:
                    link = await peer.connected(self._within(deadline))
                number = peer.numbers.get(spec) or peer.number(link, spec, spec.bind_to(peer.instance.id))
                if link.congested:
                    await self._writable(link, deadline)
                reply = link.call(number, spec.name, body, spec.decode, deadline, parent)
                try:
                    value = await reply.future
                except asyncio.CancelledError:
                    link.abandon(reply)
                    raise
            except Unavailable as error:
                now = loop.time()
                route.failed(peer, now - started, now)
                if not error.never_started or len(tried) + 1 >= ATTEMPTS:
                    raise
                tried.append(peer)
                continue
            except RemoteError:
                now = loop.time()
                route.failed(peer, now - started, now)
                raise
            finally:
                peer.in_flight -= 1
            now = loop.time()
            route.succeeded(peer, now - started, now)
            return value

    async def _choose(
        self,
        route: Route,
        spec: CallSpec,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        deadline: float | None,
        tried: list[Peer],
    ) -> Peer:
        """An instance for this call; waits for one while there is hope."""
        while True:
            if route.peers:
                if spec.route_key is not None and not tried:
                    key = spec.route_key(args, kwargs)
                    peer = route.owner(key) if key is not None else None
                else:
                    peer = None
                peer = peer or route.choose(self.loop.time(), tried)
                if peer is not None:
                    return peer
            await self.appear(route)
            if not route.peers:
                if route.local is not None:
                    raise route.local.admission.refusal()
                now = self.loop.time()
                await route.wait(now + DEFAULT_TIMEOUT if deadline is None else deadline, now)

    async def appear(self, route: Route) -> None:
        """Make sure that the registry has been asked about a service.

        Raises:
            UnknownService: nobody has ever declared or registered it.
        """
        if route.service not in self._followed:
            await self._need(route.service)
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

    def _within(self, deadline: float | None) -> float:
        """Seconds to spend on connecting."""
        left = 3.0 if deadline is None else min(3.0, deadline - self.loop.time())
        if left <= 0:
            raise DeadlineExceeded("no time was left to connect")
        return left

    async def _writable(self, link: Any, deadline: float | None) -> None:
        """Until a full send buffer has drained.

        Raises:
            NotSent: it did not before the deadline.
        """
        try:
            async with asyncio.timeout_at(deadline):
                await link.writable.wait()
        except TimeoutError:
            raise NotSent(f"the send buffer to {link.endpoint} stayed full until the deadline") from None

    # -- streams -------------------------------------------------------------------------------------------------------

    async def stream(
        self, route: Route, spec: CallSpec, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """Call a method that streams. A parent's deadline bounds the whole; ``spec.idle`` each item."""
        parent = CURRENT.get()
        deadline = parent.deadline if parent is not None else None
        items = await self._open_stream(route, spec, args, kwargs, deadline, parent)
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
        deadline: float | None,
        parent: CallContext | None,
    ) -> Any:
        local = route.local_now() if spec.route_key is None else None
        if local is not None:
            return self._local_stream(local, spec, args, kwargs, deadline, parent)
        body = spec.encode(args, kwargs)
        tried: list[Peer] = []
        while True:
            patience = self.deadline(spec.timeout, parent)
            peer = await self._choose(route, spec, args, kwargs, patience, tried)
            local = route.locals.get(peer.instance.id) if route.locals else None
            if local is not None:
                if local.admission.admits():
                    return self._local_stream(local, spec, args, kwargs, deadline, parent)
                if not peer.endpoint:
                    raise local.admission.refusal()
            try:
                link = await peer.connected(self._within(deadline))
                number = peer.numbers.get(spec) or peer.number(link, spec, spec.bind_to(peer.instance.id))
                return link.stream(number, spec.name, body, spec.decode, deadline, parent, spec.idle)
            except Unavailable as error:
                now = self.loop.time()
                route.failed(peer, 0.0, now)
                if not error.never_started or len(tried) + 1 >= ATTEMPTS:
                    raise
                tried.append(peer)

    def _local_stream(
        self,
        local: LocalInstance,
        spec: CallSpec,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        deadline: float | None,
        parent: CallContext | None,
    ) -> LocalItems:
        method = local.method(spec.local_name)
        caller = spec.bind.caller
        convert: Callable[[Any], Any] | None = None
        if local.through_codec or spec.json:
            args, kwargs = method.signature.decode_arguments(spec.encode(args, kwargs), spec.json)

            def convert(item: Any) -> Any:
                return spec.decode(method.signature.encode_result(item, spec.json))  # type: ignore[arg-type]

        context = local_context(local, spec.local_name, caller, deadline, parent)
        items = method.function(*args, **kwargs)
        edge = local.edge(caller, spec.local_name)
        return LocalItems(local, items, edge, context, self.sweep, spec.idle, convert)

    # -- HTTP ----------------------------------------------------------------------------------------------------------

    async def request(self, route: Route, method: str, path: str, timeout: float, kwargs: dict[str, Any]) -> Any:
        """Send an HTTP request to an instance that has an HTTP endpoint; the answer is an ``httpx.Response``.

        Raises:
            NoEndpoint: none has one.
        """
        deadline = self.deadline(timeout, CURRENT.get())
        tried: list[Peer] = []
        while True:
            peer = await self.choose_http(route, deadline, tried)
            started = self.loop.time()
            peer.in_flight += 1
            try:
                response = await self.http.request(peer.http_endpoint, method, path, deadline=deadline, **kwargs)
            except Unavailable as error:
                now = self.loop.time()
                route.failed(peer, now - started, now)
                if not error.never_started or len(tried) + 1 >= ATTEMPTS:
                    raise
                tried.append(peer)
                continue
            finally:
                peer.in_flight -= 1
            now = self.loop.time()
            if response.status_code >= 500:
                route.failed(peer, now - started, now)
            else:
                route.succeeded(peer, now - started, now)
            return response

    async def choose_http(self, route: Route, deadline: float | None, tried: list[Peer]) -> Peer:
        """A ready instance that answers HTTP."""
        await self.appear(route)
        if not route.peers:
            now = self.loop.time()
            await route.wait(now + DEFAULT_TIMEOUT if deadline is None else deadline, now)
        peer = route.choose(self.loop.time(), [one for one in route.peers if not one.http_endpoint] + tried)
        if peer is None or not peer.http_endpoint:
            raise NoEndpoint(route.service, len(route.view.instances))
        return peer

    @property
    def http(self) -> HttpCalls:
        if self._http is None:
            from homeport.rpc.http_call import HttpCalls

            self._http = HttpCalls()
        return self._http

    async def close(self) -> None:
        await self.links.close()
        if self._http is not None:
            await self._http.close()
