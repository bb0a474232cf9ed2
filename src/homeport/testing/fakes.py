"""Fakes that stand for a service in a test, held against the real contract where it is known."""

from __future__ import annotations

import inspect
from typing import Any

from homeport.contracts.served import served_methods
from homeport.contracts.signature import MethodSignature, ServiceSignature, signature_of
from homeport.errors import DefinitionError, near_names


def fake_signature(service: str, fake: Any, real: ServiceSignature | None) -> ServiceSignature:
    """The signature under which ``fake`` is served: the real one's, for the methods it has.

    Raises:
        DefinitionError: it has a method that the real service lacks, or takes other arguments.
    """
    if real is None:
        return signature_of(type(fake), service)
    methods: dict[str, MethodSignature] = {}
    for name in served_methods(type(fake)):
        if name not in real.methods:
            near = near_names(name, real.methods)
            hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(real.methods)}"
            raise DefinitionError(f"the fake for {service!r} has a method {name!r} that the service lacks{hint}")
    for name, signature in real.methods.items():
        function = getattr(fake, name, None)
        if callable(function):
            _check(service, function, signature)
            methods[name] = signature
    return ServiceSignature(service, real.contract, methods)


def _check(service: str, function: Any, real: MethodSignature) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # a mock or a builtin takes anything
    positional = [parameter for parameter in real.contract.parameters if not parameter.keyword_only]
    named = {parameter.name: None for parameter in real.contract.parameters if parameter.keyword_only}
    try:
        signature.bind(*positional, **named)
        required = [parameter for parameter in positional if parameter.required]
        signature.bind(*required, **named)
    except TypeError as error:
        raise DefinitionError(
            f"the fake for {service!r} cannot be called like the service: {real.shown}, but its {real.name}"
            f"{signature}: {error}"
        ) from error
    streams = inspect.isasyncgenfunction(function)
    if streams != real.streams and not _is_mock(function):
        raise DefinitionError(
            f"the fake for {service!r}: {real.name} must {'stream' if real.streams else 'not stream'}, as the service's"
        )


def _is_mock(function: Any) -> bool:
    return type(function).__module__ == "unittest.mock"
