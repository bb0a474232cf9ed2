"""Says where a service may call others in ways that its own source does not show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from homeport.authoring.naming import RESERVED, is_valid_name
from homeport.build.analyzer.checks.report import finding
from homeport.build.diagnostics.finding import Finding
from homeport.build.linker.names import LinkedClass, Linker
from homeport.build.linker.symbols import LinkedFunction
from homeport.build.scanner.bindings import OwnFunction
from homeport.build.scanner.bodies import Handed
from homeport.build.scanner.calls import Place


def hidden_uses(
    linker: Linker, lineage: Sequence[LinkedClass], dependencies: Sequence[str], uses: Sequence[str]
) -> Iterator[Finding]:
    """Computed look-ups, and functions that call through the service that they are handed.

    ``dependencies`` are the attributes known to be some, ``uses`` the services that the class names by itself.
    """
    bodies = [entry.cls.body for entry in lineage]
    functions = [function for body in bodies for function in body.functions]
    own = {*RESERVED, *dependencies}.union(*(body.bound for body in bodies), *(one.assigned for one in functions))
    own.update(field.name for body in bodies for field in body.fields)
    for entry in lineage:
        for function in entry.cls.body.functions:
            for place in function.body.looked_up if not uses else ():
                if not _names_own(place, own):
                    message = "a computed name is looked up on `self`, so that the scan cannot tell which service it is"
                    hint = 'if it may be a service, name those that it may be: @service(uses=["payments"])'
                    yield finding("HP205", entry.module.path, place, message, hint)
            for handed in function.body.handed_on:
                yield from _handed(linker, entry, handed, own)


def _names_own(place: Place, own: set[str]) -> bool:
    """Whether ``getattr(self, f"on_{event}")`` means a method of the class itself."""
    return bool(place.name) and (place.name.startswith("_") or any(name.startswith(place.name) for name in own))


def _handed(linker: Linker, entry: LinkedClass, handed: Handed, own: set[str]) -> Iterator[Finding]:
    symbol = linker.resolve(entry.module, handed.function)
    if not isinstance(symbol, LinkedFunction):
        return
    function = linker.whole(symbol.module).names.get(symbol.name)
    called = function.called_on.get(handed.parameter, ()) if isinstance(function, OwnFunction) else ()
    missing = [name for name in called if name not in own and is_valid_name(name)]
    if missing:
        shown = " and ".join(f"`{name}`" for name in missing)
        names = ", ".join(f'"{name}"' for name in missing)
        message = f"{symbol.name}() is handed `self` and calls {shown} through it, which the scan does not follow"
        yield finding("HP208", entry.module.path, handed, message, f"write @service(uses=[{names}])")
