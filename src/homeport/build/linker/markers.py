"""Which classes are made services, and with which options: `@service`, whatever it is called and wrapped in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from homeport.build.linker.arguments import CLASS, UNKNOWN, Arguments, Lookup, bind, evaluate, filled
from homeport.build.linker.symbols import (
    LinkedCall,
    LinkedClass,
    LinkedFunction,
    LinkedModule,
    Outside,
    Symbol,
    full_name,
)
from homeport.build.scanner.bindings import OwnFunction
from homeport.build.scanner.expressions import Mark
from homeport.build.scanner.facts import ModuleFacts
from homeport.build.scanner.wrappers import WrappedCall, Wrapper

if TYPE_CHECKING:
    from homeport.build.linker.names import Linker

SERVICE = Outside("homeport.service")
OPTIONS = ("name", "version", "replicas", "isolated", "singleton", "public", "uses")
_PARTIAL = Outside("functools.partial")
_DEEPEST_WRAPPERS = 10


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why it cannot be told what a mark says."""

    code: str
    message: str  # goes on after the name of the mark
    hint: str


class Marking(msgspec.Struct, frozen=True, kw_only=True):
    """A mark that makes a class a service."""

    mark: Mark  # where it stands
    options: Mapping[str, object] = {}
    problem: Problem | None = None


class _Plain(msgspec.Struct, frozen=True):
    """Options that are known."""

    options: Mapping[str, object]
    of_none: bool = False  # `service(cls)` for a class that is not given: in a branch that is not taken, or service()


_Outcome = _Plain | Problem


class Markers:
    """Reads what makes classes services.

    Followed are names, ``functools.partial``, results of calls (``big = service(replicas=3)``) and functions that call
    ``service`` on the class they are given, with options that are written out, constants, or their own parameters.
    ``names`` are the full names of decorators to be treated like ``@service`` though they cannot be followed.
    """

    def __init__(self, linker: Linker, names: Sequence[str] = ()) -> None:
        self._linker = linker
        self._given = tuple(names)
        self._known: frozenset[str] | None = None
        self._markings: dict[tuple[str, str], tuple[Marking, ...]] = {}
        self._applied: dict[str, dict[tuple[str, str], list[Mark]]] = {}  # by path of the module

    def of(self, linked: LinkedClass) -> tuple[Marking, ...]:
        """Everything that marks this class, in order; more than one is a mistake."""
        if not linked.cls.marks and not linked.module.applied:
            return ()
        if linked.key not in self._markings:
            self._markings[linked.key] = tuple(self._read(linked))
        return self._markings[linked.key]

    def marks(self, module: ModuleFacts, name: str) -> bool:
        """Whether what this name stands for, at the end of a module, marks classes."""
        return bool(self._outcomes(self._linker.resolve(module, name), Arguments((CLASS,)), ()))

    def applied(self, module: ModuleFacts) -> Iterator[tuple[Mark, str, Symbol | None]]:
        """The calls at the top level of ``module`` that mark something: with what they mark, as named and as found."""
        for applied in module.applied:
            if self._outcomes_of(module, applied.mark):
                named, at = applied.target, applied.mark.line - 1
                yield applied.mark, named, self._linker.resolve_class(module, named, at) if named else None

    def follow(self, module: ModuleFacts, mark: Mark, inside: str = "") -> Symbol | None:
        """What a decorator means where it stands."""
        return self._linker.resolve(module, mark.name, mark.line, inside)

    def with_constants(self, module: ModuleFacts, mark: Mark, hidden: frozenset[str] = frozenset()) -> Mark:
        """The mark with the values of the constants that it names; ``hidden`` are names of an inner scope."""
        constants = self._constants(module, mark.line)
        return filled(mark, lambda name: UNKNOWN if name.partition(".")[0] in hidden else constants(name))

    def unknown_names(self) -> list[str]:
        """The given names that lie in a module of the application and that it does not have."""
        return [name for name in self._given if self._named(name) is None]

    @property
    def _names(self) -> frozenset[str]:
        """The given names, and what those that are re-exports are really called."""
        if self._known is None:
            found = (self._named(name) for name in self._given)
            self._known = frozenset(self._given).union(full_name(symbol) for symbol in found if symbol is not None)
        return self._known

    def _named(self, name: str) -> Symbol | None:
        """The symbol of a full name."""
        parts = name.split(".")
        for length in range(len(parts) - 1, 0, -1):
            module = self._linker.find(".".join(parts[:length]))
            if module is not None:
                return self._linker.resolve(module, ".".join(parts[length:]))
        return Outside(name)

    def _read(self, linked: LinkedClass) -> Iterator[Marking]:
        module, cls = linked.module, linked.cls
        if cls.qualname in module.typing_only:
            return
        outer = cls.qualname.rpartition(".")[0]
        for mark in (*cls.marks, *self._applied_in(module).get(linked.key, ())):
            outcomes = self._outcomes_of(module, mark, outer)
            if outcomes:
                yield _marking(mark, outcomes)

    def _applied_in(self, module: ModuleFacts) -> dict[tuple[str, str], list[Mark]]:
        path = module.path or module.module
        if path not in self._applied:
            found = self._applied[path] = {}
            for mark, _, target in self.applied(module):
                if isinstance(target, LinkedClass):
                    found.setdefault(target.key, []).append(mark)
        return self._applied[path]

    def _outcomes_of(self, module: ModuleFacts, mark: Mark, inside: str = "") -> list[_Outcome]:
        lookup = self._constants(module, mark.line)
        given = evaluate(mark, lookup) if mark.called else Arguments((CLASS,))
        symbol = self._linker.resolve(module, mark.name, mark.line, inside) if mark.name else None
        if symbol == _PARTIAL:
            return self._partial(module, mark, given, (), Arguments((CLASS,)))
        return self._outcomes(symbol, given, ())

    def _outcomes(self, symbol: Symbol | None, given: Arguments, above: tuple[str, ...]) -> list[_Outcome]:
        """What marking with this symbol comes to; nothing when it does not mark."""
        if symbol is None or isinstance(symbol, LinkedModule) or len(above) > _DEEPEST_WRAPPERS:
            return []
        if symbol == SERVICE:
            return _service(given)
        name = full_name(symbol)
        if name in above:
            return []
        found: list[_Outcome] = []
        if isinstance(symbol, LinkedCall):
            found = self._made(symbol, given, (*above, name))
        elif isinstance(symbol, LinkedFunction):
            found = self._wrapped(symbol, given, (*above, name))
        if name in self._names and (not found or any(isinstance(outcome, Problem) for outcome in found)):
            return _service(given.only(OPTIONS))
        return found

    def _made(self, made: LinkedCall, given: Arguments, above: tuple[str, ...]) -> list[_Outcome]:
        module, call = made.module, made.call
        arguments = evaluate(call, self._constants(module, call.line))
        maker = self._linker.resolve(module, call.name, call.line)
        if maker == _PARTIAL:
            return self._partial(module, call, arguments, above, given)
        return self._outcomes(maker, arguments, above)

    def _partial(
        self,
        module: ModuleFacts,
        call: Mark,
        arguments: Arguments,
        above: tuple[str, ...],
        given: Arguments,
    ) -> list[_Outcome]:
        if "0" not in call.named:
            return []
        target = self._linker.resolve(module, call.named["0"], call.line)
        return self._outcomes(target, arguments.without_first().extended(given), above)

    def _wrapped(self, wrapping: LinkedFunction, given: Arguments, above: tuple[str, ...]) -> list[_Outcome]:
        module = self._linker.whole(wrapping.module)
        function = module.names.get(wrapping.name)
        wrapper = function.wrapper if isinstance(function, OwnFunction) else None
        if wrapper is None:
            return []
        lookup = self._parameters(module, wrapper, given)
        outcomes: list[_Outcome] = []
        for call in wrapper.calls:
            outcomes.extend(self._inner(module, wrapper, call, lookup, above))
        return outcomes

    def _inner(
        self, module: ModuleFacts, wrapper: Wrapper, inner: WrappedCall, lookup: Lookup, above: tuple[str, ...]
    ) -> list[_Outcome]:
        call = inner.call
        first, dot, rest = call.name.partition(".")
        local = wrapper.imported.get(first)
        callee = self._linker.resolve(module, call.name) if local is None else self._named(f"{local}{dot}{rest}")
        arguments = evaluate(call, lookup)
        if callee == _PARTIAL:
            found = self._partial(module, call, arguments, above, Arguments())
        else:
            found = self._outcomes(callee, arguments, above)
        if found and inner.conditional:
            return [_unfollowed(f"it marks in a branch (line {call.line} of {module.path})")]
        return found

    def _constants(self, module: ModuleFacts, at: int | None) -> Lookup:
        def value_of(name: str) -> object:
            found = self._linker.constant(module, name, at)
            return UNKNOWN if found is None else found.value

        return value_of

    def _parameters(self, module: ModuleFacts, wrapper: Wrapper, given: Arguments) -> Lookup:
        constants = self._constants(module, None)
        values = bind(wrapper.parameters, given, constants)

        def value_of(name: str) -> object:
            if name not in values:
                return constants(name)
            value = values[name]
            return UNKNOWN if name in wrapper.changed and value is not CLASS else value

        return value_of


def _marking(mark: Mark, outcomes: list[_Outcome]) -> Marking:
    problem = next((outcome for outcome in outcomes if isinstance(outcome, Problem)), None)
    if problem is not None:
        return Marking(mark=mark, problem=problem)
    plain = [outcome for outcome in outcomes if isinstance(outcome, _Plain)]
    found = [outcome.options for outcome in plain if not outcome.of_none] or [plain[0].options]
    if any(options != found[0] for options in found):
        return Marking(mark=mark, problem=_unfollowed("it marks in more than one way"))
    return Marking(mark=mark, options=found[0])


def _service(given: Arguments) -> list[_Outcome]:
    of_none = given.positional[:1] == (None,)
    if not of_none and any(value is not CLASS and value is not UNKNOWN for value in given.positional):
        return [Problem(code="HP102", message=" takes its options by name", hint='write @service(name="payment")')]
    computed = "**" if given.is_open else next((key for key in given.options if given.options[key] is UNKNOWN), "")
    if computed:
        shown = "**…" if computed == "**" else f"{computed}=…"
        return [
            Problem(
                code="HP101",
                message=f"({shown}) is computed, but the scan reads only literals and constants",
                hint="write the value itself; what differs from place to place belongs into homeport.toml, under "
                "[services.<name>]",
            )
        ]
    return [_Plain(dict(given.options), of_none)]


def _unfollowed(why: str) -> Problem:
    return Problem(
        code="HP204",
        message=f" cannot be followed: {why}",
        hint="mark the class with @service itself, or make the decorator call service() with the same options always",
    )
