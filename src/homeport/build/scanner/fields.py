"""A name with a type or a value, as class bodies and parameter lists have them."""

from __future__ import annotations

import ast

import msgspec

from homeport.build.scanner.expressions import Mark, TypeName, read_mark, read_type


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A name with a type or a value: in a class body, or among the parameters of ``__init__``."""

    name: str
    type: TypeName | None = None  # None: not annotated
    value: str = ""  # "", "none", "mark", "other"
    mark: Mark | None = None  # the call that is its value
    line: int
    column: int


def read_field(name: str, annotation: ast.expr | None, value: ast.expr | None, at: ast.stmt | ast.arg) -> Field:
    mark = read_mark(value) if isinstance(value, ast.Call) else None
    match value:
        case None:
            kind = ""
        case ast.Constant(value=None):
            kind = "none"
        case ast.Call():
            kind = "mark"
        case _:
            kind = "other"
    read = read_type(annotation) if annotation is not None else None
    return Field(name=name, type=read, value=kind, mark=mark, line=at.lineno, column=at.col_offset + 1)
