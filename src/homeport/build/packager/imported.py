"""Which modules a source file imports by name, wherever in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import resolve_name

import msgspec


class ImportedName(msgspec.Struct, frozen=True, kw_only=True):
    """``import a.b`` or ``from a.b import c``."""

    name: str  # "a.b"
    line: int
    column: int
    members: tuple[str, ...] = ()  # "c", which may be a module, too
    needed: bool  # the module cannot be imported without it: not in a function, nor where ImportError is handled


def imported_names(source: bytes, package: str = "") -> list[ImportedName]:
    """Imports of a file, but for those that only type checkers see; none of a file that cannot be parsed.

    Relative ones are among them when its ``package`` is given.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    return [name for name in (_absolute(name, package) for name in _in(tree.body, needed=True)) if name.name]


def _absolute(name: ImportedName, package: str) -> ImportedName:
    return msgspec.structs.replace(name, name=absolute_name(name.name, package))


def absolute_name(name: str, package: str) -> str:
    """``a.b`` for ``.b`` in the package ``a``; nothing when it is relative to what is not known."""
    try:
        return resolve_name(name, package)
    except ImportError:
        return ""


def _in(nodes: list[ast.stmt], *, needed: bool) -> Iterator[ImportedName]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _name(node, alias.name, needed)
        elif isinstance(node, ast.ImportFrom):
            members = tuple(alias.name for alias in node.names)
            yield _name(node, "." * node.level + (node.module or ""), needed, members)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _in(node.body, needed=False)
        elif isinstance(node, ast.If):
            # What stands under a condition may never be imported.
            if "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from _in(node.body, needed=False)
            yield from _in(node.orelse, needed=False)
        elif isinstance(node, ast.Try):
            yield from _in(node.body, needed=needed and not node.handlers)
            for block in (*(handler.body for handler in node.handlers), node.orelse):
                yield from _in(block, needed=False)
            yield from _in(node.finalbody, needed=needed)
        else:
            for field in ("body", "orelse"):
                below = getattr(node, field, None)
                if isinstance(below, list):
                    yield from _in(below, needed=needed)
            if isinstance(node, ast.Match):
                for case in node.cases:
                    yield from _in(case.body, needed=False)


def _name(node: ast.stmt, name: str, needed: bool, members: tuple[str, ...] = ()) -> ImportedName:
    return ImportedName(name=name, members=members, line=node.lineno, column=node.col_offset + 1, needed=needed)
