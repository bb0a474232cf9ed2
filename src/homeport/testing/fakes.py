"""Fakes: objects of a test that stand for a service, held against the real contract where it is known."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, nullcontext
from itertools import takewhile
from typing import Any

from homeport.authoring.service import is_service, options_of
from homeport.contracts.api import Contract
from homeport.contracts.served import served_methods
from homeport.contracts.signature import MethodSignature, ServiceSignature, signature_of
from homeport.errors import BadResult, DefinitionError, Unavailable, near_names
from homeport.rpc.handles import Handle, MethodStub
from homeport.rpc.serving import Admission, Edge, Edges
from homeport.testing.loose import loose_signature, names_of
from homeport.worker.threads import MethodThreads


class BadFake(DefinitionError):
    """A fake does not behave as the service it stands for would: the test is wrong, not the code it tests."""


class Raised:
    """What a fake raised that its caller must get as it is, past the rules for failures of a service's own code."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class FakeMethod:
    """One method of a fake, ready to be called as a real one is."""

    __slots__ = ("function", "signature")

    def __init__(self, function: Callable[..., Any], signature: MethodSignature) -> None:
        self.function, self.signature = function, signature


class Fake:
    """A fake under the rules of a real instance: deadlines, codec, admission, errors.

    It may be an object with methods, ``async`` or not, a ``SimpleNamespace`` of functions, or a mock. ``real`` is the
    signature of the service it stands for, if that is known; a fake need not have all of its methods. An
    ``Unavailable`` that it raises reaches the caller as if the service were away.

    Raises:
        BadFake: it has a method that the service lacks, or one that takes other arguments.
    """

    through_codec = True

    def __init__(self, service: str, target: Any, real: ServiceSignature | None, edges: Edges) -> None:
        self.id = f"{service}-fake"
        self.service, self.target, self.real = service, target, real
        self.admission = Admission(self.id)
        self._edges, self._threads = edges, MethodThreads(service, 8)
        self._methods: dict[str, FakeMethod] = {}
        self._own: dict[str, MethodSignature] = {}
        if real is not None:
            check(service, target, real)
        elif not is_mock(target):
            self._own = _own_signatures(service, target)

    @property
    def contract(self) -> Contract | None:
        """What callers may know of it; None for a mock that answers to any name."""
        if self.real is not None:
            return self.real.contract
        if is_mock(self.target):
            return None
        methods = tuple(signature.contract for signature in self._own.values())
        return Contract(service=self.service, methods=methods, fingerprint=f"fake of {self.service}")

    def method(self, name: str) -> FakeMethod:
        method = self._methods.get(name)
        if method is None:
            signature = self.signature(name)
            answer = self._items(name, signature) if signature.streams else self._answer(name, signature)
            method = self._methods[name] = FakeMethod(answer, signature)
        return method

    def signature(self, name: str) -> MethodSignature:
        """How ``name`` is called.

        Raises:
            BadFake: it has no such method.
        """
        if self.real is not None:
            signature = self.real.methods.get(name)
            if signature is None or not callable(getattr(self.target, name, None)):
                like = signature.shown if signature is not None else f"{self.service}.{name}(…)"
                raise BadFake(f"the fake for {self.service!r} has no method {name!r}, which was called; give it {like}")
            return self._checked(signature)
        if is_mock(self.target):
            return self._checked(loose_signature(self.service, name, getattr(self.target, name)))
        if name not in self._own:
            near = near_names(name, self._own)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            has = ", ".join(self._own) or "none"
            raise BadFake(
                f"the fake for {self.service!r} has no method {name!r}, which was called{hint}; its methods: {has}"
            )
        return self._checked(self._own[name])

    def edge(self, caller: str, method: str) -> Edge:
        return self._edges.edge(caller, self.service, method)

    def close(self) -> None:
        self._threads.close()

    # -- what it answers -----------------------------------------------------------------------------------------------

    def _answer(self, name: str, signature: MethodSignature) -> Callable[..., Any]:
        async def answer(*args: Any, **kwargs: Any) -> Any:
            try:
                result = await self._call(name, signature, args, kwargs)
                if is_mock(result):
                    raise self._wrong(name, "answered a mock, since nobody set its return_value")
                if hasattr(result, "__aiter__"):
                    raise self._wrong(name, f"streams, and {signature.shown} answers once")
            except (Unavailable, BadFake) as error:
                return Raised(error)
            return result

        return answer

    def _items(self, name: str, signature: MethodSignature) -> Callable[..., Any]:
        async def items(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            try:
                result = await self._call(name, signature, args, kwargs)
                if not hasattr(result, "__aiter__"):
                    if not isinstance(result, (list, tuple)):
                        raise self._wrong(name, f"answers once, and {signature.shown} streams; write it with `yield`")
                    result = _each(result)
                closing = aclosing(result) if hasattr(result, "aclose") and not is_mock(result) else nullcontext(result)
                async with closing as source:
                    async for item in source:
                        yield item
            except (Unavailable, BadFake) as error:
                yield Raised(error)

        return items

    async def _call(self, name: str, signature: MethodSignature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        function = getattr(self.target, name)  # looked up at each call: a test may set another meanwhile
        args, kwargs = self._placed(name, function, signature, args, kwargs)
        if getattr(function, "__homeport_method__", None) is not None and not inspect.iscoroutinefunction(function):
            result = await self._threads.awaitable(function)(*args, **kwargs)
        else:
            result = function(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    def _placed(
        self,
        name: str,
        function: Any,
        signature: MethodSignature,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as the fake can take them: its parameters may have other names than the service's."""
        own = signature_or_none(function)
        if own is None or _binds(own, args, kwargs):
            return args, kwargs
        rest = dict(kwargs)
        positions = [p.name for p in signature.contract.parameters if not p.keyword_only][len(args) :]
        given = [rest.pop(position) for position in takewhile(kwargs.__contains__, positions)]
        if not _binds(own, (*args, *given), rest):
            raise self._wrong(name, f"cannot be called as {signature.shown} just was: it is {name}{own}")
        return (*args, *given), rest

    def _checked(self, signature: MethodSignature) -> MethodSignature:
        """The signature, with a result that does not fit as the fake's own fault."""

        def encode_result(value: Any, json: bool = False) -> bytes:
            if isinstance(value, Raised):
                raise value.error
            try:
                body = signature.encode_result(value, json)
                signature.decode_result(body, json)
            except BadResult as error:
                what = str(error).rpartition("; ")[0]
                raise BadFake(f"the fake for {self.service!r} is wrong: {what}; it was {_brief(value)}") from error
            return body

        return dataclasses.replace(signature, threaded=False, encode_result=encode_result)

    def _wrong(self, name: str, what: str) -> BadFake:
        return BadFake(f"the fake for {self.service!r} is wrong: its {name} {what}")


class FakeHandle(Handle):
    """A handle to a fake whose service is unknown: the fake itself says how it is called."""

    def __init__(self, caller: Any, fake: Fake, *, owner: str, timeout: float | None = None) -> None:
        super().__init__(caller, fake.service, owner=owner, timeout=timeout)
        self._fake = fake

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        stub = self.__dict__[name] = MethodStub(self, name, self._fake.method(name).signature)
        return stub


def known_class(service: str, fake: Any) -> type | None:
    """The service class that a fake says it stands for, as a mock's ``spec`` or a base of its own class."""
    spec = getattr(fake, "_spec_class", None) if is_mock(fake) else None
    classes = spec.__mro__ if isinstance(spec, type) else type(fake).__mro__
    return next((cls for cls in classes if is_service(cls) and options_of(cls).name == service), None)


def check(service: str, fake: Any, real: ServiceSignature) -> None:
    """Hold what can be seen of a fake against the service it stands for.

    Raises:
        BadFake: it has a method that the service lacks, or one that takes other arguments or streams otherwise.
    """
    if is_mock(fake):
        names: list[str] = []  # it has every name there is
    elif served_methods(type(fake)):
        names = list(served_methods(type(fake)))
    else:
        names = names_of(fake)
    for name in names:
        if name not in real.methods:
            near = near_names(name, real.methods)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(real.methods) or 'none'}"
            raise BadFake(
                f"the fake for {service!r} has a method {name!r} that the service lacks; {hint} "
                "(an underscore before a name makes it the fake's own)"
            )
    for name, signature in real.methods.items():
        function = getattr(fake, name, None)
        if callable(function):
            _check_method(service, function, signature)


def _check_method(service: str, function: Any, real: MethodSignature) -> None:
    own = signature_or_none(function)
    if own is None:
        return
    everything = {p.name: None for p in real.contract.parameters if p.keyword_only}
    fewest = {p.name: None for p in real.contract.parameters if p.keyword_only and p.required}
    positional = [p for p in real.contract.parameters if not p.keyword_only]
    required = [p for p in positional if p.required]
    if not (_binds(own, positional, everything) and _binds(own, required, fewest)):
        raise BadFake(
            f"the fake for {service!r} takes other arguments than the service: {real.shown} is to be called, and its "
            f"own is {real.name}{own}"
        )
    if is_mock(function):
        return  # told by what it answers
    streams = inspect.isasyncgenfunction(function)
    if streams and not real.streams:
        raise BadFake(f"the fake for {service!r} streams {real.name}, and {real.shown} answers once; write `return`")
    if real.streams and inspect.iscoroutinefunction(function):
        raise BadFake(f"the fake for {service!r} answers {real.name} once, and {real.shown} streams; write `yield`")


def is_mock(thing: Any) -> bool:
    """Whether it comes from ``unittest.mock``, told without importing that."""
    return any(cls.__module__ == "unittest.mock" for cls in type(thing).__mro__)


def signature_or_none(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None  # a builtin may take anything


def _own_signatures(service: str, fake: Any) -> dict[str, MethodSignature]:
    """Without a contract to be held to, a fake's annotations count where it has them."""
    try:
        typed = signature_of(type(fake), service).methods
    except DefinitionError:
        typed = {}  # such as *args: good enough for a fake
    return {
        name: typed[name] if name in typed else loose_signature(service, name, getattr(fake, name))
        for name in names_of(fake)
    }


def _binds(signature: inspect.Signature, args: Any, kwargs: dict[str, Any]) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


async def _each(items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:199] + "…"
