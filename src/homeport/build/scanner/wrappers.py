"""What a function does that may decorate classes: which calls it makes, with which of its own parameters."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import msgspec

from homeport.build.scanner.expressions import UNREAD, Mark, dotted, plain_value, read_mark

_LARGEST_BODY = 300  # nodes; who decorates writes less
_ABOUT_TYPES = {"callable", "isinstance", "issubclass", "type", "None", "inspect"}


class Parameter(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    name: str
    kind: str  # positional, keyword, rest (`*args`), options (`**options`)
    default: object = None
    default_name: str = ""  # the default is this constant
    required: bool = False  # has no default
    computed: bool = False  # has a default that is no plain value


class WrappedCall(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A call in the body of a function."""

    call: Mark
    conditional: bool  # depends on more than what is decorated


class Wrapper(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A function as far as it may mark classes."""

    parameters: tuple[Parameter, ...] = ()
    calls: tuple[WrappedCall, ...] = ()
    changed: frozenset[str] = frozenset()  # parameters that may mean something else by the time of a call
    imported: dict[str, str] = {}  # names it imports itself, by full name
    too_large: bool = False  # to be followed; then ``names`` are those of all that it calls
    names: tuple[str, ...] = ()
    sets: frozenset[str] = frozenset()  # attributes, of whatever it is: ``cls.team = "payments"``


def read_wrapper(node: ast.FunctionDef | ast.Lambda, absolute: Callable[[int, str | None], str]) -> Wrapper | None:
    """The facts of a function; None when it cannot decorate a class, as it returns nothing.

    ``absolute`` tells what a relative import means.
    """
    parameters = tuple(_parameters(node.args))
    nodes = [*ast.walk(node)]
    if len(nodes) > _LARGEST_BODY:
        names = dict.fromkeys(dotted(inner.func) for inner in nodes if isinstance(inner, ast.Call))
        called = tuple(name for name in names if name)
        return Wrapper(parameters=parameters, too_large=True, names=called, sets=frozenset(_set(nodes)))
    returns = any(isinstance(inner, ast.Return) and inner.value is not None for inner in nodes)
    if not returns and isinstance(node, ast.FunctionDef):
        return None
    reading = _Reading(parameters[0].name if parameters else "")
    for part in node.body if isinstance(node, ast.FunctionDef) else [node.body]:
        reading.visit(part, False)
    own = {parameter.name for parameter in parameters} | {
        inner.id for inner in nodes if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
    }
    own |= {inner.name for inner in nodes if isinstance(inner, ast.FunctionDef) and inner is not node}
    calls = _with_aliases(reading.calls, _aliases(nodes))
    dropped = _dropped(nodes)
    return Wrapper(
        parameters=parameters,
        calls=tuple(
            found
            for found in calls
            if found.call.name.partition(".")[0] not in own and (found.call.line, found.call.column) not in dropped
        ),
        changed=frozenset(_changed(nodes)),
        imported=dict(_imported(nodes, absolute)),
        sets=frozenset(_set(nodes)),
    )


class _Reading:
    """Collects calls with whether they happen for sure, once the function is given its class."""

    def __init__(self, decorated: str) -> None:
        self._decorated = decorated
        self._left = False  # it may have returned before
        self.calls: list[WrappedCall] = []

    def visit(self, node: ast.AST, conditional: bool) -> None:
        if isinstance(node, ast.Call) and dotted(node.func):
            self.calls.append(WrappedCall(read_mark(node), conditional or self._left))
        elif isinstance(node, ast.Return) and conditional:
            self._left = True
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            self._visit_inner(node, conditional)
            return
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            conditional = conditional or not self._asks_for_the_class(node.test)
        elif isinstance(node, ast.For | ast.Match | ast.ExceptHandler):
            conditional = True
        for child in ast.iter_child_nodes(node):
            self.visit(child, conditional)

    def _visit_inner(self, node: ast.FunctionDef | ast.Lambda, conditional: bool) -> None:
        outer, left = self._decorated, self._left
        arguments = [*node.args.posonlyargs, *node.args.args]
        if arguments:
            self._decorated = arguments[0].arg
        for child in ast.iter_child_nodes(node):
            self.visit(child, conditional)
        self._decorated, self._left = outer, left

    def _asks_for_the_class(self, test: ast.expr) -> bool:
        names = {inner.id for inner in ast.walk(test) if isinstance(inner, ast.Name)}
        return self._decorated in names and names <= {self._decorated, *_ABOUT_TYPES}


def _parameters(arguments: ast.arguments) -> Iterator[Parameter]:
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    for argument, default in zip(positional, [*missing, *arguments.defaults], strict=True):
        yield _parameter(argument, "positional", default)
    if arguments.vararg is not None:
        yield Parameter(name=arguments.vararg.arg, kind="rest")
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument, "keyword", default)
    if arguments.kwarg is not None:
        yield Parameter(name=arguments.kwarg.arg, kind="options")


def _parameter(argument: ast.arg, kind: str, default: ast.expr | None) -> Parameter:
    if default is None:
        return Parameter(name=argument.arg, kind=kind, required=True)
    value = plain_value(default)
    if value is UNREAD:
        return Parameter(name=argument.arg, kind=kind, default_name=dotted(default), computed=True)
    return Parameter(name=argument.arg, kind=kind, default=value)


def _dropped(nodes: list[ast.AST]) -> set[tuple[int, int]]:
    """Where calls stand that are given nothing by name and whose result is dropped: they cannot decorate."""
    return {
        (node.lineno, node.col_offset + 1)
        for node in nodes
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and not any(isinstance(inner, ast.Name) for inner in _arguments_below(node.value))
    }


def _arguments_below(call: ast.Call) -> Iterator[ast.AST]:
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        yield from ast.walk(argument)


def _aliases(nodes: list[ast.AST]) -> dict[str, str]:
    """Other names for something, given in the function once: ``mark = homeport.service``."""
    stored = [inner.id for inner in nodes if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)]
    found: dict[str, str] = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if stored.count(name) == 1 and dotted(value):
                found[name] = dotted(value)
    return found


def _with_aliases(calls: list[WrappedCall], aliases: dict[str, str]) -> Iterator[WrappedCall]:
    for found in calls:
        first, dot, rest = found.call.name.partition(".")
        if first in aliases:
            call = msgspec.structs.replace(found.call, name=f"{aliases[first]}{dot}{rest}")
            yield WrappedCall(call, found.conditional)
        else:
            yield found


def _changed(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.value, ast.Name):
            yield node.value.id  # `options["replicas"] = 3`, `options.pop("team")`


def _set(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value=str(name)), _]):
                yield name


def _imported(nodes: list[ast.AST], absolute: Callable[[int, str | None], str]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            module = absolute(node.level, node.module)
            yield from ((alias.asname or alias.name, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield (
                    alias.asname or alias.name.partition(".")[0],
                    alias.name if alias.asname else alias.name.partition(".")[0],
                )
