"""What the body of one function does with ``self``, and which functions it calls by name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from homeport.build.scanner.calls import Place, Use, is_open, place_of, place_of_call, read_arguments
from homeport.build.scanner.expressions import dotted
from homeport.build.scanner.nodes import FIELDS
from homeport.build.scanner.outcomes import Outcomes

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


class Stored(msgspec.Struct, frozen=True):
    """``self.<attribute> = <value>``."""

    attribute: str
    value: str  # dotted, as written; "" for what is neither a name nor a call of one
    called: bool  # it is the result of calling that name
    line: int


class BodyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One function body; nested functions belong to it, as far as they do not have a ``self`` of their own."""

    uses: tuple[Use, ...] = ()  # in order of place
    assigned: frozenset[str] = frozenset()  # attributes of self
    stored: tuple[Stored, ...] = ()  # the plain ones among those assignments
    changed: tuple[Place, ...] = ()  # attributes of self whose items are assigned or deleted
    looked_up: tuple[Place, ...] = ()  # getattr(self, name) with a computed name
    handed_on: tuple[Place, ...] = ()  # self itself as an argument of the call named
    called: tuple[Place, ...] = ()  # functions called by name on the thread of the function: "time.sleep", "self.x"
    calls_super: bool = False
    yields: bool = False


EMPTY_BODY = BodyFacts()


def read_body(node: AnyFunction, self_name: str) -> BodyFacts:
    """The facts of a function's body; ``self_name`` is its first parameter, "" when that is no instance."""
    reading = _Reading(self_name)
    reading.walk(node.body)
    return BodyFacts(
        uses=tuple(sorted(_uses(node, reading), key=lambda use: (use.line, use.column, use.end_line, use.end_column))),
        assigned=frozenset(reading.assigned),
        stored=_in_order(reading.stored),
        changed=_in_order(reading.changed),
        looked_up=_in_order(reading.looked_up),
        handed_on=_in_order(reading.handed_on),
        called=_in_order(reading.called),
        calls_super=reading.calls_super,
        yields=reading.yields,
    )


def _in_order(found: list[Any]) -> tuple[Any, ...]:
    return tuple(sorted(found, key=lambda place: (place.line, getattr(place, "column", 0))))


def _uses(node: AnyFunction, reading: _Reading) -> Iterator[Use]:
    if not reading.found and not reading.aliases:
        return
    outcomes = Outcomes(node)
    for owner, attribute, call in reading.found:
        yield _use(attribute, owner, call, outcomes)
    for call in reading.named_calls if reading.aliases else ():
        yield from _uses_through_aliases(call, reading.aliases, outcomes)


def _uses_through_aliases(call: ast.Call, aliases: dict[str, _Alias], outcomes: Outcomes) -> Iterator[Use]:
    """``p = self.payments`` and then ``p.process()``; ``process = self.payments.process`` and then ``process()``."""
    match call.func:
        case ast.Name(id=name):
            method = ""
        case ast.Attribute(value=ast.Name(id=name), attr=method):
            pass
        case _:
            return
    alias = aliases.get(name)
    if alias is None:
        return
    certain = alias.certain and outcomes.stores[name] == alias.times
    for attribute, bound in dict.fromkeys(alias.meant):
        if bool(bound) != bool(method):
            yield _use(attribute, call.func, call, outcomes, bound or method, certain=certain)


def _use(
    attribute: str, owner: ast.expr, call: ast.Call, outcomes: Outcomes, method: str = "", *, certain: bool = True
) -> Use:
    place, (open_positional, open_named) = place_of(call.func), is_open(call)
    taken, results = outcomes.of_call(call)
    return Use(
        attribute=attribute,
        method=method or call.func.attr,  # type: ignore[attr-defined]  # without an alias it is an attribute
        line=owner.lineno,
        column=owner.col_offset + 1,
        end_line=place.end_line,
        end_column=place.end_column,
        certain=certain,
        arguments=read_arguments(call),
        open_positional=open_positional,
        open_named=open_named,
        taken=taken,
        results=results,
    )


class _Alias:
    """A local name for attributes of self, or for methods of those."""

    def __init__(self) -> None:
        self.meant: list[tuple[str, str]] = []
        self.times = 0  # it was given such a value
        self.certain = True  # those values can be nothing else


class _Reading:
    """Walks a function body, nested functions after the rest."""

    def __init__(self, self_name: str) -> None:
        self._self = self_name
        self.found: list[tuple[ast.expr, str, ast.Call]] = []
        self.named_calls: list[ast.Call] = []
        self.aliases: dict[str, _Alias] = {}
        self.assigned: set[str] = set()
        self.stored: list[Stored] = []
        self.changed: list[Place] = []
        self.looked_up: list[Place] = []
        self.handed_on: list[Place] = []
        self.called: list[Place] = []
        self.calls_super = self.yields = False
        self._elsewhere = False  # inside a function that may run in a thread
        self._nested: list[Any] = []
        self._visitors: dict[type, Callable[[Any], None]] = {
            ast.Call: self._visit_call,
            ast.Assign: self._visit_assign,
            ast.AnnAssign: self._visit_assign,
            ast.NamedExpr: self._visit_assign,
            ast.For: self._visit_for,
            ast.AsyncFor: self._visit_for,
            ast.comprehension: self._visit_for,
            ast.Subscript: self._visit_subscript,
            ast.Yield: self._visit_yield,
            ast.YieldFrom: self._visit_yield,
        }

    def walk(self, body: list[ast.stmt]) -> None:
        self._walk([*body])
        # Those within a nested `def` or lambda come last, for such a function may run elsewhere.
        waiting = [(node, False) for node in self._nested]
        while waiting:
            node, elsewhere = waiting.pop()
            self._nested = []
            self._elsewhere = elsewhere or not isinstance(node, ast.AsyncFunctionDef)
            yields = self.yields
            self._walk([*_outer_parts(node), *(node.body if isinstance(node.body, list) else [node.body])])
            self.yields = yields
            waiting.extend((inner, self._elsewhere) for inner in self._nested)

    def _walk(self, pending: list[Any]) -> None:
        visitors = self._visitors
        while pending:
            node = pending.pop()
            kind = type(node)
            fields = FIELDS.get(kind)
            if not fields:
                continue
            if kind is ast.Attribute:
                if type(node.ctx) is not ast.Load and self._is_self(node.value):
                    self.assigned.add(node.attr)
                pending.append(node.value)
                continue
            if kind in _FUNCTIONS:
                if not self._is_shadowed(node.args):
                    self._nested.append(node)
                continue
            visit = visitors.get(kind)
            if visit is not None:
                visit(node)
            # Most of the time of a scan is spent here, so no call to push_children.
            for name in fields:
                value = getattr(node, name)
                if value.__class__ is list:
                    pending.extend(value)
                elif value is not None:
                    pending.append(value)

    def _visit_call(self, call: ast.Call) -> None:
        func = call.func
        if type(func) is ast.Attribute:
            owner = self._own_attribute(func.value)
            if owner:
                # of `self`, which tells where the use stands
                self.found.append((getattr(func.value, "value", func.value), owner, call))
            elif type(func.value) is ast.Name:
                self.named_calls.append(call)
        elif type(func) is ast.Name:
            self.named_calls.append(call)
            self._visit_builtin(func.id, call)
        for argument in call.args:
            if type(argument) is ast.Name and argument.id == self._self and self._self:
                place = place_of(argument, dotted(func))
                if place.name not in ("getattr", "setattr", "hasattr", "super", "isinstance", "type", "vars"):
                    self.handed_on.append(place)
        if not self._elsewhere:
            place = place_of_call(call)
            if place.name:
                self.called.append(self._canonical(place))

    def _visit_builtin(self, name: str, call: ast.Call) -> None:
        if name == "super":
            self.calls_super = True
        elif name == "setattr" and len(call.args) == 3 and self._is_self(call.args[0]):
            attribute = _text(call.args[1])
            if attribute:
                self.assigned.add(attribute)
        elif name == "getattr" and len(call.args) >= 2 and self._is_self(call.args[0]) and not _text(call.args[1]):
            self.looked_up.append(place_of(call, "getattr"))

    def _visit_assign(self, node: Any) -> None:
        if node.value is None:
            return
        for target in getattr(node, "targets", None) or [node.target]:
            self._give(target, node.value)

    def _visit_for(self, node: Any) -> None:
        if isinstance(node.iter, ast.Tuple | ast.List) and isinstance(node.target, ast.Name):
            self._name(node.target.id, node.iter.elts)

    def _visit_subscript(self, node: ast.Subscript) -> None:
        attribute = self._own_attribute(node.value) if type(node.ctx) is not ast.Load else ""
        if attribute:
            self.changed.append(place_of(node, attribute))

    def _visit_yield(self, _node: Any) -> None:
        self.yields = True

    def _give(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                for one, its_value in zip(target.elts, value.elts, strict=True):
                    self._give(one, its_value)
        elif isinstance(target, ast.Attribute) and self._is_self(target.value):
            self._store(target, value)
        elif isinstance(target, ast.Name):
            self._name(target.id, [value])

    def _name(self, name: str, values: list[ast.expr]) -> None:
        """The name stands for one of these values."""
        meant = [one for value in values for one in self._meant_by(value)]
        if any(meant):
            alias = self.aliases.setdefault(name, _Alias())
            alias.times += 1
            alias.certain &= all(meant)
            alias.meant.extend(one for one in meant if one is not None)

    def _store(self, target: ast.Attribute, value: ast.expr) -> None:
        called = isinstance(value, ast.Call)
        name = dotted(value.func if isinstance(value, ast.Call) else value)
        self.stored.append(Stored(target.attr, name, called, target.lineno))

    def _meant_by(self, value: ast.expr) -> Iterator[tuple[str, str] | None]:
        """The attributes of self, or methods of those, that a value may be; None for anything else."""
        if isinstance(value, ast.IfExp):
            yield from self._meant_by(value.body)
            yield from self._meant_by(value.orelse)
        elif isinstance(value, ast.BoolOp):
            for one in value.values:
                yield from self._meant_by(one)
        elif attribute := self._own_attribute(value):
            yield attribute, ""
        elif isinstance(value, ast.Attribute) and (attribute := self._own_attribute(value.value)):
            yield attribute, value.attr
        elif not (isinstance(value, ast.Constant) and value.value is None):
            yield None

    def _own_attribute(self, node: ast.expr) -> str:
        """``x`` for ``self.x`` and ``getattr(self, "x")``."""
        if type(node) is ast.Attribute:
            return node.attr if self._is_self(node.value) else ""
        if type(node) is ast.NamedExpr:
            return self._own_attribute(node.value)
        match node:
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, name, *_]) if self._is_self(owner):
                return _text(name)
        return ""

    def _canonical(self, place: Place) -> Place:
        first, dot, rest = place.name.partition(".")
        return msgspec.structs.replace(place, name=f"self.{rest}") if dot and first == self._self else place

    def _is_self(self, node: ast.expr) -> bool:
        return type(node) is ast.Name and node.id == self._self

    def _is_shadowed(self, arguments: ast.arguments) -> bool:
        names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        return any(argument.arg == self._self for argument in names)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _outer_parts(node: Any) -> Iterator[Any]:
    """What of a nested function is evaluated where it stands."""
    yield node.args
    yield from getattr(node, "decorator_list", ())


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
