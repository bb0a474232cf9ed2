"""Values as bytes for callers that know no types: what comes back is dicts, lists and scalars."""

from __future__ import annotations

from typing import Any

from homeport.contracts.wire import (
    UNREADABLE,
    Buffer,
    encode_json,
    encode_msgpack,
    find_unsendable,
    json_decoder,
    msgpack_decoder,
)
from homeport.errors import BadArguments, ProtocolError

_from_msgpack, _from_json = msgpack_decoder(Any), json_decoder(Any)


def encode(value: Any, json: bool = False) -> bytes:
    """Bytes of a value; datetimes, UUIDs, dataclasses, structs and pydantic models included.

    Raises:
        BadArguments: something in it cannot travel.
    """
    encoder = encode_json if json else encode_msgpack
    try:
        return encoder(value)
    except Exception as error:
        raise BadArguments(f"cannot be sent: {find_unsendable(value, '$', encoder)}; send plain data") from error


def decode(body: Buffer, json: bool = False) -> Any:
    """The value of these bytes. An aware datetime comes back as one over msgpack; UUIDs and the like as text.

    Raises:
        ProtocolError: the bytes are no value.
    """
    try:
        return _from_json(body) if json else _from_msgpack(body)
    except UNREADABLE as error:
        raise ProtocolError(f"the peer sent bytes that are not {'JSON' if json else 'msgpack'}: {error}") from error
