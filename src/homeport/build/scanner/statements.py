"""Walks over statements and nothing below them: a small part of a syntax tree, and all that most questions need."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

_BLOCKS: Mapping[type[Any], tuple[str, ...]] = {
    ast.If: ("body", "orelse"),
    ast.For: ("body", "orelse"),
    ast.AsyncFor: ("body", "orelse"),
    ast.While: ("body", "orelse"),
    ast.With: ("body",),
    ast.AsyncWith: ("body",),
    ast.Try: ("body", "handlers", "orelse", "finalbody"),
    ast.TryStar: ("body", "handlers", "orelse", "finalbody"),
    ast.ExceptHandler: ("body",),
    ast.Match: ("cases",),
    ast.match_case: ("body",),
}
"""The fields of each kind of node that hold statements of the same scope, or what holds those, in order of source."""

_ALL_BLOCKS: Mapping[type[Any], tuple[str, ...]] = {
    **_BLOCKS,
    ast.FunctionDef: ("body",),
    ast.AsyncFunctionDef: ("body",),
    ast.ClassDef: ("body",),
}
_NO_STATEMENTS = (ast.ExceptHandler, ast.match_case)


def has_blocks(statement: ast.stmt) -> bool:
    """Whether a statement may hold others of the same scope."""
    return type(statement) in _BLOCKS


def simple_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of one scope, with those inside ``if``, ``try``, ``with``, loops and ``match``."""
    pending: list[Any] = body[::-1]  # no recursion: a long `elif` chain nests as deeply as it is long
    while pending:
        node = pending.pop()
        blocks = _BLOCKS.get(type(node))
        if blocks is None:
            yield node
            continue
        if type(node) not in _NO_STATEMENTS:
            yield node
        for name in reversed(blocks):
            pending += getattr(node, name)[::-1]


def imports_below(body: list[ast.stmt]) -> list[ast.Import | ast.ImportFrom]:
    """Every import statement, those in functions and classes included, in order of source."""
    found: list[ast.Import | ast.ImportFrom] = []
    pending: list[list[Any]] = [body]
    while pending:
        for node in pending.pop():
            kind = type(node)
            if kind is ast.Import or kind is ast.ImportFrom:
                found.append(node)
            elif (blocks := _ALL_BLOCKS.get(kind)) is not None:
                for name in blocks:
                    pending.append(getattr(node, name))
    found.sort(key=_place)
    return found


def classes_below(body: list[ast.stmt], prefix: str) -> list[tuple[ast.ClassDef, str]]:
    """Every class statement below those of a scope, with its qualified name; outer ones first, in order of source.

    ``prefix`` goes before the names: ``Cart.`` in a class, ``make.<locals>.`` in a function.
    """
    found: list[tuple[ast.ClassDef, str]] = []
    pending: list[tuple[list[Any], str]] = [(body, prefix)]
    while pending:
        nodes, before = pending.pop()
        for node in nodes:
            kind = type(node)
            if kind is ast.ClassDef:
                found.append((node, before + node.name))
                pending.append((node.body, f"{before}{node.name}."))
            elif kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
                pending.append((node.body, f"{before}{node.name}.<locals>."))
            elif (blocks := _BLOCKS.get(kind)) is not None:
                for name in blocks:
                    pending.append((getattr(node, name), before))
    found.sort(key=lambda entry: _place(entry[0]))
    return found


def _place(statement: ast.stmt) -> tuple[int, int]:
    return statement.lineno, statement.col_offset
