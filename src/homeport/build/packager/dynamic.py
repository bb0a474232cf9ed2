"""Which modules a source file imports by calling ``import_module`` or ``__import__``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import msgspec

from homeport.build.packager.imported import absolute_name

_CALLS = ("import_module", "__import__")


class DynamicImport(msgspec.Struct, frozen=True, kw_only=True):
    """``import_module("a.b")``, or ``import_module(f"a.{name}")``, of which the beginning is known."""

    name: str  # "a.b", "a"; "": all of it is computed
    open_ended: bool  # any module below that name may be meant
    line: int
    column: int


def dynamic_imports(source: bytes, package: str = "") -> list[DynamicImport]:
    """Those of a file in this package, relative ones included; none of a file that cannot be parsed."""
    if not any(name.encode() in source for name in _CALLS):
        return []
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    return list(_calls(tree, package))


def _calls(tree: ast.Module, package: str) -> Iterator[DynamicImport]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args or not _imports(node.func):
            continue
        known, complete = _text(node.args[0])
        if not complete:
            known = known[: known.rfind(".") + 1]
        name = absolute_name(known, package).rstrip(".")
        yield DynamicImport(name=name, open_ended=not complete, line=node.lineno, column=node.col_offset + 1)


def _imports(called: ast.expr) -> bool:
    if isinstance(called, ast.Attribute):
        return called.attr == "import_module" and isinstance(called.value, ast.Name) and called.value.id == "importlib"
    return isinstance(called, ast.Name) and called.id in _CALLS


def _text(argument: ast.expr) -> tuple[str, bool]:
    """What a text begins with, and whether that is all of it."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value, True
    if isinstance(argument, ast.JoinedStr) and argument.values:
        return _text(argument.values[0])[0], False
    if isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.Add | ast.Mod):
        known, _ = _text(argument.left)
        return known.partition("%")[0] if isinstance(argument.op, ast.Mod) else known, False
    return "", False
