"""What the names at the top level of a module stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import msgspec

from homeport.build.scanner.classes import bound_names
from homeport.build.scanner.exports import ExportsReader
from homeport.build.scanner.expressions import UNREAD, Mark, applied_calls, dotted, plain_value, read_mark, read_type
from homeport.build.scanner.flow import Placed
from homeport.build.scanner.parameters import called_on_parameters
from homeport.build.scanner.wrappers import Wrapper, read_wrapper


class Imported(msgspec.Struct, frozen=True, tag="i", array_like=True, gc=False):
    """A name that stands for a module, or for ``name`` of it."""

    module: str  # absolute
    name: str = ""
    line: int = 0


class Alias(msgspec.Struct, frozen=True, tag="a", array_like=True, gc=False):
    """A name given to another name, or to a type: ``pay = shop.payments``, ``type Pay = Payments | None``."""

    target: str
    line: int = 0
    optional: bool = False  # as a type, it also allows None


class OwnClass(msgspec.Struct, frozen=True, tag="c", array_like=True, gc=False):
    """A class at the top level of the file."""

    qualname: str
    line: int = 0


class OwnFunction(msgspec.Struct, frozen=True, tag="f", array_like=True, gc=False):
    """A function at the top level of the file."""

    kind: str = "def"  # or "async def", "lambda"
    wrapper: Wrapper | None = None  # None: nothing that could decorate a class, or not read
    line: int = 0
    called_on: dict[str, tuple[str, ...]] = {}  # attributes of its parameters, by their position and by their name


class Made(msgspec.Struct, frozen=True, tag="m", array_like=True, gc=False):
    """A value that a call made: ``big = partial(service, replicas=3)``."""

    call: Mark
    line: int = 0


class Constant(msgspec.Struct, frozen=True, tag="k", array_like=True, gc=False):
    """A plain value, written out: ``REPLICAS = 3``."""

    value: object
    line: int = 0


class Defined(msgspec.Struct, frozen=True, tag="d", array_like=True, gc=False):
    """A name that the file gives some other value."""

    line: int = 0


Binding = Imported | Alias | OwnClass | OwnFunction | Made | Constant | Defined


class Star(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``from module import *``."""

    module: str  # absolute
    line: int = 0


class Names(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """All that the top level of a module binds.

    A name bound again and again keeps its history, for what stands in between; the branch of ``except`` or ``else`` is
    a fallback for what the first branch binds.
    """

    final: dict[str, Binding] = {}
    earlier: dict[str, list[Binding]] = {}  # in order; only of names that were bound again
    fallbacks: dict[str, list[Binding]] = {}
    stars: list[Star] = []


# Every statement of every file comes by here: a look at its type spares most of them a `match`.
_BIND_NOTHING = frozenset({ast.Expr, ast.If, ast.Try, ast.Pass, ast.Assert, ast.Raise})
_MAY_EXPORT = frozenset({ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr})


def absolute_module(package: list[str], level: int, module: str | None) -> str:
    """The module that ``from ..module import`` means in this package; its parts are those of the first dot."""
    if level == 0:
        return module or ""
    above = package[: len(package) - level + 1]
    return ".".join([*above, *([module] if module else [])])


class NameReader:
    """Collects the ``Names`` of a module, statement by statement."""

    def __init__(self, package: list[str], *, whole: bool) -> None:
        """``package`` is what the first dot of a relative import stands for, in parts.

        Only if ``whole``, it is read what functions do.
        """
        self._package, self._whole = package, whole
        self.names = Names()
        self.exports = ExportsReader()

    def absolute(self, level: int, module: str | None) -> str:
        return absolute_module(self._package, level, module)

    def read(self, placed: Placed) -> None:
        statement = placed.statement
        kind = type(statement)
        if kind not in _BIND_NOTHING:
            for name, binding in self._bindings(statement, placed.conditional):
                self._bind(name, binding, placed.alternative_to)
        if kind is ast.ImportFrom and statement.names[0].name == "*":  # type: ignore[attr-defined]
            self._take_star(statement)
        elif kind in _MAY_EXPORT:
            self.exports.read(statement)

    def _take_star(self, statement: Any) -> None:
        self.names.stars.append(Star(self.absolute(statement.level, statement.module), statement.lineno))

    def _bind(self, name: str, binding: Binding, alternative_to: int) -> None:
        known = self.names.final.get(name)
        if alternative_to and self._bound_since(known, alternative_to):
            self.names.fallbacks.setdefault(name, []).append(binding)
            return
        if known is not None:
            self.names.earlier.setdefault(name, []).append(known)
        self.names.final[name] = binding

    def _bound_since(self, known: Binding | None, line: int) -> bool:
        """Whether the first branch of a statement gives the name a value, or may do so by a star."""
        return (known is not None and known.line >= line) or any(star.line >= line for star in self.names.stars)

    def _bindings(self, statement: ast.stmt, conditional: bool) -> Iterator[tuple[str, Binding]]:
        line = statement.lineno
        match statement:
            case ast.ImportFrom():
                module = self.absolute(statement.level, statement.module)
                for alias in statement.names:
                    if alias.name != "*":
                        yield alias.asname or alias.name, Imported(module, alias.name, line)
            case ast.Import():
                for alias in statement.names:
                    module = alias.name if alias.asname else alias.name.partition(".")[0]
                    yield alias.asname or module, Imported(module, "", line)
            case ast.Assign(targets=[ast.Name(id=name)]) if not isinstance(statement.value, ast.Lambda):
                yield name, _decorated(name, statement.value) or _assigned(statement.value, line, conditional)
            case ast.ClassDef():
                yield statement.name, OwnClass(statement.name, line)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield statement.name, self._function(statement)
            case ast.Delete():
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        yield target.id, Defined(line)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() as function):
                wrapper = read_wrapper(function, self.absolute) if self._whole else None
                yield name, OwnFunction("lambda", wrapper, line)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if _pairs(names, values):
                for target, value in zip(names, values, strict=True):
                    if isinstance(target, ast.Name):
                        yield target.id, _assigned(value, line, conditional)
            case _:
                for name in bound_names(statement):
                    yield name, _given(statement, conditional)

    def _function(self, statement: ast.FunctionDef | ast.AsyncFunctionDef) -> OwnFunction:
        kind = "async def" if isinstance(statement, ast.AsyncFunctionDef) else "def"
        if not self._whole:
            return OwnFunction(kind, line=statement.lineno)
        wrapper = read_wrapper(statement, self.absolute) if isinstance(statement, ast.FunctionDef) else None
        return OwnFunction(kind, wrapper, statement.lineno, called_on_parameters(statement))


def _pairs(names: list[ast.expr], values: list[ast.expr]) -> bool:
    """Whether ``a, b = x, y`` gives one value to each name."""
    return len(names) == len(values) and not any(isinstance(part, ast.Starred) for part in (*names, *values))


def _given(statement: ast.stmt, conditional: bool) -> Binding:
    """What a statement makes of its names."""
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.expr) or isinstance(statement, ast.AugAssign) or _unpacks(statement):
        return Defined(statement.lineno)
    if _is_type_alias(statement) and (read := read_type(value)).name:
        return Alias(read.name, statement.lineno, optional=read.optional)
    return _assigned(value, statement.lineno, conditional)


def _assigned(value: ast.expr, line: int, conditional: bool) -> Binding:
    kind = type(value)
    if kind is ast.Constant:
        return Defined(line) if conditional or (plain := plain_value(value)) is UNREAD else Constant(plain, line)
    if kind in (ast.Name, ast.Attribute) and (target := dotted(value)):
        return Alias(target, line)
    if isinstance(value, ast.Call):
        return _made(value, line)
    if isinstance(value, ast.Subscript | ast.BinOp) and (read := read_type(value)).name:
        return Alias(read.name, line, optional=read.optional)
    plain = plain_value(value)
    return Defined(line) if conditional or plain is UNREAD else Constant(plain, line)


def _decorated(name: str, value: ast.expr) -> Binding | None:
    """``Cart = service(replicas=2)(Cart)``, ``Cart = logged(service(Cart))``."""
    inner, calls = value, 0
    while isinstance(inner, ast.Call) and len(inner.args) == 1 and not inner.keywords:
        inner, calls = inner.args[0], calls + 1
    if not (isinstance(value, ast.Call) and isinstance(inner, ast.Name) and inner.id == name):
        return None
    if calls == 1 and dotted(value.func):
        return None  # read as any other call
    at = Mark(
        name="", called=True, positional=(None,), named={"0": name}, line=value.lineno, column=value.col_offset + 1
    )
    return Made(at, value.lineno)


def _made(call: ast.Call, line: int) -> Binding:
    """What a call makes; ``traced(service(replicas=2)(Cart))`` is still about ``Cart``."""
    mark = read_mark(call)
    functions, target = applied_calls(call)
    if len(functions) > 1 and dotted(target):
        mark = msgspec.structs.replace(mark, named={"0": dotted(target)})
    return Made(mark, line) if mark.name or functions else Defined(line)


def _unpacks(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and not all(isinstance(target, ast.Name) for target in statement.targets)


def _is_type_alias(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.AnnAssign):
        return dotted(statement.annotation).rpartition(".")[2] == "TypeAlias"
    return type(statement).__name__ == "TypeAlias"  # `type X = …`, which the ast of 3.11 does not know
