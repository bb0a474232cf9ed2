"""Names that Python can have, made of names that anything may have."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

BUILTINS = frozenset({"bool", "bytes", "dict", "float", "int", "list", "set", "str", "tuple"})
MODULES = frozenset({"datetime", "decimal", "enum", "errors", "homeport", "models", "msgspec", "typing", "uuid"})
_TAKEN_IN_ENUMS = frozenset({"MRO", "mro", "name", "value"})


def class_name(text: str) -> str:
    """``product_catalog`` → ``ProductCatalog``, ``Page[int]`` → ``PageInt``; what has capitals keeps them."""
    parts = [part for part in re.split(r"[^0-9A-Za-z]+", text) if part]
    name = "".join(part[0].upper() + part[1:] for part in parts)
    if not name or name[0].isdigit():
        name = f"Type{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def attribute_name(text: str) -> str:
    """``from`` → ``from_``, ``Content-Type`` → ``Content_Type``, ``2nd`` → ``field_2nd``."""
    name = re.sub(r"\W", "_", text, flags=re.ASCII)
    name = name.strip("_") if not text.isidentifier() or text.startswith("_") else name
    if not name or name[0].isdigit():
        name = f"field_{name}".rstrip("_")
    return f"{name}_" if keyword.iskeyword(name) else name


def member_name(value: object) -> str:
    """The name of an enumeration's member that has this value."""
    name = re.sub(r"\W+", "_", str(value), flags=re.ASCII).strip("_").upper()
    if not name or name[0].isdigit():
        name = f"VALUE_{name}".rstrip("_")
        name = name.replace("VALUE_", "MINUS_", 1) if str(value).startswith("-") else name
    return f"{name}_" if name in _TAKEN_IN_ENUMS else name


def distinct(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The names, those that came before with a number behind them."""
    seen = set(taken)
    found = []
    for name in names:
        unique, count = name, 1
        while unique in seen:
            count += 1
            unique = f"{name}_{count}"
        seen.add(unique)
        found.append(unique)
    return found


class Imports:
    """What a module's text refers to; names that the class at hand hides are reached by another."""

    def __init__(self) -> None:
        self._lines: set[str] = set()
        self._hidden: frozenset[str] = frozenset()

    def enter(self, members: Iterable[str]) -> None:
        """From here on the text is of a class with these members."""
        self._hidden = frozenset(members)

    def builtin(self, name: str) -> str:
        """``list``, or ``_builtins.list`` where ``list`` is something else."""
        if name not in self._hidden:
            return name
        self._lines.add("import builtins as _builtins")
        return f"_builtins.{name}"

    def module(self, name: str) -> str:
        """The name of an imported module."""
        own = name in ("errors", "models")
        source = "from . import " if own else "import "
        shown = f"_{name}" if name in self._hidden else name
        self._lines.add(f"{source}{name}" if shown == name else f"{source}{name} as {shown}")
        return shown

    def lines(self) -> list[str]:
        """The statements, the standard library's first."""
        standard = {"builtins", "datetime", "decimal", "enum", "typing", "uuid"}
        groups: list[list[str]] = [[], [], []]
        for line in sorted(line for line in self._lines if not line.startswith("from .")):
            groups[line.split()[1] not in standard].append(line)
        if own := sorted(line.removeprefix("from . import ") for line in self._lines if line.startswith("from .")):
            groups[2].append(f"from . import {', '.join(own)}")
        return [line for group in groups if group for line in (*group, "")]
