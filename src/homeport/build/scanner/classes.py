"""What one class says in its source: marks, bases, fields, and what its functions do with ``self``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Protocol

import msgspec

from homeport.build.scanner.expressions import Mark, dotted, read_mark
from homeport.build.scanner.fields import Field, read_field
from homeport.build.scanner.functions import FunctionFacts, read_function


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


class ClassFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One class statement."""

    name: str
    qualname: str
    line: int
    column: int
    last_line: int
    marks: tuple[Mark, ...]
    bases: tuple[str, ...]  # dotted, as written; "" for one that is no name
    body: ClassBody
    whole: bool = True  # False: the body was not read, which the facts of the whole file would have

    @property
    def is_dataclass(self) -> bool:
        return any(mark.name.rpartition(".")[2] == "dataclass" for mark in self.marks)


UNREAD = ClassBody(fields=(), bound=frozenset(), functions=())


def read_class(node: ast.ClassDef, qualname: str, *, whole: bool = True) -> ClassFacts:
    """The facts of a class; unless ``whole``, its body stays unread when no decorator marks it."""
    reads = whole or bool(node.decorator_list)
    return ClassFacts(
        name=node.name,
        qualname=qualname,
        line=node.lineno,
        column=node.col_offset + 1,
        last_line=node.end_lineno or node.lineno,
        marks=tuple(read_mark(decorator) for decorator in node.decorator_list),
        bases=tuple(_base(base) for base in node.bases),
        body=_read_body(node) if reads else UNREAD,
        whole=reads,
    )


def _read_body(node: ast.ClassDef) -> ClassBody:
    fields: list[Field] = []
    bound: set[str] = set()
    functions: list[FunctionFacts] = []
    for statement in simple_statements(node.body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.append(read_function(statement))
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
        yield read_field(statement.target.id, statement.annotation, statement.value, statement)
    elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield read_field(target.id, None, statement.value, statement)
