"""What one function of a class says in its source: how it may be called, and what it does with ``self``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import msgspec

from homeport.build.scanner.expressions import Mark, read_mark
from homeport.build.scanner.fields import Field, read_field


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """``self.<attribute>.<method>(...)``."""

    attribute: str
    method: str
    line: int
    column: int


class FunctionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One function of a class body."""

    name: str
    kind: str  # method, static, class, property
    is_async: bool
    marks: tuple[Mark, ...]
    parameters: tuple[Field, ...]  # those a caller must or may name, without self
    uses: tuple[Use, ...]
    assigned: frozenset[str]  # attributes of self
    calls_super: bool
    line: int
    column: int


_KINDS = {"staticmethod": "static", "classmethod": "class", "property": "property", "cached_property": "property"}
_IMPLICIT_KINDS = {"__new__": "static", "__init_subclass__": "class", "__class_getitem__": "class"}
_ACCESSORS = ("setter", "getter", "deleter")

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


def read_function(node: AnyFunction) -> FunctionFacts:
    marks = tuple(read_mark(decorator) for decorator in node.decorator_list)
    kind = _IMPLICIT_KINDS.get(node.name, "method")
    for mark in marks:
        last = mark.name.rpartition(".")[2]
        kind = "property" if last in _ACCESSORS else _KINDS.get(last, kind)
    arguments = [*node.args.posonlyargs, *node.args.args]
    reading = _SelfReading(arguments[0].arg if arguments and kind in ("method", "property") else "")
    reading.walk(node.body)
    return FunctionFacts(
        name=node.name,
        kind=kind,
        is_async=isinstance(node, ast.AsyncFunctionDef),
        marks=marks,
        parameters=tuple(_parameters(node.args))[kind != "static" :],
        uses=tuple(sorted(reading.uses, key=lambda use: (use.line, use.column))),
        assigned=frozenset(reading.assigned),
        calls_super=reading.calls_super,
        line=node.lineno,
        column=node.col_offset + 1,
    )


def _parameters(arguments: ast.arguments) -> Iterator[Field]:
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    for argument, default in zip(positional, [*missing, *arguments.defaults], strict=True):
        yield read_field(argument.arg, argument.annotation, default, argument)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield read_field(argument.arg, argument.annotation, default, argument)


_LEAVES = (ast.Name, ast.Constant, ast.Load, ast.Store, ast.Del, ast.Pass)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class _SelfReading:
    """Walks a function body for what it does with its first parameter."""

    def __init__(self, self_name: str) -> None:
        self._self = self_name
        self.uses: list[Use] = []
        self.assigned: set[str] = set()
        self.calls_super = False

    def walk(self, body: list[ast.stmt]) -> None:
        pending: list[Any] = [*body]
        while pending:
            node = pending.pop()
            kind = type(node)
            if kind is ast.Attribute:
                if type(node.ctx) is not ast.Load and self._is_self(node.value):
                    self.assigned.add(node.attr)
                pending.append(node.value)
                continue
            if kind in _LEAVES:
                continue
            if kind is ast.Call:
                self._visit_call(node)
            elif kind in _SCOPES and self._is_shadowed(node.args):
                continue
            # Twice as fast as ast.iter_child_nodes, and most of the time of a scan is spent here.
            for name in node._fields:
                value = getattr(node, name)
                if isinstance(value, ast.AST):
                    pending.append(value)
                elif isinstance(value, list):
                    pending.extend([item for item in value if isinstance(item, ast.AST)])

    def _visit_call(self, call: ast.Call) -> None:
        match call.func:
            case ast.Attribute(value=ast.Attribute(value=owner, attr=attribute), attr=method) if self._is_self(owner):
                use = Use(attribute=attribute, method=method, line=owner.lineno, column=owner.col_offset + 1)
                self.uses.append(use)
            case ast.Name(id="super"):
                self.calls_super = True
            case ast.Name(id="setattr") if len(call.args) == 3 and self._is_self(call.args[0]):
                name = call.args[1]
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    self.assigned.add(name.value)

    def _is_self(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self._self

    def _is_shadowed(self, arguments: ast.arguments) -> bool:
        names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        return any(argument.arg == self._self for argument in names)
