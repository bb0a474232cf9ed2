"""A name with a type or a value, as class bodies and parameter lists have them."""

from __future__ import annotations

import ast

import msgspec

from homeport.build.scanner.expressions import Mark, TypeName, read_mark, read_type


class Field(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A name with a type or a value: in a class body, or among the parameters of a function."""

    name: str
    type: TypeName | None = None  # None: not annotated
    annotation: str = ""  # as written, without quotes
    value: str = ""  # "", "none", "mark", "other"
    shown: str = ""  # a value that is a plain literal, as written
    mark: Mark | None = None  # the call that is its value
    kind: str = ""  # of a parameter that is not passed either way: "position", "name"
    line: int
    column: int


_LONGEST_SHOWN = 40


def read_field(
    name: str, annotation: ast.expr | None, value: ast.expr | None, at: ast.stmt | ast.arg, kind: str = ""
) -> Field:
    mark = read_mark(value) if isinstance(value, ast.Call) else None
    shown = ""
    match value:
        case None:
            said = ""
        case ast.Constant(value=None):
            said, shown = "none", "None"
        case ast.Call():
            said = "mark"
        case ast.Constant():
            said, shown = "other", repr(value.value)
        case _:
            said = "other"
    return Field(
        name=name,
        type=read_type(annotation) if annotation is not None else None,
        annotation=type_text(annotation) if annotation is not None else "",
        value=said,
        shown=shown if len(shown) <= _LONGEST_SHOWN else "",
        mark=mark,
        kind=kind,
        line=at.lineno,
        column=at.col_offset + 1,
    )


def type_text(node: ast.expr) -> str:
    """An annotation as written, without the quotes of a string annotation."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.strip()
    return _text(node)


def _text(node: ast.expr) -> str:
    # The usual forms by hand: ast.unparse takes ten times as long.
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{_text(node.value)}.{node.attr}"
        case ast.Constant(value=None):
            return "None"
        case ast.Subscript(slice=ast.Tuple(elts=[_, *_] as inner)):
            return f"{_text(node.value)}[{', '.join(_text(part) for part in inner)}]"
        case ast.Subscript():
            return f"{_text(node.value)}[{_text(node.slice)}]"
        case ast.BinOp(op=ast.BitOr()):
            return f"{_text(node.left)} | {_text(node.right)}"
    return ast.unparse(node)
