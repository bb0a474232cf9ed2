"""What applying a decorator to a class comes to: a service with these options, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from homeport.build.linker.arguments import CLASS, UNKNOWN, Arguments, Lookup, bind, evaluate
from homeport.build.linker.symbols import (
    LinkedCall,
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
_DEEPEST_WRAPPERS = 6


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why it cannot be told what a mark says."""

    code: str
    message: str  # goes on after the name of the mark
    hint: str


class Plain(msgspec.Struct, frozen=True):
    """Options that are known."""

    options: Mapping[str, object]
    of_none: bool = False  # `service(cls)` for a class that is not given: in a branch that is not taken, or service()


Outcome = Plain | Problem


class Decorators:
    """Follows decorators to ``service``, each call with what it is given.

    Followed are names, ``functools.partial``, results of calls (``big = service(replicas=3)``) and functions that call
    ``service`` on the class they are given, with options that are written out, constants, or their own parameters.
    ``names`` are the full names of decorators to be treated like ``@service`` though they cannot be followed.
    """

    def __init__(self, linker: Linker, names: Sequence[str]) -> None:
        self._linker = linker
        self._given = tuple(names)
        self._known: frozenset[str] | None = None
        self._reaching: dict[str, bool] = {}  # whether a function leads to a marker, by full name

    def of_mark(self, module: ModuleFacts, mark: Mark, inside: str = "") -> list[Outcome]:
        """What a decorator comes to where it stands; nothing when it does not mark."""
        lookup = self.constants(module, mark.line)
        given = evaluate(mark, lookup) if mark.called else Arguments((CLASS,))
        symbol = self._linker.resolve(module, mark.name, mark.line, inside) if mark.name else None
        if symbol == _PARTIAL:
            return self._partial(module, mark, given, (), Arguments((CLASS,)))
        return self.outcomes(symbol, given)

    def sets(self, symbol: Symbol | None) -> frozenset[str]:
        """The attributes that a decorator may give to what it decorates, as far as it is one function."""
        if not isinstance(symbol, LinkedFunction):
            return frozenset()
        function = self._linker.whole(symbol.module).names.get(symbol.name)
        wrapper = function.wrapper if isinstance(function, OwnFunction) else None
        return wrapper.sets if wrapper is not None else frozenset()

    @property
    def _names(self) -> frozenset[str]:
        """The given names, and what those that are re-exports are really called."""
        if self._known is None:
            found = (self.named(name) for name in self._given)
            self._known = frozenset(self._given).union(full_name(symbol) for symbol in found if symbol is not None)
        return self._known

    def named(self, name: str) -> Symbol | None:
        """The symbol of a full name."""
        parts = name.split(".")
        for length in range(len(parts) - 1, 0, -1):
            module = self._linker.find(".".join(parts[:length]))
            if module is not None:
                return self._linker.resolve(module, ".".join(parts[length:]))
        return Outside(name)

    def outcomes(self, symbol: Symbol | None, given: Arguments, above: tuple[str, ...] = ()) -> list[Outcome]:
        """What calling a symbol with these arguments comes to; ``above`` are the functions that do it."""
        if symbol is None or isinstance(symbol, LinkedModule):
            return []
        if len(above) > _DEEPEST_WRAPPERS:
            leads = isinstance(symbol, LinkedFunction) and self._leads_to_marker(symbol)
            return [unfollowed("it goes through too many functions")] if leads else []
        if symbol == SERVICE:
            return _service(given)
        name = full_name(symbol)
        if name in above:
            return []
        found: list[Outcome] = []
        if isinstance(symbol, LinkedCall):
            found = self._made(symbol, given, (*above, name))
        elif isinstance(symbol, LinkedFunction):
            found = self._wrapped(symbol, given, (*above, name))
        if name in self._names and (not found or any(isinstance(outcome, Problem) for outcome in found)):
            return _service(given.only(OPTIONS))
        return found

    def _made(self, made: LinkedCall, given: Arguments, above: tuple[str, ...]) -> list[Outcome]:
        module, call = made.module, made.call
        arguments = evaluate(call, self.constants(module, call.line))
        maker = self._linker.resolve(module, call.name, call.line)
        if maker == _PARTIAL:
            return self._partial(module, call, arguments, above, given)
        return self.outcomes(maker, arguments, above)

    def _partial(
        self,
        module: ModuleFacts,
        call: Mark,
        arguments: Arguments,
        above: tuple[str, ...],
        given: Arguments,
    ) -> list[Outcome]:
        if "0" not in call.named:
            return []
        target = self._linker.resolve(module, call.named["0"], call.line)
        return self.outcomes(target, arguments.without_first().extended(given), above)

    def _wrapped(self, wrapping: LinkedFunction, given: Arguments, above: tuple[str, ...]) -> list[Outcome]:
        module = self._linker.whole(wrapping.module)
        function = module.names.get(wrapping.name)
        wrapper = function.wrapper if isinstance(function, OwnFunction) else None
        if wrapper is None:
            return []
        lookup = self._parameters(module, wrapper, given)
        outcomes: list[Outcome] = []
        for call in wrapper.calls if self._leads_to_marker(wrapping) else ():
            outcomes.extend(self._inner(module, wrapper, call, lookup, above))
        return outcomes

    def _leads_to_marker(self, start: LinkedFunction) -> bool:
        """Whether the function calls a marker, be it through others; asked before any of them is followed."""
        seen: dict[str, None] = {}
        pending: list[Symbol | None] = [start]
        while pending:
            symbol = pending.pop()
            if symbol is None or isinstance(symbol, LinkedModule):
                continue
            name = full_name(symbol)
            if symbol == SERVICE or name in self._names or self._reaching.get(name):
                self._reaching[full_name(start)] = True
                return True
            if name not in seen and name not in self._reaching:
                seen[name] = None
                pending.extend(self._called_by(symbol))
        self._reaching.update(dict.fromkeys(seen, False))
        return False

    def _called_by(self, symbol: Symbol) -> Iterator[Symbol | None]:
        if isinstance(symbol, LinkedCall):
            for name in (symbol.call.name, symbol.call.named.get("0", "")):
                yield self._linker.resolve(symbol.module, name, symbol.call.line) if name else None
        elif isinstance(symbol, LinkedFunction):
            module = self._linker.whole(symbol.module)
            function = module.names.get(symbol.name)
            wrapper = function.wrapper if isinstance(function, OwnFunction) else None
            for inner in wrapper.calls if wrapper is not None else ():
                yield self._callee(module, wrapper, inner.call.name)
                if "0" in inner.call.named:
                    yield self._callee(module, wrapper, inner.call.named["0"])

    def _inner(
        self, module: ModuleFacts, wrapper: Wrapper, inner: WrappedCall, lookup: Lookup, above: tuple[str, ...]
    ) -> list[Outcome]:
        call = inner.call
        callee = self._callee(module, wrapper, call.name)
        arguments = evaluate(call, lookup)
        if callee == _PARTIAL:
            found = self._partial(module, call, arguments, above, Arguments())
        else:
            found = self.outcomes(callee, arguments, above)
        if found and inner.conditional:
            return [unfollowed(f"it marks in a branch (line {call.line} of {module.path})")]
        return found

    def _callee(self, module: ModuleFacts, wrapper: Wrapper | None, name: str) -> Symbol | None:
        """What a name means inside a function."""
        first, dot, rest = name.partition(".")
        local = wrapper.imported.get(first) if wrapper is not None else None
        return self._linker.resolve(module, name) if local is None else self.named(f"{local}{dot}{rest}")

    def constants(self, module: ModuleFacts, at: int | None) -> Lookup:
        """Looks up the plain values that names of a module stand for, as of a line or in the end."""

        def value_of(name: str) -> object:
            found = self._linker.constant(module, name, at)
            return UNKNOWN if found is None else found.value

        return value_of

    def _parameters(self, module: ModuleFacts, wrapper: Wrapper, given: Arguments) -> Lookup:
        constants = self.constants(module, None)
        values = bind(wrapper.parameters, given, constants)

        def value_of(name: str) -> object:
            if name not in values:
                return constants(name)
            value = values[name]
            return UNKNOWN if name in wrapper.changed and value is not CLASS else value

        return value_of


def _service(given: Arguments) -> list[Outcome]:
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
    return [Plain(dict(given.options), of_none)]


def unfollowed(why: str) -> Problem:
    """That a decorator marks, and how cannot be told."""
    return Problem(
        code="HP204",
        message=f" cannot be followed: {why}",
        hint="mark the class with @service itself, or make the decorator call service() with the same options always",
    )
