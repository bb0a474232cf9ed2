"""What the functions beside a class call: for what a method does through one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from homeport.build.scanner.bindings import Binding, Imported, OwnFunction
from homeport.build.scanner.bodies import AnyFunction, BodyReading
from homeport.build.scanner.calls import Place
from homeport.build.scanner.locals import IMPORTED

_BUILTINS = ("open", "input")


def read_helpers(functions: Iterable[AnyFunction], names: Mapping[str, Binding]) -> dict[str, tuple[Place, ...]]:
    """For each top-level function without decorators what it calls of the file and what that imports, and of builtins.

    Names are as in ``BodyFacts.called``.
    """
    helpers: dict[str, tuple[Place, ...]] = {}
    for function in functions:
        if not function.decorator_list:
            called = BodyReading(function, "").facts().called
            helpers[function.name] = tuple(place for place in called if _leads_on(place.name, names))
    return {name: called for name, called in helpers.items() if called}


def _leads_on(name: str, names: Mapping[str, Binding]) -> bool:
    first = name.partition(".")[0].partition("()")[0]
    return name.startswith(IMPORTED) or first in _BUILTINS or isinstance(names.get(first), Imported | OwnFunction)
