"""What one class says in its source: marks, bases, fields, and what its functions do with ``self``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Protocol

import msgspec

from homeport.build.scanner.calls import Place, place_of
from homeport.build.scanner.expressions import Mark, dotted, read_mark
from homeport.build.scanner.fields import Field, read_field, type_text
from homeport.build.scanner.functions import FunctionFacts, FunctionReading
from homeport.build.scanner.statements import simple_statements


class ClassBody(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    fields: tuple[Field, ...]
    bound: frozenset[str]  # names that have a value on the class
    functions: tuple[FunctionFacts, ...]
    mutable: tuple[Place, ...] = ()  # names with a list, dict or set as their value, which all instances share

    def functions_named(self, name: str) -> list[FunctionFacts]:
        return [function for function in self.functions if function.name == name]


class ClassLike(Protocol):
    """What the analyzer reads of a class, be it from source or from the class itself."""

    @property
    def body(self) -> ClassBody: ...

    @property
    def is_dataclass(self) -> bool:
        """Then its fields are parameters of the ``__init__`` that it is given."""


class ClassFacts(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
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
    makes_classes: bool = False  # has a say in the making of its subclasses, or of classes it is the metaclass of

    @property
    def is_dataclass(self) -> bool:
        return any(mark.name.rpartition(".")[2] == "dataclass" for mark in self.marks)


_HARDLY_SERVICES = frozenset(
    {"dataclass", "define", "final", "frozen", "runtime_checkable", "total_ordering", "unique"}
)
_METACLASSES = ("type", "ABCMeta", "EnumMeta", "EnumType")
UNREAD = ClassBody(fields=(), bound=frozenset(), functions=())


def read_class(node: ast.ClassDef, qualname: str, *, whole: bool = True) -> ClassFacts:
    """The facts of a class; unless ``whole``, its body stays unread when no decorator may mark it as a service."""
    marks = tuple(read_mark(decorator) for decorator in node.decorator_list)
    # A class with such a decorator may be a service after all: then its body is read when that is found out.
    reads = whole or any(mark.name.rpartition(".")[2] not in _HARDLY_SERVICES for mark in marks)
    return ClassFacts(
        name=node.name,
        qualname=qualname,
        line=node.lineno,
        column=node.col_offset + 1,
        last_line=node.end_lineno or node.lineno,
        marks=marks,
        bases=tuple(_base(base) for base in node.bases),
        body=_read_body(node) if reads else UNREAD,
        whole=reads,
        makes_classes=_makes_classes(node),
    )


def _makes_classes(node: ast.ClassDef) -> bool:
    if any(isinstance(base, ast.Name) and base.id in _METACLASSES for base in node.bases):
        return True
    return any(type(part) is ast.FunctionDef and part.name == "__init_subclass__" for part in node.body)


def _read_body(node: ast.ClassDef) -> ClassBody:
    fields: list[Field] = []
    bound: set[str] = set()
    readings: list[FunctionReading] = []
    mutable: list[Place] = []
    for statement in simple_statements(node.body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            readings.append(FunctionReading(statement))
        fields.extend(_fields(statement))
        bound.update(bound_names(statement))
        mutable.extend(_mutable(statement))
    own = frozenset(bound - {field.name for field in fields}).union(*(reading.own for reading in readings))
    return ClassBody(
        fields=tuple(fields),
        bound=frozenset(bound),
        functions=tuple(reading.facts(own) for reading in readings),
        mutable=tuple(mutable),
    )


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


_MUTABLE = ("list", "dict", "set", "deque", "defaultdict", "Counter", "OrderedDict")


def _mutable(statement: ast.stmt) -> Iterator[Place]:
    """``items: list = []``, unless it is said to be shared by ``ClassVar``."""
    match statement:
        case ast.Assign(targets=[ast.Name() as target], value=value):
            pass
        case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value, annotation=annotation):
            if "ClassVar" in type_text(annotation).partition("[")[0]:
                return
        case _:
            return
    made = dotted(value.func).rpartition(".")[2] if isinstance(value, ast.Call) else ""
    if made in _MUTABLE or isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        yield place_of(statement, target.id)
