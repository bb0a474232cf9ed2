"""Which classes are services, and with which options, by their source."""

from __future__ import annotations

import builtins

from homeport.authoring.service import ServiceOptions, service_options
from homeport.build.analyzer.dependencies import Helper, Target
from homeport.build.linker.markers import Marking
from homeport.build.linker.names import LinkedClass, Linker, Outside
from homeport.build.linker.symbols import LinkedFunction
from homeport.build.plan import Location
from homeport.build.scanner.classes import ClassFacts
from homeport.build.scanner.expressions import Mark
from homeport.build.scanner.facts import ModuleFacts
from homeport.errors import DefinitionError


class StaticScope:
    """What names mean in a module, or in a class of it, by its source and that of the modules it imports."""

    def __init__(self, linker: Linker, module: ModuleFacts, cls: ClassFacts | None = None) -> None:
        self._linker, self._module = linker, module
        self._inside = cls.qualname if cls is not None else ""
        self._hidden = cls.body.bound if cls is not None else frozenset()
        self._outside: dict[str, str] = {}  # asked before

    @property
    def path(self) -> str:
        return self._module.path

    def service(self, name: str) -> Target | None:
        linked = self._linker.type_of(self._module, name, self._inside)
        return static_target(self._linker, linked) if linked is not None else None

    def means(self, name: str, public: str) -> bool:
        return self._linker.resolve(self._module, name, None, self._inside) == Outside(f"homeport.{public}")

    def is_any(self, name: str) -> bool:
        return self._linker.resolve(self._module, name) in (Outside("typing.Any"), Outside("typing_extensions.Any"))

    def outside(self, name: str) -> str:
        known = self._outside.get(name)
        if known is None:
            known = self._outside[name] = self._find_outside(name)
        return known

    def _find_outside(self, name: str) -> str:
        symbol = self._linker.resolve(self._module, name, None, self._inside)
        if isinstance(symbol, Outside):
            return symbol.name
        first = name.partition(".")[0]
        unknown = symbol is None and first not in self._module.names and not self._module.stars
        return f"builtins.{name}" if unknown and hasattr(builtins, first) else ""

    def plain_class(self, name: str) -> bool:
        linked = self._linker.type_of(self._module, name, self._inside)
        if linked is None or linked.cls.qualname in linked.module.typing_only:
            return False
        return not linked.cls.bases and not linked.cls.marks

    def helper(self, name: str) -> Helper | None:
        symbol = self._linker.resolve(self._module, name, None, self._inside)
        if not isinstance(symbol, LinkedFunction):
            return None
        module = symbol.module if symbol.module.helpers else self._linker.whole(symbol.module)
        called = module.helpers.get(symbol.name, ())
        return Helper(symbol.name, StaticScope(self._linker, module), called, symbol.function.kind == "async def")

    def read(self, mark: Mark) -> Mark:
        return self._linker.markers.with_constants(self._module, mark, self._hidden)


def static_target(linker: Linker, linked: LinkedClass) -> Target | None:
    """The service that a class stands for, by its source; None when it is no service."""
    for marking in linker.markers.of(linked):
        try:
            options = declared_options(linked.cls, marking)
        except DefinitionError:
            return None  # reported where the class stands
        return Target(options.name, location_of(linked.module, linked.cls), linked.optional)
    return None


def declared_options(cls: ClassFacts, marking: Marking) -> ServiceOptions:
    """What ``@service(...)`` says of a class.

    Raises:
        DefinitionError: it is wrong, or cannot be told from the source.
    """
    if marking.problem is not None:
        raise DefinitionError(f"@{marking.mark.name}{marking.problem.message}; {marking.problem.hint}")
    return service_options(cls.name, **marking.options)


def location_of(module: ModuleFacts, cls: ClassFacts) -> Location:
    return Location(module=module.module, qualname=cls.qualname, path=module.path, line=cls.line)
