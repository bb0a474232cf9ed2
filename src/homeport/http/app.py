"""The front as one ASGI application: guard, then gateway, apps, or one of the fixed routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from homeport.clock import Clock
from homeport.http import gateway, openapi, proxy
from homeport.http.api import FrontSpec
from homeport.http.directory import Directory
from homeport.http.exchange import ClientGone, Exchange, log
from homeport.http.gateway import Gateway
from homeport.http.guard import Guard
from homeport.http.health import Health
from homeport.http.pages import Pages
from homeport.http.ports import FrontClient, HttpBalancer
from homeport.http.problems import refuse
from homeport.http.proxy import AppProxy
from homeport.http.registry_routes import RegistryRoutes
from homeport.http.standing import Standing
from homeport.http.watch import WatchEvents
from homeport.http.websockets import WebSocketBridge
from homeport.rpc.http_call import HttpCalls

Handler = Callable[..., Awaitable[None]]
_OPEN = frozenset({"/healthz", "/readyz"})  # probes carry no token


class Front:
    """Answers every request of the front process. Each error becomes a problem, here and nowhere else."""

    def __init__(
        self,
        client: FrontClient,
        spec: FrontSpec,
        *,
        directory: Directory,
        standing: Standing,
        balancer: HttpBalancer,
        calls: HttpCalls,
        clock: Clock,
        version: str,
    ) -> None:
        self._guard = Guard(spec)
        self._directory, self._version, self._public_only = directory, version, spec.public_only
        self._gateway = Gateway(client, directory, allow_metadata=spec.allow_metadata, public_only=spec.public_only)
        self._proxy = AppProxy(balancer, calls, directory, public_only=spec.public_only)
        self._websockets = WebSocketBridge(balancer, self._proxy.require_public)
        self._watch = WatchEvents(client, clock)
        self._health = Health(client, directory, standing)
        self._router = self._routes(RegistryRoutes(client, directory), Pages())

    def drain(self) -> None:
        """Say *not ready* from now on, and end the watches, whose clients come back elsewhere."""
        self._health.draining = True
        self._watch.stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            refusal = self._guard.check(dict(scope["headers"])) or self._guard.authenticate(dict(scope["headers"]))
            await self._websockets.answer(scope, receive, send, refusal)
            return
        exchange = Exchange(scope, receive, send)
        try:
            await self._answer(exchange)
        except ClientGone:
            log.debug("request.abandoned", extra={"path": exchange.path, "trace": exchange.trace.id})
        except Exception as error:
            if exchange.started:
                exchange.log_failure(error, 500)
                raise  # the server closes the connection: a cut answer must not look whole
            await exchange.fail(error)

    async def _answer(self, exchange: Exchange) -> None:
        path = exchange.path
        refusal = self._guard.check(exchange.headers)
        if refusal is None and path not in _OPEN:
            refusal = self._guard.authenticate(exchange.headers)
        if refusal is not None:
            raise refusal
        if path.startswith(gateway.PREFIX):
            await self._gateway.answer(exchange)
        elif path.startswith(proxy.PREFIX):
            if exchange.headers.get(b"upgrade", b"").lower() == b"websocket":
                raise self._websockets.unsupported()
            await self._proxy.answer(exchange)
        else:
            await self._route(exchange)

    async def _route(self, exchange: Exchange) -> None:
        async def send(message: Message) -> None:
            exchange.started = True
            await exchange.send_message(message)

        # With an "app" in the scope, the router raises for what it does not know instead of answering by itself.
        scope = {**exchange.scope, "app": self, "homeport.exchange": exchange}
        try:
            await self._router(scope, exchange.receive, send)
        except HTTPException as error:
            raise _unrouted(exchange, error) from None

    def _routes(self, registry: RegistryRoutes, pages: Pages) -> Router:
        one_instance = {"GET": registry.instance, "PUT": registry.put_instance, "DELETE": registry.delete_instance}
        return Router(
            [
                _route("/", GET=pages.landing),
                _route("/docs", GET=pages.docs),
                _route("/assets/{name}", GET=pages.asset),
                _route("/openapi.json", GET=self._openapi),
                _route("/healthz", GET=self._health.healthz),
                _route("/readyz", GET=self._readyz),
                _route("/api/v1/services", GET=registry.services),
                _route("/api/v1/services/{name}", GET=registry.service),
                _route("/api/v1/instances", GET=registry.instances),
                _route("/api/v1/instances/{id}", **one_instance),
                _route("/api/v1/instances/{id}/heartbeat", PUT=registry.beat_instance),
                _route("/api/v1/instances/{id}/forgive", POST=registry.forgive),
                _route("/api/v1/watch", GET=self._watch.answer),
                _route("/api/v1/why/{name}", GET=registry.why),
            ]
        )

    async def _openapi(self, exchange: Exchange) -> None:
        contracts = self._directory.contracts()
        described = openapi.document(contracts, version=self._version, public_only=self._public_only)
        await exchange.answer_value(described)

    async def _readyz(self, exchange: Exchange) -> None:
        await self._health.readyz(exchange, trusted=self._guard.authenticate(exchange.headers) is None)


class _Endpoint:
    """Handlers by method, as the ASGI application that the router wants."""

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        await self._handlers[method](scope["homeport.exchange"], **scope["path_params"])


def _route(path: str, **handlers: Handler) -> Route:
    return Route(path, _Endpoint(handlers), methods=list(handlers))


def _unrouted(exchange: Exchange, error: HTTPException) -> Exception:
    headers = tuple((name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items())
    if error.status_code == 405:
        detail = f"{exchange.path} does not take {exchange.method}"
        return refuse(405, "method_not_allowed", detail, next="GET /openapi.json describes all routes", headers=headers)
    if error.status_code == 404:
        return refuse(
            404, "not_found", f"there is nothing at {exchange.path}", next="GET /openapi.json describes all routes"
        )
    return refuse(error.status_code, "http_error", str(error.detail), headers=headers)
