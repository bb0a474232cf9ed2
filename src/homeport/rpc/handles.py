"""What stands behind ``self.payments``: an object whose methods call another service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any, TypeAlias

from homeport.contracts import plain
from homeport.contracts.api import MethodContract
from homeport.contracts.signature import MethodSignature, ServiceSignature
from homeport.errors import UnknownMethod
from homeport.rpc.caller import Caller
from homeport.rpc.context import CURRENT, DEFAULT_TIMEOUT, derived
from homeport.rpc.local import LocalInstance, Run
from homeport.rpc.routes import Route
from homeport.rpc.serving import BACKGROUND, Admission
from homeport.rpc.spec import CallSpec

Args: TypeAlias = tuple[Any, ...]
Kwargs: TypeAlias = dict[str, Any]
Types = Callable[[], ServiceSignature | None]


def no_types() -> None:
    """For a handle whose results stay plain data."""


class Handle:
    """Another service. Its attributes are its methods; calling one is a call.

    With the service's class at hand, results and errors have its types; without it they are plain data.
    """

    def __init__(
        self, caller: Caller, service: str, *, owner: str = "", types: Types = no_types, timeout: float | None = None
    ) -> None:
        self._caller, self._service, self._owner = caller, service, owner
        self._types, self._timeout = types, timeout
        self._route: Route = caller.route(service)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        signature = self._types()
        if name == "request" and (signature is None or name not in signature.methods):
            stub: Any = HttpStub(self)
        elif signature is not None and name not in signature.methods:
            raise AttributeError(str(UnknownMethod(self._service, name, signature.methods)))
        else:
            stub = MethodStub(self, name, signature.methods[name] if signature is not None else None)
        self.__dict__[name] = stub  # the next use finds it without coming here
        return stub

    def __repr__(self) -> str:
        return f"<service {self._service!r}: {len(self._route.peers)} ready>"


class MethodStub:
    """One method of another service."""

    __slots__ = ("_caller", "_generation", "_handle", "_name", "_near", "_route", "_signature", "_spec")

    def __init__(self, handle: Handle, name: str, signature: MethodSignature | None) -> None:
        self._handle, self._name, self._signature = handle, name, signature
        self._caller, self._route = handle._caller, handle._route
        self._spec: CallSpec | None = None
        self._generation = -1
        self._near: object = None  # what the route's ``near`` was when the short way was last looked for

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        route = self._route
        spec = self._spec
        if spec is None or self._generation != route.generation:
            spec = self._resolve()
            if spec is None:
                return Deferred(self, args, kwargs)
        if route.near is not self._near:
            self._near = route.near
            if route.local is not None:
                self._approach(route.local, spec)
        if spec.streams:
            return self._caller.stream(route, spec, args, kwargs)
        return self._caller.call(route, spec, args, kwargs)

    def _approach(self, local: LocalInstance, spec: CallSpec) -> None:
        """Put the short way to an instance in this process where the handle's users find it, if they may take it."""
        if not (spec.streams or spec.route_key is not None or local.through_codec):
            run = self._caller.way(local, spec).run
            self._handle.__dict__[self._name] = _short_way(self, self._route, local.admission, run)

    def _resolve(self) -> CallSpec | None:
        """What to send and expect; None while nothing at all is known of the service."""
        handle, route = self._handle, self._route
        signature = self._signature
        contract = signature.contract if signature is not None else self._declared()
        if contract is None and not route.view.known:
            return None
        self._spec = CallSpec(
            handle._service,
            self._name,
            caller=handle._owner,
            encode=signature.encode_arguments if signature is not None else _plain_encoder(contract),
            decode=signature.decode_result if signature is not None else plain.decode,
            contract=contract,
            policy=route.policy,
            timeout=handle._timeout,
            route_key=_route_key(contract) if contract is not None and contract.route_by else None,
        )
        self._generation = route.generation
        return self._spec

    def _declared(self) -> MethodContract | None:
        handle = self._handle
        found = None
        for contract in handle._caller.view.contracts_of(handle._service):
            found = contract.method(self._name)
            if found is not None:
                return found
            known = [method.name for method in contract.methods]
            if known:
                raise UnknownMethod(handle._service, self._name, known)
        return found

    async def resolved(self) -> None:
        """Learn enough of the service to call it: at the least, that somebody has declared it.

        Raises:
            UnknownService: nobody has.
        """
        patience = self._handle._timeout or DEFAULT_TIMEOUT
        await self._caller.appear(self._route, self._caller.deadline(patience, CURRENT.get()))

    def __repr__(self) -> str:
        return f"<method {self._handle._service}.{self._name}>"


def _short_way(stub: MethodStub, route: Route, admission: Admission, run: Run) -> Callable[..., Any]:
    """A function that calls an instance in this process by reference, as long as nothing speaks against it."""
    near = route.near

    def call(*args: Any, **kwargs: Any) -> Any:
        if route.near is near and admission.in_flight < admission.rooms[BACKGROUND]:
            return run(args, kwargs)
        return stub(*args, **kwargs)

    call.__name__ = stub._name
    return call


class Deferred:
    """A call of a service that nothing is known of yet: await it, or iterate it if the method streams."""

    def __init__(self, stub: MethodStub, args: Args, kwargs: Kwargs) -> None:
        self._stub, self._args, self._kwargs = stub, args, kwargs

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._call().__await__()

    async def settle(self) -> Any:
        """What calling the stub gives now that the service is known: an awaitable, or an async iterator."""
        await self._stub.resolved()
        return self._stub(*self._args, **self._kwargs)

    async def _call(self) -> Any:
        timeout = self._stub._handle._timeout
        if timeout is None:
            return await self._answer()
        # One deadline for asking where the service is and for the call itself.
        parent = CURRENT.get()
        token = CURRENT.set(derived(parent, deadline=self._stub._caller.deadline(timeout, parent)))
        try:
            return await self._answer()
        finally:
            CURRENT.reset(token)

    async def _answer(self) -> Any:
        result = await self.settle()
        if isinstance(result, Awaitable):
            return await result
        raise TypeError(f"{self._stub!r} streams: use `async for`, not `await`")

    async def __aiter__(self) -> AsyncIterator[Any]:
        result = await self.settle()
        if not hasattr(result, "__aiter__"):
            result.close()
            raise TypeError(f"{self._stub!r} does not stream: use `await`, not `async for`")
        async for item in result:
            yield item


class HttpStub:
    """``handle.request("GET", "/path", …)`` of a service that answers HTTP; keyword arguments are httpx's."""

    __slots__ = ("_handle",)

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def __call__(self, method: str, path: str, **kwargs: Any) -> Any:
        handle = self._handle
        timeout = handle._timeout or DEFAULT_TIMEOUT
        return await handle._caller.outside.request(handle._route, method, path, timeout, kwargs)


def _plain_encoder(contract: MethodContract | None) -> Callable[[Args, Kwargs], bytes]:
    names = contract.parameter_names if contract is not None else ()

    def encode(args: Args, kwargs: Kwargs) -> bytes:
        if not kwargs:
            return plain.encode(args)
        if len(args) > len(names):
            raise TypeError(f"takes {len(names)} arguments by position, got {len(args)}")
        by_name = dict(zip(names, args, strict=False))
        twice = by_name.keys() & kwargs.keys()
        if twice:
            raise TypeError(f"got argument {sorted(twice)[0]!r} both by position and by name")
        return plain.encode({**by_name, **kwargs})

    return encode


def _route_key(contract: MethodContract) -> Callable[[Args, Kwargs], bytes | None]:
    name = contract.route_by
    position = contract.parameter_names.index(name)

    def key(args: Args, kwargs: Kwargs) -> bytes | None:
        if name in kwargs:
            return plain.encode(kwargs[name])
        return plain.encode(args[position]) if position < len(args) else None

    return key
