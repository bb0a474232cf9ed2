"""What one function says in its source: how it may be called, and what its body does."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import msgspec

from homeport.build.scanner.bodies import EMPTY_BODY, AnyFunction, BodyFacts, BodyReading
from homeport.build.scanner.calls import Use
from homeport.build.scanner.expressions import Mark, read_mark
from homeport.build.scanner.fields import Field, read_field, type_text


class FunctionFacts(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One function of a class body, or of a module."""

    name: str
    kind: str  # method, static, class, property
    is_async: bool
    marks: tuple[Mark, ...]
    parameters: tuple[Field, ...]  # those a caller must or may name, without self
    variadic: str = ""  # "*args" or "**options", if it has one
    returns: str = ""  # the annotation, as written
    doc: str = ""  # first line
    body: BodyFacts = EMPTY_BODY
    line: int
    column: int

    @property
    def uses(self) -> tuple[Use, ...]:
        return self.body.uses

    @property
    def assigned(self) -> frozenset[str]:
        """Attributes of self."""
        return self.body.assigned

    @property
    def calls_super(self) -> bool:
        return self.body.calls_super


_KINDS = {"staticmethod": "static", "classmethod": "class", "property": "property", "cached_property": "property"}
_IMPLICIT_KINDS = {"__new__": "static", "__init_subclass__": "class", "__class_getitem__": "class"}
_ACCESSORS = ("setter", "getter", "deleter")


class FunctionReading:
    """A function whose body has been walked, while what others of the same class do may still be unknown."""

    def __init__(self, node: AnyFunction, *, of_class: bool = True) -> None:
        self._node = node
        self._marks = tuple(read_mark(decorator) for decorator in node.decorator_list)
        self._kind = _IMPLICIT_KINDS.get(node.name, "method") if of_class else "static"
        for mark in self._marks:
            last = mark.name.rpartition(".")[2]
            self._kind = "property" if last in _ACCESSORS else _KINDS.get(last, self._kind)
        arguments = [*node.args.posonlyargs, *node.args.args]
        has_self = bool(arguments) and self._kind in ("method", "property")
        self._body = BodyReading(node, arguments[0].arg if has_self else "")

    @property
    def own(self) -> set[str]:
        """Attributes of self that are given something other than what ``__init__`` is given."""
        injected = self._body.injected if self._node.name == "__init__" else set()
        return self._body.assigned - injected

    def facts(self, own: frozenset[str] = frozenset()) -> FunctionFacts:
        """What was read; ``own`` are attributes of the class that are certainly no handles."""
        node, kind = self._node, self._kind
        variadic = [f"*{node.args.vararg.arg}"] if node.args.vararg else []
        variadic += [f"**{node.args.kwarg.arg}"] if node.args.kwarg else []
        return FunctionFacts(
            name=node.name,
            kind=kind,
            is_async=isinstance(node, ast.AsyncFunctionDef),
            marks=self._marks,
            parameters=tuple(_parameters(node.args))[kind != "static" :],
            variadic=next(iter(variadic), ""),
            returns=type_text(node.returns) if node.returns is not None else "",
            doc=_first_line(node),
            body=self._body.facts(own),
            line=node.lineno,
            column=node.col_offset + 1,
        )


def _parameters(arguments: ast.arguments) -> Iterator[Field]:
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    for number, (argument, default) in enumerate(zip(positional, [*missing, *arguments.defaults], strict=True)):
        kind = "position" if number < len(arguments.posonlyargs) else ""
        yield read_field(argument.arg, argument.annotation, default, argument, kind)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield read_field(argument.arg, argument.annotation, default, argument, "name")


def _first_line(node: AnyFunction) -> str:
    match node.body[0]:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text.strip().partition("\n")[0].strip()
    return ""
