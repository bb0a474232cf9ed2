"""Calls whose arguments are not those that the method takes: what ``contracts.parameters`` refuses at run time."""

from __future__ import annotations

from collections.abc import Iterator

from homeport.build.analyzer.checks.report import finding, maybe_meant
from homeport.build.analyzer.methods import shown_method
from homeport.build.analyzer.sites import CallSite
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import PlannedMethod
from homeport.build.scanner.calls import Argument, Place
from homeport.errors import near_names


def wrong_arguments(site: CallSite) -> Iterator[Finding]:
    """HP401, HP402, HP403 and HP404."""
    if site.method is None or site.method.planned.decorated or site.method.function.variadic:
        return
    method = site.method.planned
    call = f"call {shown_method(site.dependency.service, method)}"
    surplus = [*_surplus(site, method, call)]
    named = [*_named(site, method, call)]
    yield from surplus
    yield from named
    # Each of the others may be the missing one, misplaced or misspelt.
    if not surplus and not named:
        yield from _missing(site, method, call)


def _surplus(site: CallSite, method: PlannedMethod, call: str) -> Iterator[Finding]:
    takes = sum(parameter.kind != "name" for parameter in method.parameters)
    given = _positional(site)
    if len(given) > takes:
        first, last = given[takes], given[-1]
        at = Place("", first.line, first.column, last.end_line, last.end_column)
        at_least = "at least " if site.use.open_positional else ""
        message = f"too many arguments: {_shown(site)} takes {takes} by position, got {at_least}{len(given)}"
        yield finding("HP401", site.path, at, message, call)


def _named(site: CallSite, method: PlannedMethod, call: str) -> Iterator[Finding]:
    parameters = {parameter.name: parameter for parameter in method.parameters}
    positional = [parameter.name for parameter in method.parameters if parameter.kind != "name"]
    placed = set() if site.use.open_positional else set(positional[: len(_positional(site))])
    for argument in site.use.arguments:
        if not argument.name:
            continue
        known = parameters.get(argument.name)
        if known is None:
            near = maybe_meant(near_names(argument.name, parameters))
            message = f"{_shown(site)} has no parameter {argument.name!r}"
            yield finding("HP403", site.path, argument, message, near or call)
        elif known.kind == "position":
            message = f"{_shown(site)} takes {argument.name!r} by position only"
            yield finding("HP403", site.path, argument, message, call)
        elif argument.name in placed:
            message = f"argument {argument.name!r} of {_shown(site)} is given both by position and by name"
            yield finding("HP404", site.path, argument, message, "give it once")


def _missing(site: CallSite, method: PlannedMethod, call: str) -> Iterator[Finding]:
    use = site.use
    if use.open_positional or use.open_named:
        return
    positional = [parameter.name for parameter in method.parameters if parameter.kind != "name"]
    given = {argument.name for argument in use.arguments} | set(positional[: len(_positional(site))])
    missing = [
        repr(parameter.name) for parameter in method.parameters if parameter.required and parameter.name not in given
    ]
    if missing:
        message = f"{_shown(site)} is not given {' and '.join(missing)}"
        yield finding("HP402", site.path, use, message, call)


def _positional(site: CallSite) -> list[Argument]:
    return [argument for argument in site.use.arguments if not argument.name]


def _shown(site: CallSite) -> str:
    return f"{site.dependency.service}.{site.use.method}"
