"""Calls in an ``async def`` that wait without letting the event loop go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from homeport.build.analyzer.checks.report import finding
from homeport.build.analyzer.dependencies import Scope, effective_functions, outside_call
from homeport.build.analyzer.linked import LinkedApplication, LinkedService
from homeport.build.analyzer.waiting import Wait, wait_of
from homeport.build.diagnostics.finding import Finding
from homeport.build.scanner.calls import Place
from homeport.build.scanner.functions import FunctionFacts

_EARLY = ("startup", "shutdown")


class _Blocking(NamedTuple):
    wait: Wait
    message: str


class _Step(NamedTuple):
    """A function of the application on the way to what blocks."""

    shown: str
    key: tuple[str, str]
    scope: Scope
    called: Sequence[Place]
    is_async: bool


def blocking_calls(application: LinkedApplication) -> Iterator[Finding]:
    """HP502: directly, or through plain functions of the class and functions of modules, however many."""
    for service in application.services.values():
        search = _Search(service)
        for member, function in effective_functions(service.members):
            if function.is_async and function.kind != "property":
                for place in function.body.called:
                    found = search.behind(member.scope, place, early=function.name in _EARLY)
                    if found is not None:
                        yield finding("HP502", member.scope.path, place, found.message, found.wait.way_out)


class _Search:
    """Finds what the calls in methods of one service lead to."""

    def __init__(self, service: LinkedService) -> None:
        self._service, self._made = service, _made_attributes(service)
        self._known: dict[tuple[tuple[str, str], str, bool], _Blocking | None] = {}

    def behind(self, scope: Scope, place: Place, *, early: bool) -> _Blocking | None:
        """How a call in an async method blocks; ``early`` when that is a hook that runs before the first call."""
        name = self._full_name(scope, place)
        wait = _wait(name, early)
        if wait is not None:
            return _Blocking(wait, f"{_shown(name)} blocks the event loop, and so the whole worker")
        step = self._step(scope, place)
        if step is None:
            return None
        asked = (step.key, step.shown, early)
        if asked not in self._known:
            self._known[asked] = self._nearest(step, early)
        return self._known[asked]

    def _nearest(self, first: _Step, early: bool) -> _Blocking | None:
        """The shortest way from a function to something that blocks."""
        pending, seen = deque([(first, "")]), {first.key}
        while pending:
            step, way = pending.popleft()
            way = f"{way}, which calls" if way else f"{step.shown}() calls"
            for place in step.called:
                name = self._full_name(step.scope, place)
                at = f"({step.scope.path}:{place.line})"
                wait = _wait(name, early)
                if wait is not None:
                    blocks = f"{way} {_shown(name)} {at}, which blocks the event loop"
                    return _Blocking(wait, f"{blocks}, and so the whole worker")
                further = self._step(step.scope, place)
                # A plain function that calls an async one only makes a coroutine, which may run anywhere.
                if further is not None and further.key not in seen and further.is_async <= step.is_async:
                    seen.add(further.key)
                    pending.append((further, f"{way} {further.shown}() {at}"))
        return None

    def _step(self, scope: Scope, place: Place) -> _Step | None:
        first, _, name = place.name.partition(".")
        if first == "self":
            return self._own(name)
        helper = scope.helper(place.name)
        if helper is None:
            return None
        return _Step(place.name, (helper.scope.path, helper.name), helper.scope, helper.called, helper.is_async)

    def _own(self, name: str) -> _Step | None:
        """``self._load()``, a plain function of the class; an async one is looked at for itself."""
        for member in self._service.members:
            for function in member.cls.body.functions_named(name)[-1:]:
                if function.is_async or function.kind == "property" or _is_changed(function):
                    return None
                return _Step(name, ("self", name), member.scope, function.body.called, is_async=False)
        return None

    def _full_name(self, scope: Scope, place: Place) -> str:
        first, _, rest = place.name.partition(".")
        if first != "self":
            return outside_call(scope, place.name)
        attribute, _, method = rest.partition(".")
        return f"{self._made[attribute]}().{method}" if method and attribute in self._made else ""


def _wait(name: str, early: bool) -> Wait | None:
    wait = wait_of(name)
    return None if wait is not None and early and wait.fine_at_start else wait


def _is_changed(function: FunctionFacts) -> bool:
    """Whether a decorator may have moved it to a thread."""
    return any(mark.name.rpartition(".")[2] not in ("staticmethod", "classmethod") for mark in function.marks)


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
