"""The result of a call, or one item of its stream, as bytes."""

from __future__ import annotations

from typing import Any, Protocol

from homeport.contracts.wire import (
    Buffer,
    encode_json,
    encode_msgpack,
    explain,
    find_unsendable,
    json_decoder,
    msgpack_decoder,
)
from homeport.errors import BadResult


class EncodeResult(Protocol):
    def __call__(self, value: Any, json: bool = False) -> bytes:
        """Raises ``BadResult`` for a value that has no bytes; its type is not checked."""


class DecodeResult(Protocol):
    def __call__(self, body: Buffer, json: bool = False) -> Any:
        """Raises ``BadResult`` for a value that is not what the contract says."""


def result_encoder(method: str) -> EncodeResult:
    """An encoder for what ``method`` (``cart.total``) returns."""

    def encode_result(value: Any, json: bool = False) -> bytes:
        encode = encode_json if json else encode_msgpack
        try:
            return encode(value)
        except Exception as error:
            found = find_unsendable(value, "$", encode)
            raise BadResult(
                f"{method} returned what cannot be sent: {found}; return plain data, a dataclass, a msgspec.Struct "
                "or a pydantic model"
            ) from error

    return encode_result


def result_decoder(method: str, of: Any, shown: str) -> DecodeResult:
    """A decoder for what ``method`` returns, typed as ``shown``."""
    from_msgpack, from_json = msgpack_decoder(of), json_decoder(of)

    def decode_result(body: Buffer, json: bool = False) -> Any:
        try:
            return from_json(body) if json else from_msgpack(body)
        except Exception as error:
            raise BadResult(
                f"{method} returned what its contract ({shown}) does not allow: {explain(error, '$')}; mend the "
                "callee, or bring both sides to the same version"
            ) from error

    return decode_result
