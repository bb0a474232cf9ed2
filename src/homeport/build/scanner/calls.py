"""What a call in a function body says: whom it calls, with what, and what becomes of its result."""

from __future__ import annotations

import ast

import msgspec

from homeport.build.scanner.expressions import dotted


class Place(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A piece of source; lines and columns from 1, the end exclusive. ``name`` says which name stands there."""

    name: str
    line: int
    column: int
    end_line: int
    end_column: int


class Argument(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One argument of a call."""

    name: str  # "": by position
    literal: bytes  # msgpack of its value, when it is a literal that can travel; else empty
    shown: str  # that literal as written, when short
    # What else is plain to see of it: list, dict, set, tuple, str, lambda, generator, self, or an attribute of self.
    kind: str
    line: int
    column: int
    end_line: int
    end_column: int


class Consumed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an expression does with a result."""

    # for, async for, await, subscript, attribute, arithmetic, comparison, test, text, call, builtin, dropped, return
    how: str
    name: str  # the attribute, or the builtin; else ""
    line: int
    column: int
    end_line: int
    end_column: int


class Use(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """``self.<attribute>.<method>(...)``, be it through another name for ``self.<attribute>``.

    Or a mention of it, to be called by others: ``map(self.<attribute>.<method>, names)``.
    """

    attribute: str
    method: str
    line: int  # of ``self``
    column: int
    end_line: int = 0  # of ``method``
    end_column: int = 0
    certain: bool = True  # False: the name it goes through may stand for something else
    arguments: tuple[Argument, ...] = ()
    open_positional: bool = False  # has *arguments
    open_named: bool = False  # has **arguments
    # awaited, or what wrongly takes the call itself as a result; "": handed on, so that others may await it
    taken: Consumed | None = None
    results: tuple[Consumed, ...] = ()  # what is done with the awaited result, as far as that is plain to see
    called: bool = True  # False: only mentioned


_LONGEST_SHOWN = 40
_MOST_NODES = 60
_LITERALS = (ast.Constant, ast.UnaryOp, ast.List, ast.Tuple, ast.Dict, ast.Set)
_NO_LITERAL = (ValueError, TypeError, RecursionError, MemoryError, OverflowError)


def read_arguments(call: ast.Call) -> tuple[Argument, ...]:
    """The arguments of a call, without those behind stars."""
    given = [_argument("", node, node) for node in call.args if not isinstance(node, ast.Starred)]
    named = (keyword for keyword in call.keywords if keyword.arg is not None)
    return (*given, *(_argument(str(keyword.arg), keyword.value, keyword) for keyword in named))


def is_open(call: ast.Call) -> tuple[bool, bool]:
    """Whether there are positional, and named, arguments behind stars."""
    return (
        any(isinstance(node, ast.Starred) for node in call.args),
        any(keyword.arg is None for keyword in call.keywords),
    )


def place_of(node: ast.expr | ast.stmt | ast.keyword, name: str = "") -> Place:
    end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    return Place(name, node.lineno, node.col_offset + 1, end_line, end_column + 1)


def _argument(name: str, node: ast.expr, whole: ast.expr | ast.keyword) -> Argument:
    literal = _literal(node)
    shown = ast.unparse(node) if literal else ""
    at = place_of(whole)
    if len(shown) > _LONGEST_SHOWN:
        shown = f"{shown[: _LONGEST_SHOWN - 1]}…"
    kind = "" if literal else _kind(node)
    return Argument(name, literal, shown, kind, at.line, at.column, at.end_line, at.end_column)


_KINDS: dict[type, str] = {
    ast.List: "list",
    ast.ListComp: "list",
    ast.Dict: "dict",
    ast.DictComp: "dict",
    ast.Set: "set",
    ast.SetComp: "set",
    ast.Tuple: "tuple",
    ast.JoinedStr: "str",
    ast.Lambda: "lambda",
    ast.GeneratorExp: "generator",
}


def _kind(node: ast.expr) -> str:
    name = dotted(node)
    if name == "self" or (name.startswith("self.") and name.count(".") == 1):
        return name
    return _KINDS.get(type(node), "")


def _literal(node: ast.expr) -> bytes:
    if not isinstance(node, _LITERALS) or (not isinstance(node, ast.Constant) and not _is_small(node)):
        return b""
    try:
        return msgspec.msgpack.encode(ast.literal_eval(node))
    except _NO_LITERAL:
        return b""


def _is_small(node: ast.expr) -> bool:
    return all(count < _MOST_NODES for count, _ in enumerate(ast.walk(node)))
