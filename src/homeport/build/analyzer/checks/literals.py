"""Literal arguments that do not fit the types of their parameters, judged by the decoder that would refuse them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from homeport.build.analyzer.checks.report import finding
from homeport.build.analyzer.sites import CallSite
from homeport.build.analyzer.types import static_type
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import PlannedMethod, PlannedParameter
from homeport.build.scanner.calls import Argument
from homeport.contracts.wire import explain, msgpack_decoder


def wrong_literals(site: CallSite) -> Iterator[Finding]:
    """HP405."""
    if site.method is None or site.method.planned.decorated:
        return
    for argument, parameter in _paired(site, site.method.planned):
        if argument.literal and parameter.annotation:
            of = static_type(parameter.annotation, site.method.names)
            misfit = _misfit(argument.literal, of) if of is not Any else ""
            if misfit:
                yield _wrong(site, site.method.planned, argument, parameter, misfit)


def _wrong(
    site: CallSite, method: PlannedMethod, argument: Argument, parameter: PlannedParameter, misfit: str
) -> Finding:
    message = (
        f"{argument.shown} does not fit `{parameter.name}: {parameter.annotation}` of "
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
