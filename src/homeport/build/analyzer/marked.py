"""Which classes are services, and with which options, by their source."""

from __future__ import annotations

from homeport.authoring.service import ServiceOptions, service_options
from homeport.build.analyzer.dependencies import Target
from homeport.build.linker.names import LinkedClass, Linker, Outside
from homeport.build.plan import Location
from homeport.build.scanner.classes import ClassFacts
from homeport.build.scanner.expressions import Mark
from homeport.build.scanner.facts import ModuleFacts
from homeport.errors import DefinitionError


class StaticScope:
    """What names mean in a module, by its source and that of the modules it imports."""

    def __init__(self, linker: Linker, module: ModuleFacts) -> None:
        self._linker, self._module = linker, module

    @property
    def path(self) -> str:
        return self._module.path

    def service(self, name: str) -> Target | None:
        symbol = self._linker.resolve(self._module, name)
        return static_target(self._linker, symbol) if isinstance(symbol, LinkedClass) else None

    def means(self, name: str, public: str) -> bool:
        return self._linker.resolve(self._module, name) == Outside(f"homeport.{public}")

    def is_any(self, name: str) -> bool:
        return self._linker.resolve(self._module, name) in (Outside("typing.Any"), Outside("typing_extensions.Any"))


def service_mark(linker: Linker, linked: LinkedClass) -> Mark | None:
    """The ``@service`` of a class, if it has one."""
    scope = StaticScope(linker, linked.module)
    return next((mark for mark in linked.cls.marks if scope.means(mark.name, "service")), None)


def static_target(linker: Linker, linked: LinkedClass) -> Target | None:
    """The service that a class stands for, by its source; None when it is no service."""
    mark = service_mark(linker, linked)
    if mark is None:
        return None
    try:
        options = declared_options(linked.cls, mark)
    except DefinitionError:
        return None  # reported where the class stands
    return Target(options.name, location_of(linked.module, linked.cls))


def declared_options(cls: ClassFacts, mark: Mark) -> ServiceOptions:
    """What ``@service(...)`` says, as written.

    Raises:
        DefinitionError: it is wrong, or no literal.
    """
    if mark.positional:
        raise DefinitionError('@service takes its options by name, as in @service(name="payment")')
    if mark.unreadable:
        raise DefinitionError(f"@service{mark.unreadable}")
    return service_options(cls.name, **mark.options)


def location_of(module: ModuleFacts, cls: ClassFacts) -> Location:
    return Location(module=module.module, qualname=cls.qualname, path=module.path, line=cls.line)
