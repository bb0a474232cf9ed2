"""Lists, dicts and sets of a class that its methods change, so that all instances share the change."""

from __future__ import annotations

from collections.abc import Iterator

from homeport.build.analyzer.checks.report import finding
from homeport.build.analyzer.linked import LinkedApplication, LinkedService
from homeport.build.diagnostics.finding import Finding

_MUTATORS = frozenset(
    {"add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft", "insert"}
    | {"intersection_update", "pop", "popitem", "popleft", "remove", "reverse", "rotate", "setdefault", "sort"}
    | {"subtract", "symmetric_difference_update", "update"}
)


def shared_state(application: LinkedApplication) -> Iterator[Finding]:
    """HP503; a singleton has nobody to share with."""
    for service in application.services.values():
        if not service.planned.singleton:
            yield from _shared(service)


def _shared(service: LinkedService) -> Iterator[Finding]:
    functions = [(member, function) for member in service.members for function in member.cls.body.functions]
    assigned = frozenset().union(*(function.assigned for _, function in functions))
    seen: set[str] = set()
    for member in service.members:
        for place in member.cls.body.mutable:
            if place.name in assigned or place.name in seen or service.dependency(place.name) is not None:
                continue
            seen.add(place.name)
            changed = next(_changes(service, place.name), "")
            if changed:
                message = f"`{place.name}` belongs to the class, so all instances share it, and {changed} changes it"
                hint = "make it in `__init__`, or annotate it `ClassVar[...]` if sharing is meant"
                yield finding("HP503", member.scope.path, place, message, hint)


def _changes(service: LinkedService, attribute: str) -> Iterator[str]:
    """Which functions change the value of an attribute in place, and how."""
    for member in service.members:
        for function in member.cls.body.functions:
            for use in function.body.uses:
                if use.attribute == attribute and use.method in _MUTATORS and use.certain:
                    yield f"{function.name}() in line {use.line}"
            for place in function.body.changed:
                if place.name == attribute:
                    yield f"{function.name}() in line {place.line}"
