"""What the body of one function does with ``self``, and which functions it calls by name."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from homeport.build.scanner.calls import Place, Use, place_of
from homeport.build.scanner.expressions import dotted
from homeport.build.scanner.locals import Locals
from homeport.build.scanner.nodes import FIELDS
from homeport.build.scanner.outcomes import Outcomes
from homeport.build.scanner.uses import called_name, read_mention, read_use

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


class Stored(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``self.<attribute> = <value>``."""

    attribute: str
    # As in ``BodyFacts.called``, or a parameter; "" for what is neither a name nor a call of one.
    value: str
    called: bool  # it is the result of calling that name
    line: int


class Handed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``function(self)``."""

    function: str  # dotted
    parameter: str  # its name, or "0" for the first
    line: int
    column: int
    end_line: int
    end_column: int


class BodyFacts(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One function body; nested functions belong to it, as far as they do not have a ``self`` of their own."""

    uses: tuple[Use, ...] = ()  # in order of place
    assigned: frozenset[str] = frozenset()  # attributes of self
    stored: tuple[Stored, ...] = ()  # the plain ones among those assignments
    changed: tuple[Place, ...] = ()  # attributes of self whose items are assigned or deleted
    looked_up: tuple[Place, ...] = ()  # getattr(self, name) with a computed name; named as far as it is written out
    handed_on: tuple[Handed, ...] = ()  # self itself as an argument
    # What it calls by name on its own thread: `time.sleep`, `self.x.y`, `open().read` for a method of what another call
    # made; `:time.sleep` when the function imports that itself. Names that are its own variables are left out.
    called: tuple[Place, ...] = ()
    calls_super: bool = False
    yields: bool = False


EMPTY_BODY = BodyFacts()


class BodyReading:
    """Walks a function body, nested functions after the rest; ``self_name`` is "" for one without ``self``."""

    def __init__(self, function: AnyFunction, self_name: str) -> None:
        self._function, self._self = function, self_name
        self._found: list[tuple[ast.expr, str, ast.Call]] = []
        self._named_calls: list[ast.Call] = []
        self._mentioned: list[tuple[str, ast.Attribute]] = []
        self._aliases: dict[str, _Alias] = {}
        self._locals = Locals(function)
        self._stored: list[Stored] = []
        self._changed: list[Place] = []
        self._looked_up: list[Place] = []
        self._handed_on: list[Handed] = []
        self._called: list[Place] = []
        self._calls_super = self._yields = False
        self._elsewhere = False  # inside a function that may run in a thread
        self._nested: list[Any] = []
        self.assigned: set[str] = set()
        self._walk_all()

    def facts(self, own: frozenset[str] = frozenset()) -> BodyFacts:
        """What was read; of ``own``, attributes that are certainly no handles, less is told."""
        uses = [*self._uses(own)]
        uses += self._mentions(own, uses)
        return BodyFacts(
            uses=tuple(sorted(uses, key=lambda use: (use.line, use.column, use.end_line, use.end_column))),
            assigned=frozenset(self.assigned),
            stored=_in_order([msgspec.structs.replace(one, value=self._value(one)) for one in self._stored]),
            changed=_in_order(self._changed),
            looked_up=_in_order(self._looked_up),
            handed_on=_in_order(self._handed_on),
            called=_in_order([*self._called_outside()]),
            calls_super=self._calls_super,
            yields=self._yields,
        )

    @property
    def injected(self) -> set[str]:
        """Attributes that are given a parameter of the function."""
        return {one.attribute for one in self._stored if not one.called and one.value in self._locals.parameters}

    def _uses(self, own: frozenset[str]) -> Iterator[Use]:
        outcomes: Outcomes | None = None
        for owner, attribute, call in self._found:
            if attribute in own:
                yield read_use(attribute, owner, call)
            else:
                outcomes = outcomes or Outcomes(self._function)
                yield read_use(attribute, owner, call, outcomes)
        if self._aliases:
            if not all(attribute in own for alias in self._aliases.values() for attribute, _ in alias.meant):
                outcomes = outcomes or Outcomes(self._function)
            for call in self._named_calls:
                yield from self._uses_through_alias(call, own, outcomes)

    def _mentions(self, own: frozenset[str], uses: list[Use]) -> Iterator[Use]:
        """Where ``self.payments.process`` is handed on; a call of it tells more."""
        known = {(use.attribute, use.method) for use in uses}
        for attribute, node in self._mentioned:
            if attribute not in own and (attribute, node.attr) not in known:
                yield read_mention(attribute, node)

    def _uses_through_alias(self, call: ast.Call, own: frozenset[str], outcomes: Outcomes | None) -> Iterator[Use]:
        """``p = self.payments`` and later ``p.process()``; ``charge = self.payments.charge`` and later ``charge()``."""
        match call.func:
            case ast.Name(id=name):
                method = ""
            case ast.Attribute(value=ast.Name(id=name), attr=method):
                pass
            case _:
                return
        alias = self._aliases.get(name)
        if alias is None:
            return
        given = outcomes.stores[name] if outcomes is not None else self._locals.times_given(name)
        certain = alias.certain and given == alias.times
        for attribute, bound in dict.fromkeys(alias.meant):
            if bool(bound) != bool(method):
                seen = None if attribute in own else outcomes
                yield read_use(attribute, call.func, call, seen, bound or method, certain=certain)

    def _value(self, stored: Stored) -> str:
        names = self._locals
        is_given = not stored.called and stored.value in names.parameters and stored.value not in names.stores
        return stored.value if is_given else names.meaning(stored.value)

    def _called_outside(self) -> Iterator[Place]:
        for place in self._called:
            meaning = place.name if place.name.startswith("self.") else self._locals.meaning(place.name)
            if meaning:
                yield msgspec.structs.replace(place, name=meaning)

    # -- walking -------------------------------------------------------------------------------------------------------

    def _walk_all(self) -> None:
        visitors: dict[type, Callable[[Any], None]] = {
            ast.Call: self._visit_call,
            ast.Assign: self._visit_assign,
            ast.AnnAssign: self._visit_assign,
            ast.NamedExpr: self._visit_assign,
            ast.For: self._visit_for,
            ast.AsyncFor: self._visit_for,
            ast.comprehension: self._visit_for,
            ast.With: self._visit_with,
            ast.Subscript: self._visit_subscript,
            **dict.fromkeys((ast.Dict, ast.List, ast.Set, ast.Tuple), self._visit_display),
            ast.Yield: self._visit_yield,
            ast.YieldFrom: self._visit_yield,
            ast.Import: self._locals.take_import,
            ast.ImportFrom: self._locals.take_import,
        }
        self._walk([*self._function.body], visitors)
        # Those within a nested `def`, lambda or class come last, for that may run elsewhere.
        waiting = [(node, False) for node in self._nested]
        while waiting:
            node, elsewhere = waiting.pop()
            self._nested = []
            self._elsewhere = elsewhere or not isinstance(node, ast.AsyncFunctionDef)
            if not isinstance(node, ast.ClassDef):
                self._locals.take_parameters(node.args)
            yields = self._yields
            self._walk([*_outer_parts(node), *(node.body if isinstance(node.body, list) else [node.body])], visitors)
            self._yields = yields
            waiting.extend((inner, self._elsewhere) for inner in self._nested)

    def _walk(self, pending: list[Any], visitors: dict[type, Callable[[Any], None]]) -> None:
        stores = self._locals.stores
        while pending:
            node = pending.pop()
            kind = type(node)
            if kind is ast.Name:
                if type(node.ctx) is ast.Store:
                    stores.append(node.id)
                continue
            if kind is ast.Attribute:
                if type(node.ctx) is not ast.Load and self._is_self(node.value):
                    self.assigned.add(node.attr)
                pending.append(node.value)
                continue
            fields = FIELDS.get(kind)
            if not fields:
                continue
            if kind in _SCOPES:
                if kind is ast.ClassDef or not self._is_shadowed(node.args):
                    self._nested.append(node)
                continue
            visit = visitors.get(kind)
            if visit is not None:
                visit(node)
            # Most of the time of a scan is spent here, so no helper function.
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
                self._found.append((getattr(func.value, "value", func.value), owner, call))
            elif type(func.value) is ast.Name:
                self._named_calls.append(call)
        elif type(func) is ast.Name:
            self._named_calls.append(call)
            self._visit_builtin(func.id, call)
        for number, argument in enumerate(call.args):
            self._visit_argument(func, str(number), argument)
        for keyword in call.keywords:
            self._visit_argument(func, keyword.arg or "", keyword.value)
        if not self._elsewhere:
            name = called_name(func)
            if name and name not in _PROMPT:
                self._called.append(place_of(func, self._canonical(name)))

    def _visit_argument(self, func: ast.expr, parameter: str, argument: ast.expr) -> None:
        self._mention(argument)
        if parameter and self._is_self(argument):
            self._hand_on(func, parameter, argument)

    def _visit_display(self, node: ast.Dict | ast.List | ast.Set | ast.Tuple) -> None:
        for value in node.values if isinstance(node, ast.Dict) else node.elts:
            self._mention(value)

    def _mention(self, node: ast.expr) -> None:
        if type(node) is ast.Attribute and (attribute := self._own_attribute(node.value)):
            self._mentioned.append((attribute, node))

    def _hand_on(self, func: ast.expr, parameter: str, argument: ast.expr) -> None:
        name = dotted(func)
        if name and name not in _ASKING:
            at = place_of(argument)
            self._handed_on.append(Handed(name, parameter, at.line, at.column, at.end_line, at.end_column))

    def _visit_builtin(self, name: str, call: ast.Call) -> None:
        if name == "super":
            self._calls_super = True
        elif name == "setattr" and len(call.args) == 3 and self._is_self(call.args[0]):
            attribute = _text(call.args[1])
            if attribute:
                self.assigned.add(attribute)
        elif name == "getattr" and len(call.args) >= 2 and self._is_self(call.args[0]) and not _text(call.args[1]):
            self._looked_up.append(place_of(call, _text_start(call.args[1])))

    def _visit_assign(self, node: Any) -> None:
        if node.value is None:
            return
        for target in getattr(node, "targets", None) or [node.target]:
            self._give(target, node.value)

    def _visit_for(self, node: Any) -> None:
        if isinstance(node.iter, ast.Tuple | ast.List) and isinstance(node.target, ast.Name):
            self._name(node.target.id, node.iter.elts)

    def _visit_with(self, node: ast.With) -> None:
        for item in node.items:
            if isinstance(item.optional_vars, ast.Name):
                self._locals.take_made(item.optional_vars.id, item.context_expr)

    def _visit_subscript(self, node: ast.Subscript) -> None:
        attribute = self._own_attribute(node.value) if type(node.ctx) is not ast.Load else ""
        if attribute:
            self._changed.append(place_of(node, attribute))

    def _visit_yield(self, _node: Any) -> None:
        self._yields = True

    # -- what names stand for ------------------------------------------------------------------------------------------

    def _give(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                for one, its_value in zip(target.elts, value.elts, strict=True):
                    self._give(one, its_value)
        elif isinstance(target, ast.Attribute) and self._is_self(target.value):
            called = isinstance(value, ast.Call)
            name = dotted(value.func if isinstance(value, ast.Call) else value)
            self._stored.append(Stored(target.attr, name, called, target.lineno))
        elif isinstance(target, ast.Name):
            self._locals.take_made(target.id, value)
            self._name(target.id, [value])

    def _name(self, name: str, values: list[ast.expr]) -> None:
        """The name stands for one of these values."""
        meant = [one for value in values for one in self._meant_by(value)]
        if any(meant):
            alias = self._aliases.setdefault(name, _Alias())
            alias.times += 1
            alias.certain &= all(meant)
            alias.meant.extend(one for one in meant if one is not None)

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

    def _canonical(self, name: str) -> str:
        first, dot, rest = name.partition(".")
        return f"self.{rest}" if dot and first == self._self else name

    def _is_self(self, node: ast.expr) -> bool:
        return type(node) is ast.Name and node.id == self._self

    def _is_shadowed(self, arguments: ast.arguments) -> bool:
        names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        return any(argument.arg == self._self for argument in names)


class _Alias:
    """A local name for attributes of self, or for methods of those."""

    def __init__(self) -> None:
        self.meant: list[tuple[str, str]] = []
        self.times = 0  # it was given such a value
        self.certain = True  # those values can be nothing else


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
# Builtins that nobody waits for, and that are most of what functions call.
_PROMPT = frozenset(name for name in vars(builtins) if name not in ("open", "input"))
_ASKING = ("getattr", "setattr", "hasattr", "super", "isinstance", "type", "vars", "id", "repr", "str", "hash")


def _in_order(found: list[Any]) -> tuple[Any, ...]:
    return tuple(sorted(found, key=lambda place: (place.line, getattr(place, "column", 0))))


def _outer_parts(node: Any) -> Iterator[Any]:
    """What of a nested function or class is evaluated where it stands."""
    if isinstance(node, ast.ClassDef):
        yield from (*node.bases, *node.keywords)
    else:
        yield node.args
    yield from getattr(node, "decorator_list", ())


def _text_start(node: ast.expr) -> str:
    """What a computed text begins with, as far as that is written out: ``"on_"`` of ``f"on_{event}"``."""
    match node:
        case ast.JoinedStr(values=[first, *_]) | ast.BinOp(left=first, op=ast.Add() | ast.Mod()):
            return _text(first).partition("%")[0]
    return ""


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
