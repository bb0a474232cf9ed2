"""What a name means across the files of an application: imports, aliases, re-exports and bases, followed statically."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from homeport.build.linker.imports import Finder, ImportGraph, ModuleFinder
from homeport.build.linker.lineage import TRANSPARENT_BASES, Lineage, Lineages
from homeport.build.linker.markers import Markers
from homeport.build.linker.resolution import Resolver
from homeport.build.linker.symbols import LinkedCall, LinkedClass, LinkedConstant, Outside, Symbol
from homeport.build.scanner.facts import ModuleFacts

__all__ = ["TRANSPARENT_BASES", "LinkedClass", "Linker", "Outside"]

_MADE_TYPES = {"typing.NewType": "1", "typing.TypeAliasType": "1", "typing_extensions.TypeAliasType": "1"}
_MOST_CALLS = 10  # that make a type of a type of a type


class Linker:
    """Follows names from file to file; ``find`` gives it the modules of the application.

    ``whole`` gives the facts of a module with every body read, where ``find`` gives less. ``markers`` are the full
    names of decorators that are to count as ``@service`` though they cannot be followed.
    """

    def __init__(
        self,
        find: ModuleFinder,
        whole: Callable[[ModuleFacts], ModuleFacts] | None = None,
        markers: Sequence[str] = (),
    ) -> None:
        self.find, self.whole = Finder(find), whole or _as_it_is
        self._imports = ImportGraph(self.find)
        self._resolver = Resolver(self.find)
        self._lineages = Lineages(self.resolve_class, self._with_body)
        self.markers = Markers(self, markers)

    def resolve(self, module: ModuleFacts, name: str, at: int | None = None, inside: str = "") -> Symbol | None:
        """What a dotted name means in ``module``; None when that cannot be told.

        It means so at line ``at``, or else once the module has run. ``inside`` is the qualname of the class in whose
        body the name stands.
        """
        first, _, rest = name.partition(".")
        inner = module.classes.get(f"{inside}.{first}") if inside else None
        if inner is None:
            return self._resolver.resolve(module, name, at)
        linked = LinkedClass(module, inner)
        return self._resolver.attribute(linked, rest) if rest else linked

    def type_of(self, module: ModuleFacts, name: str, inside: str = "") -> LinkedClass | None:
        """The class of the application that a dotted name, used as a type, stands for."""
        symbol = self.resolve_class(module, name, None, inside)
        return symbol if isinstance(symbol, LinkedClass) else None

    def resolve_class(self, module: ModuleFacts, name: str, at: int | None = None, inside: str = "") -> Symbol | None:
        """As ``resolve``, but for a call that was given a class, as by ``Cart = traced(Cart)``, that class."""
        found = symbol = self.resolve(module, name, at, inside)
        for _ in range(_MOST_CALLS):
            if not isinstance(symbol, LinkedCall):
                break
            symbol = self._made(symbol)
        return symbol if isinstance(symbol, LinkedClass) else found

    def constant(self, module: ModuleFacts, name: str, at: int | None = None) -> LinkedConstant | None:
        """The plain value that a dotted name stands for, where the application writes it out."""
        symbol = self.resolve(module, name, at)
        return symbol if isinstance(symbol, LinkedConstant) else None

    def lineage(self, linked: LinkedClass) -> Lineage:
        """The class with all its bases of the application, in the order in which Python looks through them.

        All their bodies are read.
        """
        return self._lineages.of(linked)

    def reach(self, module: ModuleFacts) -> tuple[str, ...]:
        """The paths of all files of the application that importing ``module`` may read, itself included."""
        return self._imports.reach(module)

    def sources_of(self, module: ModuleFacts) -> tuple[str, ...]:
        """The paths of all files that what was asked about ``module`` so far may hang on, itself included."""
        return self._imports.sources_of(module)

    def _made(self, made: LinkedCall) -> Symbol | None:
        """What a call makes a type of: ``NewType("Pay", Payments)``, or a decorator called by hand."""
        call = made.call
        maker = self.resolve(made.module, call.name, call.line)
        key = _MADE_TYPES.get(maker.name, "0") if isinstance(maker, Outside) else "0"
        if key not in call.named:
            return None
        itself = call.named[key].partition(".")[0] == made.name  # then what it was before is meant
        return self.resolve(made.module, call.named[key], call.line - itself)

    def _with_body(self, linked: LinkedClass) -> LinkedClass:
        if linked.cls.whole:
            return linked
        module = self.whole(linked.module)
        # The file may have changed since: then this class is as good as without a body.
        return LinkedClass(module, module.classes.get(linked.cls.qualname, linked.cls))


def _as_it_is(module: ModuleFacts) -> ModuleFacts:
    return module
