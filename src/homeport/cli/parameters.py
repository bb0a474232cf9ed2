"""What a command takes, declared without typer, whose import takes longer than most commands do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from homeport.cli.surroundings import Surroundings

Command = Callable[..., int | None]
"""A function of what it may touch and of what was typed; returns its exit code, None for 0."""

Complete = Callable[[Surroundings, str | None, str], list[tuple[str, str]]]
"""Of what it may touch, the node named so far and the beginning of a word: words, each with its help."""


class Group(NamedTuple):
    """Commands below one name."""

    help: str
    commands: Mapping[str, Command]


class Declared(NamedTuple):
    """How people give one parameter, and what help says of it; an option without names is called as the parameter."""

    option: bool
    names: tuple[str, ...]
    metavar: str | None
    help: str
    panel: str | None
    parser: Callable[[str], Any] | None
    min: int | None
    complete: Complete | None
    show_default: bool


class Parameter(NamedTuple):
    """One of a command's, with its type: ``several`` says that what was given comes as a list of that type."""

    name: str
    type: Any
    several: bool
    default: Any
    declared: Declared

    @property
    def names(self) -> tuple[str, ...]:
        """Of an option, as they are typed."""
        return self.declared.names or (f"--{self.name.replace('_', '-')}",)


def option(
    *names: str,
    help: str,
    metavar: str | None = None,
    panel: str | None = None,
    parser: Callable[[str], Any] | None = None,
    min: int | None = None,
    complete: Complete | None = None,
    show_default: bool = True,
) -> Any:
    """Declares an option, in ``Annotated``.

    ``parser`` raises ValueError for what it cannot read, and reads a default that is text, too.
    """
    return Declared(True, names, metavar, help, panel, parser, min, complete, show_default)


def argument(*, metavar: str, help: str, min: int | None = None, complete: Complete | None = None) -> Any:
    """Declares an argument, known by its place, in ``Annotated``."""
    return Declared(False, (), metavar, help, None, None, min, complete, True)


REQUIRED = object()


def parameters(command: Command) -> list[Parameter]:
    """All that are typed, in the order they are declared."""
    hints = get_type_hints(command, localns={"Surroundings": Surroundings}, include_extras=True)
    defaults: tuple[Any, ...] = command.__defaults__ or ()
    names = [name for name in hints if name != "return"]
    default_of = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    found = []
    for name in names:
        if get_origin(hints[name]) is Annotated:
            given, declared = get_args(hints[name])
            plain = _without_none(given)
            several = get_origin(plain) is list
            kind = get_args(plain)[0] if several else plain
            found.append(Parameter(name, kind, several, default_of.get(name, REQUIRED), declared))
    return found


def _without_none(kind: Any) -> Any:
    if get_origin(kind) not in (Union, UnionType):
        return kind
    [plain] = (one for one in get_args(kind) if one is not NoneType)
    return plain
