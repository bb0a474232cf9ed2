"""Serves plain objects, such as the registry, under names of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from homeport.contracts.served import served_methods
from homeport.contracts.signature import MethodSignature, method_codecs
from homeport.errors import UnknownMethod, UnknownService
from homeport.rpc.frames import Bind
from homeport.rpc.link import Endpoint
from homeport.rpc.server import RpcServer, serve
from homeport.rpc.serving import Admission, Binding, Edges

Encode = Callable[[Any], bytes]

API_CONCURRENCY = 100_000  # watches and command streams stay open


class ApiHost:
    """Dispatches to objects by service name; the Protocol class of each says what may be called."""

    def __init__(self, apis: Mapping[str, tuple[object, type]]) -> None:
        self._apis = {
            name: (target, protocol, Admission(name, API_CONCURRENCY)) for name, (target, protocol) in apis.items()
        }
        self._methods: dict[tuple[str, str], MethodSignature | None] = {}
        self._encoders: dict[tuple[str, str], Encode] = {}
        self.edges = Edges()

    def bind(self, request: Bind) -> Binding:
        found = self._apis.get(request.service)
        if found is None:
            raise UnknownService(request.service, self._apis)
        target, protocol, admission = found
        named = (request.service, request.method)
        if named not in self._methods:
            self._methods[named] = method_codecs(protocol, *named)
        method = self._methods[named]
        if method is None:
            del self._methods[named]  # a peer that makes up names shall not fill the memory
            raise UnknownMethod(*named, served_methods(protocol))
        function: Any = getattr(target, request.method)
        json = request.json
        return Binding(
            service=request.service,
            method=request.method,
            caller=request.caller,
            function=function,
            decode=(lambda body: method.decode_arguments(body, json=True)) if json else method.decode_arguments,
            encode=self._encoder(named, method) if not json else lambda value: method.encode_result(value, json=True),
            streams=method.streams,
            admission=admission,
            edge=self.edges.edge(request.caller, request.service, request.method),
            own_errors=True,
        )

    def _encoder(self, named: tuple[str, str], method: MethodSignature) -> Encode:
        """One for all who call the method, so that what many watchers are told is encoded once."""
        if not method.streams:
            return method.encode_result
        return self._encoders.setdefault(named, _remembering(method.encode_result))


def _remembering(encode: Encode) -> Encode:
    last: tuple[Any, bytes] = (None, b"")

    def encoded(item: Any) -> bytes:
        nonlocal last
        if item is not last[0]:
            last = (item, encode(item))
        return last[1]

    return encoded


@asynccontextmanager
async def serve_api(
    endpoint: Endpoint, apis: Mapping[str, tuple[object, type]], *, name: str, token: str = ""
) -> AsyncIterator[RpcServer]:
    """Serve ``{service name: (object, Protocol class)}`` on ``endpoint`` for as long as the block runs."""
    async with serve(endpoint, ApiHost(apis), name=name, token=token) as server:
        yield server
