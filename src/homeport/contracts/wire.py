"""Bytes from values and values from bytes, in msgpack between our own processes and in JSON for everybody else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from homeport.contracts import models

Buffer = bytes | bytearray | memoryview
Decode = Callable[[Buffer], Any]

# What hostile or mistaken bytes make msgspec raise; anything else is a fault in the user's own types.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError)

_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>.+)`)?$", re.DOTALL)


class Misfit(ValueError):
    """A value below a hook of ours does not fit; msgspec adds the path down to the hook."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(what)
        self.path, self.what = path, what


class _StandIn(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return True  # msgspec asks whether a hook gave an instance of the type it was asked for


class Alternatives(metaclass=_StandIn):
    """Base of the stand-ins for unions that msgspec cannot decode by itself; see ``choices``."""

    options: tuple[Any, ...]
    shown: str


def _to_msgpack(value: Any) -> Any:
    if models.is_model(type(value)):
        return models.dump(value, binary=True)
    raise TypeError(f"{type(value).__name__} cannot travel")


def _to_json(value: Any) -> Any:
    if models.is_model(type(value)):
        return models.dump(value, binary=False)
    raise TypeError(f"{type(value).__name__} cannot travel")


def _from_msgpack(cls: Any, plain: Any) -> Any:
    return _from_plain(cls, plain, json=False)


def _from_json(cls: Any, plain: Any) -> Any:
    return _from_plain(cls, plain, json=True)


def _from_plain(cls: Any, plain: Any, *, json: bool) -> Any:
    if issubclass(cls, Alternatives):
        return _first_that_fits(cls, plain, json=json)
    try:
        return models.load(cls, plain)
    except ValueError as error:
        problem = models.first_problem(error)
        if problem is None:
            raise
        raise Misfit(*problem) from error


def _first_that_fits(cls: type[Alternatives], plain: Any, *, json: bool) -> Any:
    reasons: list[str] = []
    for option in cls.options:
        try:
            return msgspec.convert(plain, option, str_keys=json, dec_hook=_from_json if json else _from_msgpack)
        except msgspec.ValidationError as error:
            reasons.append(f"{type_name(option)}: {explain(error, '$')}")
    raise Misfit("", f"fits none of {cls.shown} ({'; '.join(reasons)})")


encode_msgpack = msgspec.msgpack.Encoder(enc_hook=_to_msgpack).encode
encode_json = msgspec.json.Encoder(enc_hook=_to_json).encode


def msgpack_decoder(of: Any) -> Decode:
    """A strict decoder. Raises what msgspec raises for a type it does not know."""
    return msgspec.msgpack.Decoder(of, dec_hook=_from_msgpack).decode


def json_decoder(of: Any) -> Decode:
    """A decoder that reads from text the types JSON lacks (datetime, UUID, Decimal, bytes as base64)."""
    return msgspec.json.Decoder(of, dec_hook=_from_json).decode


def explain(error: BaseException, root: str) -> str:
    """``$.items[2].price: expected float, got str``, where ``root`` stands for the ``$`` of what was decoded."""
    if not isinstance(error, msgspec.ValidationError):
        return f"{root}: {str(error) or type(error).__name__}"
    match = _AT.match(str(error))
    what, path = (match["what"], match["path"] or "$") if match else (str(error), "$")
    if path.startswith("key` in `"):
        path, what = path.removeprefix("key` in `"), f"a key is wrong: {_worded(what)}"
    path = root + path.removeprefix("$")
    cause = error.__cause__
    if isinstance(cause, Misfit):
        return f"{path}{cause.path}: {cause.what}"
    return f"{path}: {_worded(what)}"


def find_unsendable(value: Any, path: str, encode: Callable[[Any], bytes]) -> str:
    """The path and type of the part of ``value`` that ``encode`` cannot take, for a message; slow."""
    for step, part in _parts(value):
        try:
            encode(part)
        except Exception:
            return find_unsendable(part, path + step, encode) if len(path) < 200 else f"{path}: too deep"
    try:
        encode(value)
    except RecursionError:
        return f"{path}: {type_name(type(value))} contains itself or is too deep"
    except Exception as error:
        return f"{path}: {type_name(type(value))} ({error})"
    return path


def type_name(of: Any) -> str:
    """A type as a reader of the source would write it."""
    if isinstance(of, type) and issubclass(of, Alternatives):
        return of.shown
    if isinstance(of, type) and not hasattr(of, "__origin__"):
        return "None" if of is type(None) else of.__qualname__.rpartition("<locals>.")[2]
    return re.sub(r"\b(?:[a-z_]\w*\.)+", "", str(of))


def _worded(what: str) -> str:
    what = what.replace("`", "")
    return what[:1].lower() + what[1:]


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [(f"[{index}]", part) for index, part in enumerate(value)]
    names: Iterable[str] = getattr(value, "__struct_fields__", getattr(value, "__dataclass_fields__", ()))
    return [(f".{name}", getattr(value, name)) for name in names if hasattr(value, name)]
