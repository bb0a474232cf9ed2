"""What becomes of the results of calls in one function."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import Any

from homeport.build.scanner.calls import Consumed, place_of
from homeport.build.scanner.nodes import FIELDS

# Builtins that do something with a value at once, so that one not yet awaited is of no use to them.
_EAGER = frozenset(
    {"len", "sum", "sorted", "list", "tuple", "set", "frozenset", "dict", "min", "max", "any", "all", "enumerate"}
    | {"zip", "iter", "next", "reversed", "float", "int", "str", "bool", "round", "abs", "print"}
)


class Outcomes:
    """Looks up, in one function, where the value of an expression goes."""

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._function = function
        self._parents: dict[Any, Any] = {}
        self._loads: dict[str, list[ast.Name]] = {}
        self.stores: Counter[str] = Counter()  # how often each name is given a value
        self._walk(function)

    def of_call(self, call: ast.Call) -> tuple[Consumed | None, tuple[Consumed, ...]]:
        """What takes the call's value, and, when it is awaited, what is done with the result."""
        taken = self._taken(call)
        if taken is None or taken.how != "await":
            return taken, ()
        return taken, tuple(self._results(self._parents[call]))

    def _taken(self, call: ast.Call) -> Consumed | None:
        """What takes the value of a call; None when it is handed on, so that somebody else may await it."""
        consumed = self._consumed(call)
        name = self._sole_name(call)
        if consumed is not None or not name:
            return consumed
        ends = [self._consumed(load) for load in self._loads.get(name, ())]
        if not ends:
            return _consumed("dropped", call)
        return ends[0] if all(end is not None and end.how not in _PATIENT for end in ends) else None

    def _results(self, awaited: ast.expr) -> Iterator[Consumed]:
        name = self._sole_name(awaited)
        for node in self._loads.get(name, ()) if name else (awaited,):
            consumed = self._consumed(node)
            if consumed is not None and consumed.how not in ("dropped", "return"):
                yield consumed

    def _sole_name(self, value: ast.expr) -> str:
        """The name that is given this value, and never another."""
        parent = self._parents.get(value)
        match parent:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                return name if self.stores[name] == 1 else ""
        return ""

    def _consumed(self, node: ast.expr) -> Consumed | None:
        parent = self._parents.get(node)
        while isinstance(parent, ast.IfExp) and node is not parent.test:
            node, parent = parent, self._parents.get(parent)
        if isinstance(parent, ast.Return):
            return _consumed("return", node) if self._is_outermost(parent) else None
        how, name = _how(parent, node)
        return _consumed(how, node, name) if how else None

    def _is_outermost(self, node: Any) -> bool:
        """Whether it belongs to the function itself rather than to one within."""
        while not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            node = self._parents[node]
        return node is self._function

    def _walk(self, function: Any) -> None:
        pending: list[Any] = [function]
        parents = self._parents
        while pending:
            node = pending.pop()
            kind = type(node)
            if kind is ast.Name:
                if type(node.ctx) is ast.Load:
                    self._loads.setdefault(node.id, []).append(node)
                else:
                    self.stores[node.id] += 1
                continue
            if kind in _OTHER_STORES:
                self.stores.update(_names_given(node))
            # As in bodies.py, most of the time of reading a function is spent here.
            for field in FIELDS.get(kind, ()):
                value = getattr(node, field)
                if value.__class__ is list:
                    pending.extend(value)
                    parents.update(dict.fromkeys(value, node))
                elif value is not None:
                    pending.append(value)
                    parents[value] = node


_OTHER_STORES = (ast.arg, ast.Global, ast.Nonlocal, ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.alias)


def _names_given(node: Any) -> dict[str, int]:
    """The names that a node gives a value without a Name node; those of other scopes count as given twice."""
    if isinstance(node, ast.Global | ast.Nonlocal):
        return dict.fromkeys(node.names, 2)
    name = getattr(node, "asname", None) or getattr(node, "arg", None) or node.name
    return {name: 1} if name else {}


# What may be done with the value of a call before it is awaited.
_PATIENT = ("await", "async for", "attribute", "comparison", "test", "return")


def _how(parent: Any, node: ast.expr) -> tuple[str, str]:
    match parent:
        case ast.Await():
            return "await", ""
        case ast.Expr():
            return "dropped", ""
        case ast.For(iter=value) if value is node:
            return "for", ""
        case ast.AsyncFor(iter=value) if value is node:
            return "async for", ""
        case ast.comprehension(iter=value, is_async=is_async) if value is node:
            return "async for" if is_async else "for", ""
        case ast.Starred() | ast.YieldFrom() | ast.Assign(targets=[ast.Tuple() | ast.List()]):
            return "for", ""
        case ast.Subscript(value=value) if value is node:
            return "subscript", ""
        case ast.Attribute(attr=name):
            return "attribute", name
        case ast.Call(func=value) if value is node:
            return "call", ""
        case ast.Call(func=ast.Name(id=name)) if name in _EAGER:
            return "builtin", name
        case ast.BinOp() | ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Invert()):
            return "arithmetic", ""
        case ast.AugAssign(value=value) if value is node:
            return "arithmetic", ""
        case ast.Compare():
            return "comparison", ""
        case ast.If() | ast.While() | ast.IfExp() | ast.Assert() | ast.UnaryOp():
            return "test", ""
        case ast.FormattedValue():
            return "text", ""
    return "", ""


def _consumed(how: str, node: ast.expr, name: str = "") -> Consumed:
    at = place_of(node)
    return Consumed(how, name, at.line, at.column, at.end_line, at.end_column)
