"""What a name means across the files of an application: imports, aliases, re-exports and bases, followed statically."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from homeport.build.linker.imports import ImportGraph, ModuleFinder
from homeport.build.scanner.classes import ClassFacts
from homeport.build.scanner.facts import Alias, Binding, Defined, Imported, ModuleFacts, OwnClass


class LinkedClass(msgspec.Struct, frozen=True):
    """A class of the application."""

    module: ModuleFacts
    cls: ClassFacts


class LinkedModule(msgspec.Struct, frozen=True):
    """A module of the application."""

    module: ModuleFacts


class Outside(msgspec.Struct, frozen=True):
    """Something that a module outside the application defines, by its full name: ``homeport.service``."""

    name: str


Symbol = LinkedClass | LinkedModule | Outside

# Where each public name really lives: authors may import either.
_OWN_NAMES = {
    "homeport.authoring.service.service": "homeport.service",
    "homeport.authoring.method.method": "homeport.method",
    "homeport.authoring.dependency.dependency": "homeport.dependency",
}
_STAR_NAMES = ("service", "method", "dependency")
TRANSPARENT_BASES = (
    "object",
    "builtins.object",
    "abc.ABC",
    "typing.Generic",
    "typing.Protocol",
    "typing_extensions.Protocol",
)


class Lineage(msgspec.Struct, frozen=True):
    """A class and its bases within the application, nearest first."""

    classes: tuple[LinkedClass, ...]
    foreign: bool  # some base is not of the application: what it has is unknown until import


class Linker:
    """Follows names from file to file; ``find`` gives it the modules of the application.

    ``whole`` gives the facts of a module with every class body read, where ``find`` gives less.
    """

    def __init__(self, find: ModuleFinder, whole: Callable[[ModuleFacts], ModuleFacts] | None = None) -> None:
        def find_own(name: str) -> ModuleFacts | None:
            """Homeport itself is never part of an application."""
            return None if name.partition(".")[0] == "homeport" else find(name)

        self._find, self._whole = find_own, whole or _as_it_is
        self._imports = ImportGraph(find_own)

    def resolve(self, module: ModuleFacts, name: str) -> Symbol | None:
        """What a dotted name means at the top level of ``module``; None when that cannot be told."""
        return self._resolve(module, name, frozenset())

    def lineage(self, linked: LinkedClass) -> Lineage:
        """The class with all its bases of the application, in order of lookup (nearly: depth first, last one wins).

        All their bodies are read.
        """
        order: list[LinkedClass] = []
        foreign = self._collect(linked, order, frozenset())
        last_first = {(entry.module.module, entry.cls.qualname): entry for entry in reversed(order)}
        return Lineage(tuple(self._with_body(entry) for entry in reversed(last_first.values())), foreign)

    def _with_body(self, linked: LinkedClass) -> LinkedClass:
        if linked.cls.whole:
            return linked
        module = self._whole(linked.module)
        # The file may have changed since: then this class is as good as without a body.
        return LinkedClass(module, module.classes.get(linked.cls.qualname, linked.cls))

    def reach(self, module: ModuleFacts) -> tuple[str, ...]:
        """The paths of all files of the application that importing ``module`` may read, itself included."""
        return self._imports.reach(module)

    def _resolve(self, module: ModuleFacts, name: str, seen: frozenset[tuple[str, str]]) -> Symbol | None:
        first, _, rest = name.partition(".")
        symbol = self._member(module, first, seen)
        for part in rest.split(".") if rest else ():
            if symbol is None:
                return None
            symbol = self._attribute(symbol, part, seen)
        return symbol

    def _attribute(self, symbol: Symbol, name: str, seen: frozenset[tuple[str, str]]) -> Symbol | None:
        match symbol:
            case Outside():
                return _outside(f"{symbol.name}.{name}")
            case LinkedModule():
                return self._member(symbol.module, name, seen) or self._submodule(symbol.module, name)
            case LinkedClass():
                inner = symbol.module.classes.get(f"{symbol.cls.qualname}.{name}")
                return LinkedClass(symbol.module, inner) if inner is not None else None

    def _member(self, module: ModuleFacts, name: str, seen: frozenset[tuple[str, str]]) -> Symbol | None:
        key = (module.module, name)
        if key in seen:  # modules that import a name from each other
            return None
        seen |= {key}
        binding = module.names.get(name)
        if binding is None:
            return self._through_stars(module, name, seen)
        return self._follow(module, binding, seen)

    def _follow(self, module: ModuleFacts, binding: Binding, seen: frozenset[tuple[str, str]]) -> Symbol | None:
        match binding:
            case OwnClass():
                return LinkedClass(module, module.classes[binding.qualname])
            case Alias():
                return self._resolve(module, binding.target, seen)
            case Imported():
                return self._imported(binding, seen)
            case Defined():
                return None

    def _imported(self, binding: Imported, seen: frozenset[tuple[str, str]]) -> Symbol | None:
        target = self._find(binding.module)
        if target is None:
            return _outside(f"{binding.module}.{binding.name}" if binding.name else binding.module)
        if not binding.name:
            return LinkedModule(target)
        return self._member(target, binding.name, seen) or self._submodule(target, binding.name)

    def _submodule(self, package: ModuleFacts, name: str) -> Symbol | None:
        if not package.is_package:
            return None
        found = self._find(f"{package.module}.{name}")
        return LinkedModule(found) if found is not None else None

    def _through_stars(self, module: ModuleFacts, name: str, seen: frozenset[tuple[str, str]]) -> Symbol | None:
        for star in module.stars:
            target = self._find(star)
            if target is not None and not name.startswith("_"):
                found = self._member(target, name, seen)
                if found is not None:
                    return found
            elif star == "homeport" and name in _STAR_NAMES:
                return Outside(f"homeport.{name}")
        return None

    def _collect(self, linked: LinkedClass, order: list[LinkedClass], above: frozenset[str]) -> bool:
        key = f"{linked.module.module}:{linked.cls.qualname}"
        if key in above:  # a class that derives from itself does not import either
            return True
        order.append(linked)
        foreign = False
        for base in linked.cls.bases:
            symbol = self.resolve(linked.module, base)
            if isinstance(symbol, LinkedClass):
                foreign |= self._collect(symbol, order, above | {key})
            else:
                name = symbol.name if isinstance(symbol, Outside) else base
                foreign |= name not in TRANSPARENT_BASES
        return foreign


def _as_it_is(module: ModuleFacts) -> ModuleFacts:
    return module


def _outside(name: str) -> Outside:
    return Outside(_OWN_NAMES.get(name, name))
