"""Where in a class an annotation goes."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from homeport.build.diagnostics.finding import Edit
from homeport.build.diagnostics.fixes.statements import first_line, is_docstring

_MAKE_FIELDS = ("dataclass", "define", "frozen", "mutable", "attrs", "attributes", "s")
_HARMLESS = ("final", "runtime_checkable", "total_ordering", "deprecated")


def class_at(tree: ast.Module, line: int) -> ast.ClassDef | None:
    """The innermost class around a line."""
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    return max(around, key=lambda node: node.lineno, default=None)


def takes_annotations(node: ast.ClassDef) -> bool:
    """Whether one more annotation changes nothing about the class, as it does for a dataclass.

    Of two unknown decorators only one can be the mark of a service.
    """
    decorators = [_last_name(decorator) for decorator in node.decorator_list]
    unknown = [name for name in decorators if name not in _HARMLESS]
    on_lines_of_its_own = node.body[0].lineno > node.lineno
    return on_lines_of_its_own and len(unknown) <= 1 and not any(name in _MAKE_FIELDS for name in unknown)


def indentation(node: ast.ClassDef, lines: Sequence[str]) -> str:
    first = node.body[0]
    return lines[first.lineno - 1][: first.col_offset]


def annotate(node: ast.ClassDef, lines: Sequence[str], annotations: Sequence[str], path: str) -> Edit | None:
    """The edit that adds ``name: Type`` lines after the docstring and the fields that stand there already.

    None when statements share a line there.
    """
    leading = 0
    if is_docstring(node.body[0]):
        leading = 1
    docstring = leading == 1
    while leading < len(node.body) and isinstance(node.body[leading], ast.AnnAssign):
        leading += 1
    before, after = node.body[:leading], node.body[leading:]
    indent = indentation(node, lines)
    text = "".join(f"{indent}{annotation}\n" for annotation in annotations)
    if before:
        end = before[-1].end_lineno or before[-1].lineno
        if after and first_line(after[0]) <= end:
            return None
        line, following = end + 1, lines[end] if end < len(lines) else ""
        if docstring and leading == 1:
            text = f"\n{text}"
    else:
        line = _above_comments(first_line(after[0]), lines)
        following = lines[line - 1]
    if following.strip() and (not after or not isinstance(after[0], ast.Assign | ast.Expr)):
        text = f"{text}\n"
    return Edit(path=path, line=line, column=1, end_line=line, end_column=1, text=text)


def _above_comments(line: int, lines: Sequence[str]) -> int:
    while line > 1 and lines[line - 2].lstrip().startswith("#"):
        line -= 1
    return line


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Call(func=func):
            return _last_name(func)
        case ast.Attribute(attr=attr):
            return attr
        case ast.Name(id=name):
            return name
    return ""
