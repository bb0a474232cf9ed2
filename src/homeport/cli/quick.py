"""Reads what is typed plainly without typer, whose import takes longer than most commands do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from homeport.cli.parameters import REQUIRED, Command, Parameter, parameters


class Unusual(Exception):
    """Left to typer, which knows more ways of writing, and what to say of mistakes."""


def read(command: Command, words: Sequence[str]) -> dict[str, Any] | None:
    """The command's arguments by name; None when ``words`` are unusual or wrong, so that typer has to read them."""
    try:
        return _read(parameters(command), list(words))
    except Unusual:
        return None


def _read(known: list[Parameter], words: list[str]) -> dict[str, Any]:
    options = {name: parameter for parameter in known if parameter.declared.option for name in parameter.names}
    places = [parameter for parameter in known if not parameter.declared.option]
    found: dict[str, Any] = {}
    while words:
        word = words.pop(0)
        parameter = options.get(word)
        if parameter is not None and parameter.type is bool:
            found[parameter.name] = True
        elif parameter is not None:
            if not words or words[0].startswith("-"):
                raise Unusual  # most likely its value was forgotten
            _add(found, parameter, words.pop(0))
        elif places and (not word.startswith("-") or word == "-"):
            _add(found, places[0] if places[0].several else places.pop(0), word)
        else:
            raise Unusual
    for parameter in known:
        if parameter.name not in found:
            found[parameter.name] = _default(parameter)
    return found


def _add(found: dict[str, Any], parameter: Parameter, word: str) -> None:
    value = _value(parameter, word)
    if parameter.several:
        found.setdefault(parameter.name, []).append(value)
    else:
        found[parameter.name] = value


def _value(parameter: Parameter, word: str) -> Any:
    kind, parser = parameter.type, parameter.declared.parser
    if parser is not None:
        return _parsed(parser, word)
    if kind is int and word.isascii() and word.isdecimal() and int(word) >= (parameter.declared.min or 0):
        return int(word)
    if kind is str or (get_origin(kind) is Literal and word in get_args(kind)):
        return word
    if kind is Path:
        return Path(word)
    raise Unusual


def _parsed(parser: Callable[[str], Any], word: str) -> Any:
    try:
        return parser(word)
    except ValueError:
        raise Unusual from None


def _default(parameter: Parameter) -> Any:
    if parameter.default is REQUIRED:
        raise Unusual
    if parameter.declared.parser is not None and isinstance(parameter.default, str):
        return _parsed(parameter.declared.parser, parameter.default)
    if parameter.type is Path and isinstance(parameter.default, str):
        return Path(parameter.default)
    return parameter.default
