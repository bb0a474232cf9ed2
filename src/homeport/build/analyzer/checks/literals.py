"""Arguments that are plain to see and do not fit: literals the decoder would refuse, and what cannot be sent at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from homeport.build.analyzer.checks.report import finding
from homeport.build.analyzer.sites import CallSite
from homeport.build.analyzer.types import alternatives, static_type
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import PlannedMethod, PlannedParameter
from homeport.build.scanner.calls import Argument
from homeport.contracts.wire import explain, msgpack_decoder


def wrong_literals(site: CallSite) -> Iterator[Finding]:
    """HP405."""
    if site.method is None or site.method.planned.decorated:
        return
    for argument, parameter in _paired(site, site.method.planned):
        if not parameter.annotation or not (argument.literal or argument.kind in _FITTING):
            continue
        of = static_type(parameter.annotation, site.method.names)
        if of is not Any:
            misfit = _misfit(argument.literal, of) if argument.literal else _misshapen(argument.kind, of)
            if misfit:
                yield _wrong(site, site.method.planned, argument, parameter, misfit)


def unsendable_arguments(site: CallSite) -> Iterator[Finding]:
    """HP410."""
    for argument in site.use.arguments:
        what, hint = _UNSENDABLE.get(argument.kind, ("", ""))
        if argument.kind.startswith("self.") and argument.kind.removeprefix("self.") in site.handles:
            what, hint = f"{argument.kind}, which stands for another service,", _SERVICE_HINT
        if what:
            message = f"{what} cannot be sent to service {site.dependency.service!r}"
            yield finding("HP410", site.path, argument, message, hint)


_SERVICE_HINT = "send what the other service needs to know; if it is to call that one, let it depend on it itself"
_UNSENDABLE = {
    "lambda": ("a function", "say in plain data what is to be done, and let the other service do it"),
    "generator": ("a generator", "write a list, `[… for …]`, or call once for each item"),
    "self": ("the service itself", _SERVICE_HINT),
}
_ARRAYS = frozenset({list, set, frozenset, tuple})
# The types that a value of this form may fit, whatever is in it.
_FITTING: dict[str, frozenset[type]] = {
    "list": _ARRAYS,
    "set": _ARRAYS,
    "tuple": _ARRAYS,
    "dict": frozenset({dict}),
    "str": frozenset({str, bytes, bytearray}),
}


def _misshapen(kind: str, of: Any) -> str:
    types = tuple(alternatives(of))
    return f"it is a {kind}" if types and _FITTING[kind].isdisjoint(types) else ""


def _wrong(
    site: CallSite, method: PlannedMethod, argument: Argument, parameter: PlannedParameter, misfit: str
) -> Finding:
    message = (
        f"{argument.shown or 'the argument'} does not fit `{parameter.name}: {parameter.annotation}` of "
        f"{site.dependency.service}.{method.name}: {misfit}"
    )
    return finding(
        "HP405",
        site.path,
        argument,
        message,
        "give a value of that type, or change the annotation",
    )


def _paired(site: CallSite, method: PlannedMethod) -> Iterator[tuple[Argument, PlannedParameter]]:
    by_name = {parameter.name: parameter for parameter in method.parameters}
    positional = [parameter for parameter in method.parameters if parameter.kind != "name"]
    by_position = [argument for argument in site.use.arguments if not argument.name]
    if not site.use.open_positional:
        yield from zip(by_position, positional, strict=False)
    for argument in site.use.arguments:
        if argument.name in by_name:
            yield argument, by_name[argument.name]


def _misfit(literal: bytes, of: Any) -> str:
    try:
        msgpack_decoder(of)(literal)
    except msgspec.ValidationError as error:
        return explain(error, "$").removeprefix("$: ")
    except Exception:
        return ""  # no type for our decoders, which is said where the method stands
    return ""
