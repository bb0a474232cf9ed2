"""How the scanner reads the few kinds of expression it understands: names, literals, types, marks."""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping
from typing import Any

import msgspec


class Mark(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A decorator, or a call such as ``dependency(...)``: which name, with which options."""

    name: str  # dotted, as written: "hp.service"
    called: bool = False
    options: Mapping[str, object] = {}
    positional: tuple[object, ...] = ()  # None for one that is no plain value
    named: Mapping[str, str] = {}  # arguments that are dotted names, by key: "replicas", "0" for the first, "**"
    computed: tuple[str, ...] = ()  # keys of all arguments that are no plain values, named ones among them
    line: int
    column: int  # from 1
    end_line: int = 0  # 0: not known
    end_column: int = 0  # exclusive

    @property
    def unreadable(self) -> str:
        """Why the scan cannot tell what it says; empty when it can."""
        if not self.computed:
            return ""
        key = self.computed[0]
        shown = f"{key}=…" if key.isidentifier() else f"{key}…" if key.startswith("*") else "…"
        return f"({shown}) is computed, but the scan reads only literals and constants; write the value itself"


class TypeName(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What an annotation says, as far as it may name one class."""

    name: str = ""  # dotted, as written; "" when it names no single class
    optional: bool = False  # also allows None
    class_variable: bool = False


class Unread(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Stands for a value that is not written out."""


UNREAD = Unread()
NOWHERE = TypeName()
_DEEPEST, _LONGEST, _LONGEST_TEXT = 3, 50, 500  # of literals; longer ones are data
_DEEPEST_SUM = 8  # long sums nest as deeply as they are long, and are no option of anything
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1  # what a cached file can hold


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
    line, column, end_line, end_column = place(node)
    if not isinstance(node, ast.Call):
        return Mark(name=dotted(node), line=line, column=column, end_line=end_line, end_column=end_column)
    options: dict[str, object] = {}
    positional: list[object] = []
    named: dict[str, str] = {}
    computed: list[str] = []

    def read(key: str, argument: ast.expr) -> object:
        value = plain_value(argument)
        if value is UNREAD:
            computed.append(key)
            if name := dotted(argument):
                named[key] = name
        return value

    for keyword in node.keywords:
        value = read(keyword.arg or "**", keyword.value)
        if keyword.arg is None and isinstance(value, dict):
            options.update(value)
        elif value is not UNREAD:
            options[keyword.arg or "**"] = value
    for position, argument in enumerate(node.args):
        if isinstance(argument, ast.Starred):
            computed.append("*")
        else:
            value = read(str(position), argument)
            positional.append(None if value is UNREAD else value)
    return Mark(
        name=dotted(node.func),
        called=True,
        options=options,
        positional=tuple(positional),
        named=named,
        computed=tuple(computed),
        line=line,
        column=column,
        end_line=end_line,
        end_column=end_column,
    )


def place(node: ast.expr) -> tuple[int, int, int, int]:
    """Where an expression begins and ends, as findings say it: columns from 1, the end exclusive."""
    return node.lineno, node.col_offset + 1, node.end_lineno or 0, (node.end_col_offset or -1) + 1


def applied_calls(call: ast.Call) -> tuple[list[ast.expr], ast.expr]:
    """The functions that are applied to something one after another, the last first, and to what: ``f(g(x))``."""
    functions: list[ast.expr] = []
    target: ast.expr = call
    while isinstance(target, ast.Call) and len(target.args) == 1 and not target.keywords:
        functions.append(target.func)
        target = target.args[0]
    return functions, target


def plain_value(node: ast.expr, depth: int = 0) -> Any:
    """The value of a short literal, as plain data (a tuple is a list); ``UNREAD`` for anything else."""
    match node:
        case ast.Constant(value=value):
            return value if _travels(value) else UNREAD
        case ast.BinOp():
            return _folded(node)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value if _travels(-value) else UNREAD
        case ast.List(elts=parts) | ast.Tuple(elts=parts) if depth < _DEEPEST and len(parts) <= _LONGEST:
            values = [plain_value(part, depth + 1) for part in parts]
            return UNREAD if UNREAD in values else values
        case ast.Set(elts=parts) if len(parts) <= _LONGEST:
            names = {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
            return sorted(names) if len(names) == len(parts) else UNREAD
        case ast.Dict(keys=keys, values=parts) if depth < _DEEPEST and len(parts) <= _LONGEST:
            values = [plain_value(part, depth + 1) for part in parts]
            names_of = [key.value if isinstance(key, ast.Constant) else None for key in keys]
            readable = UNREAD not in values and all(isinstance(name, str) and _travels(name) for name in names_of)
            return dict(zip(names_of, values, strict=True)) if readable else UNREAD
    return UNREAD


def _travels(value: object) -> bool:
    """Whether a cached file can hold it, and whether it is short enough to be an option of something."""
    if isinstance(value, str):
        return len(value) <= _LONGEST_TEXT and (value.isascii() or not any(map(_is_surrogate, value)))
    if isinstance(value, int):
        return _SMALLEST <= value <= _LARGEST
    return value is None or isinstance(value, float)


def _is_surrogate(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"


_ARITHMETIC = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def _folded(node: ast.expr, depth: int = 0) -> Any:
    """The value of ``5 * 60`` and the like."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    if not isinstance(node, ast.BinOp) or depth > _DEEPEST_SUM or type(node.op) not in _ARITHMETIC:
        return UNREAD
    left, right = _folded(node.left, depth + 1), _folded(node.right, depth + 1)
    if left is UNREAD or right is UNREAD:
        return UNREAD
    try:
        result = _ARITHMETIC[type(node.op)](left, right)
    except ArithmeticError:
        return UNREAD
    return result if _travels(result) else UNREAD


def read_type(node: ast.expr) -> TypeName:
    """The one class an annotation names, through ``Optional``, ``X | None``, ``Annotated`` and string annotations."""
    if isinstance(node, ast.Constant):
        return _read_text_type(node.value) if isinstance(node.value, str) else NOWHERE
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _one_of(_members(node))
    if isinstance(node, ast.Subscript):
        return _read_subscript(node)
    return TypeName(name=dotted(node))


def _read_text_type(text: str) -> TypeName:
    try:
        return read_type(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
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


def _members(node: ast.expr) -> list[ast.expr]:
    """``A``, ``B`` and ``C`` of ``A | B | C``."""
    members: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        members.append(node.right)
        node = node.left
    return [node, *reversed(members)]


def _one_of(members: list[ast.expr]) -> TypeName:
    rest = [member for member in members if not _is_none(member)]
    optional = len(rest) < len(members)
    if len(rest) != 1:
        read = [read_type(member) for member in rest]
        # One of them may allow None itself: `Union[A, Optional[B]]`.
        return TypeName(optional=optional or any(member.optional for member in read))
    inner = read_type(rest[0])
    return msgspec.structs.replace(inner, optional=optional or inner.optional)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
