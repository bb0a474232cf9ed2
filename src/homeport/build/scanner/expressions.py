"""How the scanner reads the few kinds of expression it understands: names, literals, types, marks."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import msgspec


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A decorator, or a call such as ``dependency(...)``: which name, with which options."""

    name: str  # dotted, as written: "hp.service"
    called: bool = False
    options: Mapping[str, object] = {}
    positional: tuple[object, ...] = ()
    computed: tuple[str, ...] = ()  # arguments that are no literals, as one would show them: "replicas=…"
    line: int
    column: int  # from 1

    @property
    def unreadable(self) -> str:
        """Why the scan cannot tell what it says; empty when it can."""
        if not self.computed:
            return ""
        return f"({self.computed[0]}) is computed, but the scan reads only literals; write the value itself"


class TypeName(msgspec.Struct, frozen=True, kw_only=True):
    """What an annotation says, as far as it may name one class."""

    name: str = ""  # dotted, as written; "" when it names no single class
    optional: bool = False  # also allows None
    class_variable: bool = False


NOWHERE = TypeName()
_NO_LITERAL = (ValueError, TypeError, RecursionError, MemoryError)


def dotted(node: ast.expr) -> str:
    """``a.b.c`` for such an expression, else the empty string."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def read_mark(node: ast.expr) -> Mark:
    """The mark that a decorator or a called name is; its name is empty when it is neither."""
    line, column = node.lineno, node.col_offset + 1
    if not isinstance(node, ast.Call):
        return Mark(name=dotted(node), line=line, column=column)
    options: dict[str, object] = {}
    computed: list[str] = []
    for keyword in node.keywords:
        try:
            options[keyword.arg or "**"] = ast.literal_eval(keyword.value)
        except _NO_LITERAL:
            computed.append(f"{keyword.arg}=…" if keyword.arg else "**…")
    positional: list[object] = []
    for argument in node.args:
        try:
            positional.append(ast.literal_eval(argument))
        except _NO_LITERAL:
            computed.append("…")
    return Mark(
        name=dotted(node.func),
        called=True,
        options=options,
        positional=tuple(positional),
        computed=tuple(computed),
        line=line,
        column=column,
    )


def read_type(node: ast.expr) -> TypeName:
    """The one class an annotation names, through ``Optional``, ``X | None``, ``Annotated`` and string annotations."""
    if isinstance(node, ast.Constant):
        return _read_text_type(node.value) if isinstance(node.value, str) else NOWHERE
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _one_of([node.left, node.right])
    if isinstance(node, ast.Subscript):
        return _read_subscript(node)
    return TypeName(name=dotted(node))


def _read_text_type(text: str) -> TypeName:
    try:
        return read_type(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError:
        return NOWHERE


def _read_subscript(node: ast.Subscript) -> TypeName:
    name = dotted(node.value)
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    match name.rpartition(".")[2]:
        case "Optional":
            return msgspec.structs.replace(read_type(inner[0]), optional=True)
        case "Union":
            return _one_of(inner)
        case "Annotated" | "Final":
            return read_type(inner[0])
        case "ClassVar":
            return msgspec.structs.replace(read_type(inner[0]), class_variable=True)
    return TypeName(name=name)


def _one_of(members: list[ast.expr]) -> TypeName:
    rest = [member for member in members if not _is_none(member)]
    optional = len(rest) < len(members)
    if len(rest) != 1:
        read = [read_type(member) for member in rest]
        # `A | B | None` nests to the left, so a union may still hold None further in.
        return TypeName(optional=optional or any(member.optional for member in read))
    inner = read_type(rest[0])
    return msgspec.structs.replace(inner, optional=optional or inner.optional)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
