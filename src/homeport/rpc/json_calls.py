"""Calls whose arguments and results stay JSON from end to end: the front's and the command line's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from typing import Any

import msgspec

from homeport.contracts import plain
from homeport.contracts.api import MethodContract
from homeport.errors import BadArguments, UnknownMethod
from homeport.rpc.caller import Caller
from homeport.rpc.context import CURRENT, DEFAULT_TIMEOUT, metadata
from homeport.rpc.routes import Route
from homeport.rpc.spec import CallSpec


class JsonCalls:
    """Passes bodies through: an object is arguments by name, an array by position, nothing is no arguments."""

    def __init__(self, caller: Caller, owner: str) -> None:
        self._caller, self._owner = caller, owner
        self._specs: dict[tuple[str, str], tuple[int, CallSpec]] = {}

    async def call(
        self,
        service: str,
        method: str,
        body: bytes,
        *,
        timeout: float | None = None,
        carrying: dict[str, str] | None = None,
    ) -> bytes:
        """The result as JSON.

        Raises: what the method declares, and the errors of every call; BadArguments when it streams.
        """
        route, spec = await self._spec(service, method, timeout)
        if spec.streams:
            raise BadArguments(f"{service}.{method} streams its answer; ask for a stream")
        with metadata(**carrying) if carrying else nullcontext():
            result: bytes = await self._caller.call(route, spec, (body or b"[]",), {})
        return result

    async def stream(
        self,
        service: str,
        method: str,
        body: bytes,
        *,
        timeout: float | None = None,
        carrying: dict[str, str] | None = None,
    ) -> AsyncIterator[bytes]:
        """The items as JSON, one by one; of a method that does not stream, its one result."""
        route, spec = await self._spec(service, method, timeout)
        if not spec.streams:
            yield await self.call(service, method, body, timeout=timeout, carrying=carrying)
            return
        with metadata(**carrying) if carrying else nullcontext():
            items = self._caller.stream(route, spec, (body or b"[]",), {})
        async for item in items:
            yield item

    async def _spec(self, service: str, method: str, timeout: float | None) -> tuple[Route, CallSpec]:
        route = self._caller.route(service)
        await self._caller.appear(route, self._caller.deadline(timeout or DEFAULT_TIMEOUT, CURRENT.get()))
        generation, spec = self._specs.get((service, method), (-1, None))
        if spec is not None and generation == route.generation and timeout is None:
            return route, spec
        contract = self._contract(route, method)
        spec = CallSpec(
            service,
            method,
            caller=self._owner,
            encode=lambda args, kwargs: args[0],
            decode=bytes,
            contract=contract,
            policy=route.policy,
            timeout=timeout,
            route_key=_route_key(contract) if contract is not None and contract.route_by else None,
            json=True,
        )
        if timeout is None:
            self._specs[service, method] = (route.generation, spec)
        return route, spec

    def _contract(self, route: Route, method: str) -> MethodContract | None:
        contract = next(iter(self._caller.view.contracts_of(route.service)), None)
        if contract is None:
            return None
        found = contract.method(method)
        if found is None:
            raise UnknownMethod(route.service, method, [one.name for one in contract.methods])
        return found


def _route_key(contract: MethodContract) -> Callable[[tuple[Any, ...], dict[str, Any]], bytes | None]:
    name = contract.route_by
    position = contract.parameter_names.index(name)

    def key(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes | None:
        try:
            arguments = msgspec.json.decode(args[0])
        except msgspec.DecodeError:
            return None  # the callee says what is wrong with it
        if isinstance(arguments, dict):
            return plain.encode(arguments[name]) if name in arguments else None
        if isinstance(arguments, list) and position < len(arguments):
            return plain.encode(arguments[position])
        return None

    return key
