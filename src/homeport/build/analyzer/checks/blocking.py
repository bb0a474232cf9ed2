"""Calls in an ``async def`` that wait without letting the event loop go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from homeport.build.analyzer.checks.report import finding
from homeport.build.analyzer.dependencies import Member, effective_functions, outside_call
from homeport.build.analyzer.linked import LinkedApplication, LinkedService
from homeport.build.analyzer.waiting import Wait, wait_of
from homeport.build.diagnostics.finding import Finding
from homeport.build.scanner.calls import Place
from homeport.build.scanner.functions import FunctionFacts

_EARLY = ("startup", "shutdown")


class _Blocking(NamedTuple):
    wait: Wait
    message: str


def blocking_calls(application: LinkedApplication) -> Iterator[Finding]:
    """HP502: directly, or through one helper function of the class or of a module."""
    for service in application.services.values():
        made = _made_attributes(service)
        for member, function in effective_functions(service.members):
            if function.is_async and function.kind != "property":
                yield from _blocking_calls(service, member, function, made)


def _blocking_calls(
    service: LinkedService, member: Member, function: FunctionFacts, made: dict[str, str]
) -> Iterator[Finding]:
    for place in function.body.called:
        found = _direct(member, place, made) or _through_own(service, place, made) or _through_helper(member, place)
        if found is not None and not (found.wait.fine_at_start and function.name in _EARLY):
            yield finding("HP502", member.scope.path, place, found.message, found.wait.way_out)


def _direct(member: Member, place: Place, made: dict[str, str]) -> _Blocking | None:
    name = _full_name(member, place, made)
    wait = wait_of(name)
    return _Blocking(wait, f"{_shown(name)} blocks the event loop, and so the whole worker") if wait else None


def _through_own(service: LinkedService, place: Place, made: dict[str, str]) -> _Blocking | None:
    """``self._load()``, a plain function of the class; an async one is looked at for itself."""
    first, _, name = place.name.partition(".")
    if first != "self" or "." in name:
        return None
    for member in service.members:
        for function in member.cls.body.functions_named(name)[-1:]:
            if function.is_async or function.kind == "property" or _is_changed(function):
                return None
            called = [(_full_name(member, inner, made), inner) for inner in function.body.called]
            return _first(name, called, member.scope.path)
    return None


def _through_helper(member: Member, place: Place) -> _Blocking | None:
    """``load()``, a function of this or another module of the application."""
    helper = member.scope.helper(place.name)
    return _first(place.name, helper.called, helper.path) if helper is not None else None


def _first(helper: str, called: list[tuple[str, Place]], path: str) -> _Blocking | None:
    for name, place in called:
        wait = wait_of(name)
        if wait is not None:
            message = f"{helper}() calls {_shown(name)} ({path}:{place.line}), which blocks the event loop"
            return _Blocking(wait, f"{message}, and so the whole worker")
    return None


def _is_changed(function: FunctionFacts) -> bool:
    """Whether a decorator may have moved it to a thread."""
    return any(mark.name.rpartition(".")[2] not in ("staticmethod", "classmethod") for mark in function.marks)


def _full_name(member: Member, place: Place, made: dict[str, str]) -> str:
    first, _, rest = place.name.partition(".")
    if first != "self":
        return outside_call(member.scope, place.name)
    attribute, _, method = rest.partition(".")
    return f"{made[attribute]}().{method}" if method and attribute in made else ""


def _made_attributes(service: LinkedService) -> dict[str, str]:
    """Attributes of ``self`` that are always what one function outside the application makes."""
    makers: dict[str, set[str]] = {}
    for member in service.members:
        for function in member.cls.body.functions:
            plain = {one.attribute for one in function.body.stored}
            for attribute in function.assigned - plain:
                makers.setdefault(attribute, set()).add("")
            for stored in function.body.stored:
                full = outside_call(member.scope, stored.value) if stored.called and stored.value else ""
                makers.setdefault(stored.attribute, set()).add(full)
    return {attribute: next(iter(full)) for attribute, full in makers.items() if len(full) == 1 and full != {""}}


def _shown(name: str) -> str:
    return f"{name.removeprefix('builtins.')}()"
