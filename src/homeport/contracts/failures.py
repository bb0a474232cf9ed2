"""Declared errors as bytes: a ``ServiceError`` arrives as its own class where the caller has it."""

from __future__ import annotations

import contextlib
import functools
import typing
from typing import Any, NotRequired, Required, TypedDict

import msgspec

from homeport.contracts.choices import decodable
from homeport.contracts.schemas import Unfit
from homeport.contracts.wire import (
    UNREADABLE,
    Buffer,
    Decode,
    encode_json,
    encode_msgpack,
    find_unsendable,
    json_decoder,
    msgpack_decoder,
)
from homeport.errors import BadResult, DefinitionError, ProtocolError, ServiceError, error_key, find_error


class _Failure(msgspec.Struct):
    key: str
    code: str
    status: int
    fields: msgspec.Raw


_open_msgpack, _open_json = msgpack_decoder(_Failure), json_decoder(_Failure)
_plain_msgpack, _plain_json = msgpack_decoder(dict[str, Any]), json_decoder(dict[str, Any])


def encode_service_error(error: ServiceError, json: bool = False) -> bytes:
    """Bytes of a declared error.

    Raises:
        BadResult: one of its fields cannot travel.
    """
    encode = encode_json if json else encode_msgpack
    key = "" if type(error) is ServiceError else error_key(type(error))
    try:
        return encode({"key": key, "code": error.code, "status": error.status, "fields": error.fields})
    except Exception as fault:
        found = find_unsendable(error.fields, "$", encode)
        raise BadResult(f"the error {type(error).__qualname__} carries what cannot be sent: {found}") from fault


def decode_service_error(body: Buffer, json: bool = False) -> ServiceError:
    """The error of these bytes: of its own class if this process has it and its fields fit, else a plain one.

    Raises:
        ProtocolError: the bytes are no service error.
    """
    try:
        failure: _Failure = (_open_json if json else _open_msgpack)(body)
        plain: dict[str, Any] = (_plain_json if json else _plain_msgpack)(failure.fields)
    except UNREADABLE as error:
        raise ProtocolError(f"the peer sent a service error that cannot be read: {error}") from error
    cls = find_error(failure.key)
    if cls is not None:
        # Another version of the class, or an __init__ that raises whatever it likes: the plain form loses nothing.
        with contextlib.suppress(Exception):
            return cls(**_fields_decoder(cls, json)(failure.fields))  # type: ignore[arg-type]  # a class is hashable
    return ServiceError.unknown(failure.code, failure.status, plain)


def fields_type(cls: type[ServiceError]) -> Any:
    """The fields of an error class as a type that our codecs and schemas know.

    Raises:
        DefinitionError: an annotation of it cannot be resolved, or cannot travel.
    """
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
        fields = {name: decodable(hints.get(name, Any)) for name in cls._field_names}
    except NameError as error:
        raise DefinitionError(
            f"{cls.__qualname__}: an annotation cannot be resolved ({error}); import it at module level"
        ) from error
    except Unfit as unfit:
        raise DefinitionError(f"{cls.__qualname__}: {unfit.why}") from unfit
    marked = {name: NotRequired[of] if name in cls._defaults else Required[of] for name, of in fields.items()}
    return TypedDict(cls.__name__, marked)  # type: ignore[operator]


@functools.lru_cache(maxsize=1024)
def _fields_decoder(cls: type[ServiceError], json: bool) -> Decode:
    of = fields_type(cls)
    return json_decoder(of) if json else msgpack_decoder(of)
