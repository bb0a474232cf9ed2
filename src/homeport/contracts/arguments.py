"""The arguments of a call as bytes: an array by position, or a map by name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import GenericAlias
from typing import Any, NotRequired, Protocol, Required, TypedDict

import msgspec

from homeport.contracts.parameters import Parameters, TypedParameter
from homeport.contracts.wire import (
    UNREADABLE,
    Buffer,
    Decode,
    encode_msgpack,
    explain,
    find_unsendable,
    json_decoder,
    msgpack_decoder,
)
from homeport.errors import BadArguments, ServiceError

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

# The first byte of a msgpack array or map says its length, up to 15.
_SHORT_ARRAY, _SHORT_MAP, _LONGEST = 0x90, 0x80, 15

_RAW = list[msgspec.Raw] | dict[str, msgspec.Raw]
_open_msgpack = msgpack_decoder(_RAW)
_open_json = json_decoder(_RAW)


class DecodeArguments(Protocol):
    def __call__(self, body: Buffer, json: bool = False) -> Arguments:
        """Positional and named arguments for the method. Raises ``BadArguments``."""


def argument_decoder(parameters: Parameters) -> DecodeArguments:
    """A decoder for calls of one method.

    What is usual, a msgpack array or map of few arguments that all fit, is decoded in one step. Everything else goes
    the careful way, argument by argument, which can say what is wrong.
    """
    decoders = _by_first_byte(parameters)
    carefully = _careful_decoder(parameters)
    last_map = _SHORT_MAP | _LONGEST

    def decode_arguments(body: Buffer, json: bool = False) -> Arguments:
        if not json and body:
            head = body[0]
            decode = decoders[head]
            if decode is not None:
                try:
                    arguments = decode(body)
                except Exception:
                    return carefully(body, False)
                if head > last_map:
                    return arguments, {}
                # Unknown names are skipped by the decoder; they show in the count.
                if len(arguments) == head & _LONGEST:
                    return (), arguments
        return carefully(body, json)

    return decode_arguments


def argument_encoder(parameters: Parameters) -> Callable[[tuple[Any, ...], dict[str, Any]], bytes]:
    """An encoder for calls of one method; raises ``BadArguments`` where Python would raise ``TypeError``."""
    fewest, most, by_position = parameters.fewest, len(parameters.positional), parameters.by_position

    def encode_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        if kwargs:
            body: Any = parameters.named(args, kwargs)
        else:
            if not (fewest <= len(args) <= most and by_position):
                parameters.check_positions(len(args))
            body = args
        try:
            return encode_msgpack(body)
        except Exception as error:
            raise _unsendable(parameters, body) from error

    return encode_arguments


def _by_first_byte(parameters: Parameters) -> list[Decode | None]:
    decoders: list[Decode | None] = [None] * 256
    positional = parameters.positional
    if parameters.by_position:
        for count in range(parameters.fewest, min(len(positional), _LONGEST) + 1):
            row = GenericAlias(tuple, tuple(parameter.type for parameter in positional[:count]))
            decoders[_SHORT_ARRAY | count] = msgpack_decoder(row)
    if not any(parameter.positional_only for parameter in parameters.all):
        fields = {
            parameter.name: Required[parameter.type] if parameter.required else NotRequired[parameter.type]
            for parameter in parameters.all
        }
        decode = msgpack_decoder(TypedDict("Arguments", fields))  # type: ignore[operator]
        for count in range(len(parameters.required), min(len(fields), _LONGEST) + 1):
            decoders[_SHORT_MAP | count] = decode
    return decoders


def _careful_decoder(parameters: Parameters) -> Callable[[Buffer, bool], Arguments]:
    @functools.cache
    def decoder(name: str, json: bool) -> Decode:
        of = parameters.by_name[name].type
        return json_decoder(of) if json else msgpack_decoder(of)

    def argument(name: str, body: Buffer, json: bool) -> Any:
        try:
            return decoder(name, json)(body)
        except ServiceError:  # raised by the argument's own class: an answer, not a misfit
            raise
        except Exception as error:
            raise parameters.bad(explain(error, f"$.{name}")) from error

    def carefully(body: Buffer, json: bool) -> Arguments:
        raw = _opened(parameters, body, json)
        if isinstance(raw, list):
            parameters.check_positions(len(raw))
            given = zip(parameters.positional, raw, strict=False)
            return tuple(argument(parameter.name, part, json) for parameter, part in given), {}
        parameters.check_names(raw)
        named = {name: argument(name, part, json) for name, part in raw.items()}
        return _placed(parameters.positional, named), named

    return carefully


def _opened(parameters: Parameters, body: Buffer, json: bool) -> list[Any] | dict[str, Any]:
    try:
        raw: list[Any] | dict[str, Any] = (_open_json if json else _open_msgpack)(body)
    except msgspec.ValidationError as error:
        what = explain(error, "$").removeprefix("$: ")
        raise parameters.bad(f"arguments are an array (by position) or an object (by name): {what}") from error
    except UNREADABLE as error:
        raise parameters.bad(f"the arguments are not {'JSON' if json else 'msgpack'}: {error}") from error
    return raw


def _placed(positional: tuple[TypedParameter, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """Take out of ``named`` what the method accepts by position only."""
    only = [parameter for parameter in positional if parameter.positional_only]
    last = max((index for index, parameter in enumerate(only) if parameter.name in named), default=-1)
    return tuple(named.pop(parameter.name, parameter.default) for parameter in only[: last + 1])


def _unsendable(parameters: Parameters, body: Any) -> BadArguments:
    named = body if isinstance(body, dict) else zip((p.name for p in parameters.positional), body, strict=False)
    for name, value in dict(named).items():
        try:
            encode_msgpack(value)
        except Exception:
            return parameters.bad(f"cannot be sent: {find_unsendable(value, f'$.{name}', encode_msgpack)}")
    return parameters.bad("the arguments cannot be sent")
