"""Calls Homeport's own APIs: a typed proxy over whatever connection is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from homeport.contracts.served import served_methods
from homeport.contracts.signature import MethodSignature, method_codecs
from homeport.errors import UnknownMethod
from homeport.rpc.client import ClientLink
from homeport.rpc.context import CURRENT
from homeport.rpc.frames import Bind

OpenLink = Callable[[], Awaitable[ClientLink]]

API_TIMEOUT = 10.0  # seconds


def api_proxy(protocol: Any, service: str, link: OpenLink, *, caller: str, timeout: float = API_TIMEOUT) -> Any:
    """An object with the methods of ``protocol`` that calls ``service`` over the link that ``link()`` gives.

    Its methods raise what the API raises, and ``Unavailable`` kinds when the connection fails.
    """
    return _Proxy(protocol, service, link, caller, timeout)


class _Proxy:
    def __init__(self, protocol: type, service: str, link: OpenLink, caller: str, timeout: float) -> None:
        self._protocol = protocol
        self._service, self._link, self._caller, self._timeout = service, link, caller, timeout

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        signature = method_codecs(self._protocol, self._service, name)
        if signature is None:
            raise AttributeError(str(UnknownMethod(self._service, name, served_methods(self._protocol))))
        bind = Bind(service=self._service, method=name, caller=self._caller)
        call = self._stream(signature, bind) if signature.streams else self._call(signature, bind)
        self.__dict__[name] = call
        return call

    def _call(self, signature: MethodSignature, bind: Bind) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            body = signature.encode_arguments(args, kwargs)
            link = await self._link()
            deadline = asyncio.get_running_loop().time() + self._timeout
            reply = link.call(
                link.number(bind),
                f"{bind.service}.{bind.method}",
                body,
                signature.decode_result,
                deadline,
                CURRENT.get(),
            )
            try:
                return await reply.future
            except asyncio.CancelledError:
                link.abandon(reply)
                raise

        return call

    def _stream(self, signature: MethodSignature, bind: Bind) -> Callable[..., AsyncIterator[Any]]:
        async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            body = signature.encode_arguments(args, kwargs)
            link = await self._link()
            name = f"{bind.service}.{bind.method}"
            items = link.stream(link.number(bind), name, body, signature.decode_result, None, CURRENT.get(), None)
            try:
                async for item in items:
                    yield item
            finally:
                await items.aclose()

        return stream
