"""HTTP requests to services that answer HTTP, under the balancing of every call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeport.errors import NoEndpoint, RemoteError, Unavailable
from homeport.rpc.context import CURRENT, DEFAULT_TIMEOUT
from homeport.rpc.peers import Peer
from homeport.rpc.routes import Route, clock

if TYPE_CHECKING:
    from homeport.rpc.caller import Caller
    from homeport.rpc.http_call import HttpCalls

ATTEMPTS = 3  # instances a request is offered to while it is certain that none has it
FAILURE = 500  # an answer with this status or above counts against the instance


class OutsideRequests:
    """Sends requests to instances that have an HTTP endpoint: outside programs and ASGI apps."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._calls: HttpCalls | None = None

    @property
    def calls(self) -> HttpCalls:
        if self._calls is None:
            from homeport.rpc.http_call import HttpCalls

            self._calls = HttpCalls()
        return self._calls

    async def request(self, route: Route, method: str, path: str, timeout: float, kwargs: dict[str, Any]) -> Any:
        """The whole answer, an ``httpx.Response``.

        Raises:
            NoEndpoint: no instance answers HTTP.
        """
        deadline = self._caller.deadline(timeout, CURRENT.get())
        tried: list[Peer] = []
        while True:
            peer = await self.choose(route, deadline, tried)
            tried.append(peer)
            now = clock()
            peer.in_flight += 1
            begun = peer.latency.begin(now)
            try:
                response = await self.calls.request(peer.http_endpoint, method, path, deadline=deadline, **kwargs)
            except Unavailable as error:
                route.failed(peer, begun, clock() - now, clock(), None, error)
                if not error.never_started or len(tried) >= ATTEMPTS:
                    raise
                continue
            except BaseException:
                route.gave_up(peer, begun, clock() - now, clock(), None)
                raise
            finally:
                peer.in_flight -= 1
            self.answered(route, peer, begun, clock() - now, failed=response.status_code >= FAILURE)
            return response

    def answered(self, route: Route, peer: Peer, begun: int, elapsed: float, *, failed: bool) -> None:
        """Learn from an answer."""
        if failed:
            error = RemoteError(route.service, "request", "HTTP", "an answer with a server error")
            route.failed(peer, begun, elapsed, clock(), None, error)
        else:
            route.succeeded(peer, begun, elapsed, clock(), None)

    async def choose(self, route: Route, deadline: float | None, tried: list[Peer]) -> Peer:
        """A ready instance that answers HTTP.

        Raises:
            NoEndpoint: there is none.
        """
        caller = self._caller
        await caller.appear(route, deadline)
        if not route.peers:
            now = caller.loop.time()
            await route.wait(now + DEFAULT_TIMEOUT if deadline is None else deadline, now)
        peer = route.choose(clock(), [one for one in route.peers if not one.http_endpoint] + tried)
        if peer is None or not peer.http_endpoint:
            raise NoEndpoint(route.service, len(route.view.instances))
        return peer

    async def close(self) -> None:
        if self._calls is not None:
            await self._calls.close()
