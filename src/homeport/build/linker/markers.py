"""Which classes are made services, and with which options: `@service`, whatever it is called and wrapped in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from homeport.build.linker.arguments import CLASS, UNKNOWN, Arguments, filled
from homeport.build.linker.decorators import Decorators, Outcome, Plain, Problem, unfollowed
from homeport.build.linker.symbols import LinkedClass, Symbol
from homeport.build.scanner.expressions import Mark
from homeport.build.scanner.facts import ModuleFacts

if TYPE_CHECKING:
    from homeport.build.linker.names import Linker


class Marking(msgspec.Struct, frozen=True, kw_only=True):
    """A mark that makes a class a service."""

    mark: Mark  # where it stands
    options: Mapping[str, object] = {}
    problem: Problem | None = None


class Markers:
    """Reads which classes of an application are marked, by decorators or by calls that are applied to them.

    ``names`` are the full names of decorators to be treated like ``@service`` though they cannot be followed.
    """

    def __init__(self, linker: Linker, names: Sequence[str] = ()) -> None:
        self._linker, self._given = linker, tuple(names)
        self._decorators = Decorators(linker, names)
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
        return bool(self._decorators.outcomes(self._linker.resolve(module, name), Arguments((CLASS,))))

    def applied(self, module: ModuleFacts) -> Iterator[tuple[Mark, str, Symbol | None]]:
        """The calls at the top level of ``module`` that mark something: with what they mark, as named and as found."""
        for applied in module.applied:
            if self._decorators.of_mark(module, applied.mark):
                named, at = applied.target, applied.mark.line - 1
                yield applied.mark, named, self._linker.resolve_class(module, named, at) if named else None

    def follow(self, module: ModuleFacts, mark: Mark, inside: str = "") -> Symbol | None:
        """What a decorator means where it stands."""
        return self._linker.resolve(module, mark.name, mark.line, inside)

    def sets(self, linked: LinkedClass) -> frozenset[str]:
        """The attributes that decorators of the application may give to this class."""
        outer = linked.cls.qualname.rpartition(".")[0]
        symbols = (self.follow(linked.module, mark, outer) for mark in linked.cls.marks if mark.name)
        return frozenset().union(*(self._decorators.sets(symbol) for symbol in symbols))

    def with_constants(self, module: ModuleFacts, mark: Mark, hidden: frozenset[str] = frozenset()) -> Mark:
        """The mark with the values of the constants that it names; ``hidden`` are names of an inner scope."""
        constants = self._decorators.constants(module, mark.line)
        return filled(mark, lambda name: UNKNOWN if name.partition(".")[0] in hidden else constants(name))

    def unknown_names(self) -> list[str]:
        """The given names that lie in a module of the application and that it does not have."""
        return [name for name in self._given if self._decorators.named(name) is None]

    def _read(self, linked: LinkedClass) -> Iterator[Marking]:
        module, cls = linked.module, linked.cls
        if cls.qualname in module.typing_only:
            return
        outer = cls.qualname.rpartition(".")[0]
        for mark in (*cls.marks, *self._applied_in(module).get(linked.key, ())):
            outcomes = self._decorators.of_mark(module, mark, outer)
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


def _marking(mark: Mark, outcomes: list[Outcome]) -> Marking:
    problem = next((outcome for outcome in outcomes if isinstance(outcome, Problem)), None)
    if problem is not None:
        return Marking(mark=mark, problem=problem)
    plain = [outcome for outcome in outcomes if isinstance(outcome, Plain)]
    found = [outcome.options for outcome in plain if not outcome.of_none] or [plain[0].options]
    if any(options != found[0] for options in found):
        return Marking(mark=mark, problem=unfollowed("it marks in more than one way"))
    return Marking(mark=mark, options=found[0])
