"""Results used as something that they are not, where the method's annotation says what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import NoneType

from homeport.build.analyzer.checks.report import finding
from homeport.build.analyzer.sites import CallSite
from homeport.build.analyzer.types import alternatives, static_type
from homeport.build.diagnostics.finding import Finding
from homeport.build.scanner.calls import Consumed

_SCALARS = (int, float, bool, NoneType)
_ITERATING = frozenset({"sum", "sorted", "list", "tuple", "set", "frozenset", "enumerate", "any", "all", "iter", "zip"})


def misused_results(site: CallSite) -> Iterator[Finding]:
    """HP406."""
    method = site.method
    if method is None or method.planned.decorated or method.planned.streams or not site.use.results:
        return
    types = tuple(alternatives(static_type(method.planned.returns, method.names))) if method.planned.returns else ()
    if not types:
        return
    for consumed in site.use.results:
        fails = _FAILS.get(consumed.how)
        if fails is not None and all(fails(of, consumed.name) for of in types):
            shown = f"{site.dependency.service}.{site.use.method}"
            message = f"{shown} returns {method.planned.returns}, which cannot be {_done(consumed)}"
            hint = "use it as what it is, or change the annotation"
            yield finding("HP406", site.path, consumed, message, hint)


def _done(consumed: Consumed) -> str:
    return {
        "for": "iterated",
        "async for": "iterated with `async for`",
        "await": "awaited once more",
        "subscript": "indexed",
        "attribute": f"asked for `.{consumed.name}`",
        "arithmetic": "calculated with",
        "call": "called",
        "builtin": f"given to {consumed.name}()",
    }[consumed.how]


def _is_scalar(of: type, _name: str) -> bool:
    return of in _SCALARS


def _builtin(of: type, name: str) -> bool:
    return of in _SCALARS and (name in _ITERATING or name == "len")


def _always(_of: type, _name: str) -> bool:
    return True  # of the types that `alternatives` gives, none can


# Whether values of a type certainly do not allow what is done with them.
_FAILS: Mapping[str, Callable[[type, str], bool]] = {
    "for": _is_scalar,
    "async for": _always,
    "await": _always,
    "call": _always,
    "subscript": lambda of, _: of in (*_SCALARS, set, frozenset),
    "attribute": lambda of, name: not hasattr(of, name),
    "arithmetic": lambda of, _: of is NoneType,
    "builtin": _builtin,
}
