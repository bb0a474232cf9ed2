"""What the names that a function gives a value itself stand for."""

from __future__ import annotations

import ast
from typing import Any

from homeport.build.scanner.expressions import dotted

IMPORTED = ":"  # before a full name that the function itself imports


class Locals:
    """The variables, parameters and imports of one function, those of nested functions among them."""

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.stores: list[str] = []  # names given a value, each time
        self.parameters: set[str] = set()
        self._imports: dict[str, str] = {}
        self._made: dict[str, str] = {}  # by name: the function whose result it is
        self.take_parameters(function.args)

    def take_parameters(self, arguments: ast.arguments) -> None:
        found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        found += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
        self.parameters.update(argument.arg for argument in found)

    def take_import(self, node: Any) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                name = alias.asname or alias.name.partition(".")[0]
                self._imports[name] = alias.name if alias.asname else name
            else:
                absolute = node.level == 0 and alias.name != "*"
                self._imports[alias.asname or alias.name] = f"{node.module}.{alias.name}" if absolute else ""

    def take_made(self, name: str, value: ast.expr) -> None:
        """The name is given ``value``: worth knowing if that is a call of something with a name."""
        made = dotted(value.func) if isinstance(value, ast.Call) else ""
        if made:
            self._made[name] = made

    def times_given(self, name: str) -> int:
        """How often a name is given a value, be it as a parameter or by an import."""
        return self.stores.count(name) + (name in self.parameters) + (name in self._imports)

    def meaning(self, name: str) -> str:
        """What a dotted name means to somebody outside the function; empty for its own variables."""
        first, dot, rest = name.partition(".")
        first, call, _ = first.partition("()")
        if first in self._imports:
            full = self._imports[first]
            return f"{IMPORTED}{full}{call}{dot}{rest}" if full and first not in self.stores else ""
        if first in self._made and self.stores.count(first) == 1 and first not in self.parameters:
            made = self.meaning(self._made[first]) if self._made[first].partition(".")[0] != first else ""
            return f"{made}(){dot}{rest}" if made and dot else ""
        return "" if first in self.parameters or first in self.stores else name
