"""What a call passes on, as far as the source tells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from homeport.build.scanner.expressions import Mark
from homeport.build.scanner.wrappers import Parameter


class _Stand(msgspec.Struct, frozen=True):
    what: str


CLASS = _Stand("the class that is decorated")
UNKNOWN = _Stand("a value that the source does not tell")

Lookup = Callable[[str], object]
"""The value of a dotted name, or ``UNKNOWN``."""


class Arguments(NamedTuple):
    """Values by position and by name; each a plain value, ``CLASS`` or ``UNKNOWN``."""

    positional: tuple[object, ...] = ()
    options: Mapping[str, object] = {}
    is_open: bool = False  # and others, which the source does not tell

    def without_first(self) -> Arguments:
        return self._replace(positional=self.positional[1:])

    def extended(self, more: Arguments) -> Arguments:
        """As ``functools.partial`` adds arguments."""
        return Arguments(
            self.positional + more.positional, {**self.options, **more.options}, self.is_open or more.is_open
        )

    def only(self, names: Collection[str]) -> Arguments:
        """The class and the options of these names."""
        return Arguments((CLASS,), {name: value for name, value in self.options.items() if name in names})


def evaluate(call: Mark, lookup: Lookup) -> Arguments:
    """What a call passes on, with ``lookup`` for its names."""

    def value(key: str) -> object:
        return lookup(call.named[key]) if key in call.named else UNKNOWN

    options: dict[str, Any] = dict(call.options)
    positional, is_open = list(call.positional), False
    for key in call.computed:
        if key == "*":
            is_open = True
        elif key.isdigit():
            positional[int(key)] = value(key)
        elif key != "**":
            options[key] = value(key)
        else:
            spread = value(key)
            if isinstance(spread, Mapping):
                options.update(spread)
            else:
                is_open = True
    return Arguments(tuple(positional), options, is_open)


def filled(mark: Mark, lookup: Lookup) -> Mark:
    """The mark with values in place of those of its names that ``lookup`` knows."""
    values = {key: lookup(name) for key, name in mark.named.items()}
    known = {
        key: value
        for key, value in values.items()
        if value is not UNKNOWN and (key != "**" or isinstance(value, Mapping))
    }
    if not known:
        return mark
    options, positional = dict(mark.options), list(mark.positional)
    for key, value in known.items():
        if key.isdigit():
            positional[int(key)] = value
        elif key != "**":
            options[key] = value
        else:
            options.update(value)  # type: ignore[call-overload]
    return msgspec.structs.replace(
        mark,
        options=options,
        positional=tuple(positional),
        named={key: name for key, name in mark.named.items() if key not in known},
        computed=tuple(key for key in mark.computed if key not in known),
    )


def bind(parameters: Sequence[Parameter], given: Arguments, constants: Lookup) -> dict[str, object]:
    """What each parameter of a function is given; ``constants`` looks up defaults."""
    positional, options = list(given.positional), dict(given.options)
    values: dict[str, object] = {}
    for parameter in parameters:
        match parameter.kind:
            case "positional" if positional:
                values[parameter.name] = positional.pop(0)
            case "positional" | "keyword":
                values[parameter.name] = options.pop(parameter.name, _default(parameter, constants))
            case "rest":
                values[parameter.name] = UNKNOWN if given.is_open else positional
            case "options":
                values[parameter.name] = UNKNOWN if given.is_open else options
    return values


def _default(parameter: Parameter, constants: Lookup) -> object:
    if parameter.default_name:
        return constants(parameter.default_name)
    return UNKNOWN if parameter.required or parameter.computed else parameter.default
