"""Signatures for fakes whose service is unknown: plain data in, plain data out."""

from __future__ import annotations

import inspect
from typing import Any

from homeport.contracts import plain
from homeport.contracts.api import MethodContract, Parameter
from homeport.contracts.results import result_encoder
from homeport.contracts.signature import MethodSignature
from homeport.contracts.wire import Buffer
from homeport.errors import BadArguments


def names_of(fake: Any) -> list[str]:
    """The public functions of a fake, of its class or set on it."""
    return [name for name in dir(fake) if not name.startswith("_") and callable(getattr(fake, name, None))]


def loose_signature(service: str, name: str, function: Any) -> MethodSignature:
    """How a function is called of which only its parameters' names may be known."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    streams = inspect.isasyncgenfunction(function)
    method = f"{service}.{name}"
    return MethodSignature(
        name=name,
        contract=MethodContract(
            name=name,
            parameters=tuple(
                Parameter(name=p.name, schema={}, required=p.default is p.empty, keyword_only=p.kind is p.KEYWORD_ONLY)
                for p in named
            ),
            result={},
            streams=streams,
        ),
        streams=streams,
        threaded=False,
        shown=f"{method}({', '.join(map(str, parameters))})",
        decode_arguments=_decode_arguments,
        encode_arguments=_encode_arguments,
        encode_result=result_encoder(method),
        decode_result=plain.decode,
    )


def _encode_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    # No parameter is named by a number, so a map can carry positions too.
    return plain.encode({**{str(index): value for index, value in enumerate(args)}, **kwargs} if kwargs else args)


def _decode_arguments(body: Buffer, json: bool = False) -> tuple[tuple[Any, ...], dict[str, Any]]:
    given = plain.decode(body, json)
    if isinstance(given, list):
        return tuple(given), {}
    if not isinstance(given, dict):
        raise BadArguments("arguments are an array (by position) or an object (by name)")
    positions = sorted((name for name in given if name.isdecimal()), key=int)
    return tuple(given.pop(name) for name in positions), given
