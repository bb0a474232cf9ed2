"""Walks over statements and nothing below them: a small part of a syntax tree, and all that most questions need."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
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

_SCOPES = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef})
_NO_STATEMENTS = (ast.ExceptHandler, ast.match_case)


_CODING = re.compile(rb"(.*\n)?.*coding")  # in the first two lines


class Keyword:
    """The lines of a source text at which a keyword may stand: where none is, the tree need not be walked.

    Comments and strings may hold the word, too; then the walk finds nothing.
    """

    def __init__(self, word: str, source: str | bytes) -> None:
        self._lines: list[int] | None = None  # None: not known
        # Lines are counted as the parser counts them only where no other kind of line end and no other encoding is.
        if isinstance(source, bytes) and b"\r" not in source and not _CODING.match(source):
            self._lines = [*_lines_of(re.compile(rb"%b\b" % word.encode()), source)]

    def within(self, first: int, last: int) -> bool:
        """Whether it may stand between two lines, both included."""
        if self._lines is None:
            return True
        found = bisect_left(self._lines, first)
        return found < len(self._lines) and self._lines[found] <= last


def _lines_of(word: re.Pattern[bytes], source: bytes) -> Iterator[int]:
    line, start = 1, 0
    for match in word.finditer(source):
        line += source.count(b"\n", start, match.start())
        start = match.start()
        yield line


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


def imports_below(body: list[ast.stmt], keyword: Keyword) -> list[ast.Import | ast.ImportFrom]:
    """Every import statement, those in functions and classes included, in order of source.

    ``keyword`` is ``import`` in that source.
    """
    found: list[ast.Import | ast.ImportFrom] = []
    pending: list[list[Any]] = [body]
    while pending:
        for node in pending.pop():
            kind = type(node)
            if kind is ast.Import or kind is ast.ImportFrom:
                found.append(node)
            elif kind in _SCOPES:
                if keyword.within(node.lineno, node.end_lineno):
                    pending.append(node.body)
            elif (blocks := _BLOCKS.get(kind)) is not None:
                for name in blocks:
                    pending.append(getattr(node, name))
    found.sort(key=_place)
    return found


def classes_below(body: list[ast.stmt], prefix: str, keyword: Keyword) -> list[tuple[ast.ClassDef, str]]:
    """Every class statement below those of a scope, with its qualified name; outer ones first, in order of source.

    ``prefix`` goes before the names: ``Cart.`` in a class, ``make.<locals>.`` in a function. ``keyword`` is ``class``
    in that source.
    """
    found: list[tuple[ast.ClassDef, str]] = []
    pending: list[tuple[list[Any], str]] = [(body, prefix)]
    while pending:
        nodes, before = pending.pop()
        for node in nodes:
            kind = type(node)
            if kind is ast.ClassDef:
                found.append((node, before + node.name))
                if keyword.within(node.lineno + 1, node.end_lineno):
                    pending.append((node.body, f"{before}{node.name}."))
            elif kind in _SCOPES:
                if keyword.within(node.lineno + 1, node.end_lineno):
                    pending.append((node.body, f"{before}{node.name}.<locals>."))
            elif (blocks := _BLOCKS.get(kind)) is not None:
                for name in blocks:
                    pending.append((getattr(node, name), before))
    found.sort(key=lambda entry: _place(entry[0]))
    return found


def _place(statement: ast.stmt) -> tuple[int, int]:
    return statement.lineno, statement.col_offset
