"""What one class says in its source: marks, bases, fields, and what its functions do with ``self``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Protocol

import msgspec

from homeport.build.expressions import Mark, TypeName, dotted, read_mark, read_type


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A name with a type or a value: in a class body, or among the parameters of ``__init__``."""

    name: str
    type: TypeName | None = None  # None: not annotated
    value: str = ""  # "", "none", "mark", "other"
    mark: Mark | None = None  # the call that is its value
    line: int
    column: int


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


class ClassBody(msgspec.Struct, frozen=True, kw_only=True):
    fields: tuple[Field, ...]
    bound: frozenset[str]  # names that have a value on the class
    functions: tuple[FunctionFacts, ...]

    def functions_named(self, name: str) -> list[FunctionFacts]:
        return [function for function in self.functions if function.name == name]


class ClassLike(Protocol):
    """What the analyzer reads of a class, be it from source or from the class itself."""

    @property
    def body(self) -> ClassBody: ...

    @property
    def is_dataclass(self) -> bool:
        """Then its fields are parameters of the ``__init__`` that it is given."""


class ClassFacts:
    """One class statement; the body is read when asked for, since most classes are no services."""

    def __init__(self, node: ast.ClassDef, qualname: str) -> None:
        self._node = node
        self.name, self.qualname = node.name, qualname
        self.line, self.column, self.last_line = node.lineno, node.col_offset + 1, node.end_lineno or node.lineno
        self.marks = tuple(read_mark(decorator) for decorator in node.decorator_list)
        self.bases = tuple(_base(base) for base in node.bases)

    @property
    def is_dataclass(self) -> bool:
        return any(mark.name.rpartition(".")[2] == "dataclass" for mark in self.marks)

    @cached_property
    def body(self) -> ClassBody:
        fields: list[Field] = []
        bound: set[str] = set()
        functions: list[FunctionFacts] = []
        for statement in simple_statements(self._node.body):
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.append(_read_function(statement))
            fields.extend(_fields(statement))
            bound.update(bound_names(statement))
        return ClassBody(fields=tuple(fields), bound=frozenset(bound), functions=tuple(functions))


def simple_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of one scope, with those inside ``if``, ``try``, ``with``, loops and ``match``."""
    pending = body[::-1]  # no recursion: a long `elif` chain nests as deeply as it is long
    while pending:
        statement = pending.pop()
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        inner: list[ast.stmt] = list(getattr(statement, "body", ()))
        for branch in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            inner.extend(branch.body)
        inner.extend((*getattr(statement, "orelse", ()), *getattr(statement, "finalbody", ())))
        pending.extend(reversed(inner))


def bound_names(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement gives a value in its own scope."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Import() | ast.ImportFrom():
            for alias in statement.names:
                yield alias.asname or alias.name.partition(".")[0]
        case ast.Assign():
            for target in statement.targets:
                yield from _target_names(target)
        case ast.AnnAssign() if statement.value is not None:
            yield from _target_names(statement.target)
        case ast.AugAssign() | ast.For() | ast.AsyncFor():
            yield from _target_names(statement.target)
        case ast.With() | ast.AsyncWith():
            for item in statement.items:
                if item.optional_vars is not None:
                    yield from _target_names(item.optional_vars)
        case _ if isinstance(named := getattr(statement, "name", None), ast.Name):
            yield named.id  # `type X = …`, which the ast of 3.11 does not know


def _target_names(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _base(node: ast.expr) -> str:
    return dotted(node.value if isinstance(node, ast.Subscript) else node)


def _fields(statement: ast.stmt) -> Iterator[Field]:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield _field(statement.target.id, statement.annotation, statement.value, statement)
    elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield _field(target.id, None, statement.value, statement)


def _field(name: str, annotation: ast.expr | None, value: ast.expr | None, at: ast.stmt | ast.arg) -> Field:
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


# -- functions ---------------------------------------------------------------------------------------------------------

_KINDS = {"staticmethod": "static", "classmethod": "class", "property": "property", "cached_property": "property"}
_IMPLICIT_KINDS = {"__new__": "static", "__init_subclass__": "class", "__class_getitem__": "class"}
_ACCESSORS = ("setter", "getter", "deleter")

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


def _read_function(node: AnyFunction) -> FunctionFacts:
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
        yield _field(argument.arg, argument.annotation, default, argument)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _field(argument.arg, argument.annotation, default, argument)


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
