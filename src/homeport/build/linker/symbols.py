"""What a name can mean once it is followed across files."""

from __future__ import annotations

import msgspec

from homeport.build.scanner.bindings import OwnFunction
from homeport.build.scanner.classes import ClassFacts
from homeport.build.scanner.expressions import Mark
from homeport.build.scanner.facts import ModuleFacts


class LinkedClass(msgspec.Struct, frozen=True):
    """A class of the application."""

    module: ModuleFacts
    cls: ClassFacts
    optional: bool = False  # named through an alias that also allows None

    @property
    def key(self) -> tuple[str, str]:
        """Tells it from all other classes of the application."""
        return (self.module.path or self.module.module, self.cls.qualname)


class LinkedModule(msgspec.Struct, frozen=True):
    """A module of the application."""

    module: ModuleFacts


class LinkedFunction(msgspec.Struct, frozen=True):
    """A function at the top level of a module of the application."""

    module: ModuleFacts
    name: str
    function: OwnFunction


class LinkedCall(msgspec.Struct, frozen=True):
    """A name of the application whose value a call made."""

    module: ModuleFacts
    name: str
    call: Mark


class LinkedConstant(msgspec.Struct, frozen=True):
    """A plain value that the application writes out."""

    value: object


class Outside(msgspec.Struct, frozen=True):
    """Something that a module outside the application defines, by its full name: ``homeport.service``."""

    name: str


class Unfollowed(msgspec.Struct, frozen=True):
    """An attribute of a value of the application, by the name that leads to it: ``shop.app.registry.service``."""

    name: str


Symbol = LinkedClass | LinkedModule | LinkedFunction | LinkedCall | LinkedConstant | Outside | Unfollowed

# Where each public name really lives: authors may import either.
_OWN_NAMES = {
    "homeport.authoring.service.service": "homeport.service",
    "homeport.authoring.method.method": "homeport.method",
    "homeport.authoring.dependency.dependency": "homeport.dependency",
}
PUBLIC_NAMES = frozenset({"service", "method", "dependency"})  # of homeport, as far as they mean something to a scan


def outside(name: str) -> Outside:
    return Outside(_OWN_NAMES.get(name, name))


def full_name(symbol: Symbol) -> str:
    """The dotted name under which a symbol could be imported; empty for a value."""
    match symbol:
        case LinkedClass():
            return f"{symbol.module.module}.{symbol.cls.qualname}"
        case LinkedFunction() | LinkedCall():
            return f"{symbol.module.module}.{symbol.name}"
        case LinkedModule():
            return symbol.module.module
        case Outside() | Unfollowed():
            return symbol.name
        case LinkedConstant():
            return ""
