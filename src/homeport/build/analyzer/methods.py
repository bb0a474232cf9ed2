"""The methods that a class serves, read from its source: the rule of ``contracts.served``, without importing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homeport.authoring.method import checked_timeout
from homeport.build.analyzer.dependencies import HOOKS, Member, Scope
from homeport.build.plan import PlannedMethod, PlannedParameter
from homeport.build.scanner.expressions import Mark
from homeport.build.scanner.fields import Field
from homeport.build.scanner.functions import FunctionFacts
from homeport.errors import DefinitionError

_TRANSPARENT = ("abstractmethod", "final", "no_type_check", "overload", "override")
_STREAM_NAMES = ("AsyncGenerator", "AsyncIterable", "AsyncIterator")


@dataclass(frozen=True, slots=True)
class LinkedMethod:
    """A method as planned, with the function that it is and the class where that stands."""

    planned: PlannedMethod
    member: Member
    function: FunctionFacts

    @property
    def names(self) -> InClass:
        """What the names in its annotations mean."""
        return InClass(self.member)


class InClass:
    """What names mean to the annotations of a class: nothing is known of those that its own body binds."""

    def __init__(self, member: Member) -> None:
        self._member = member

    def outside(self, name: str) -> str:
        hidden = name.partition(".")[0] in self._member.cls.body.bound
        return "" if hidden else self._member.scope.outside(name)

    def plain_class(self, name: str) -> bool:
        """Whether it names a class of the application that has neither bases nor decorators."""
        hidden = name.partition(".")[0] in self._member.cls.body.bound
        return not hidden and self._member.scope.plain_class(name)


def served_methods(lineage: Sequence[Member]) -> dict[str, LinkedMethod]:
    """The methods of a class given with its bases, nearest first; in order of name."""
    found: dict[str, LinkedMethod] = {}
    seen: set[str] = set(HOOKS)
    for member in lineage:
        last = {function.name: function for function in member.cls.body.functions}
        rebound = {field.name for field in member.cls.body.fields}  # `process = cached(process)`
        for function in last.values():
            if function.name in seen or function.name.startswith("_") or function.kind != "method":
                continue
            mark = method_mark(member.scope, function)
            if function.is_async or mark is not None:
                again = len(member.cls.body.functions_named(function.name)) > 1 or function.name in rebound
                found[function.name] = LinkedMethod(_planned(member, function, mark, again), member, function)
        seen |= member.cls.body.bound
    return dict(sorted(found.items()))


def method_mark(scope: Scope, function: FunctionFacts) -> Mark | None:
    """The ``@method`` of a function, if it has one."""
    return next((mark for mark in function.marks if scope.means(mark.name, "method")), None)


def shown_method(service: str, method: PlannedMethod) -> str:
    """``cart.add(product_id: str, quantity: int = 1)``, as errors at run time show it."""
    parts: list[str] = []
    kinds = [parameter.kind for parameter in method.parameters]
    for number, parameter in enumerate(method.parameters):
        if parameter.kind == "name" and "name" not in kinds[:number]:
            parts.append("*")
        parts.append(_shown_parameter(parameter))
        if parameter.kind == "position" and "position" not in kinds[number + 1 :]:
            parts.append("/")
    return f"{service}.{method.name}({', '.join(parts)})"


def _planned(member: Member, function: FunctionFacts, mark: Mark | None, again: bool) -> PlannedMethod:
    options = mark.options if mark is not None else {}
    others = [one for one in function.marks if one is not mark and one.name.rpartition(".")[2] not in _TRANSPARENT]
    others = [one for one in others if not any(member.scope.means(one.name, name) for name in ("on", "every"))]
    streams = function.body.yields if function.is_async else _returns_stream(function)
    return PlannedMethod(
        name=function.name,
        parameters=tuple(_parameter(field) for field in function.parameters),
        returns=function.returns,
        streams=streams,
        blocking=not function.is_async and not streams,
        decorated=bool(others) or again,
        timeout=_timeout(options.get("timeout")),
        idempotent=options.get("idempotent") is True,
        public=options.get("public") is True,
        route_by=str(options.get("route_by") or ""),
        doc=function.doc,
        path=member.scope.path,
        line=function.line,
    )


def _parameter(field: Field) -> PlannedParameter:
    return PlannedParameter(
        name=field.name,
        kind=field.kind,
        required=not field.value,
        annotation=field.annotation,
        default=field.shown or ("…" if field.value else ""),
    )


def _timeout(value: object) -> float | None:
    try:
        return checked_timeout(value, origin="@method")  # type: ignore[arg-type]
    except (DefinitionError, TypeError):
        return None  # refused when the class is imported


def _returns_stream(function: FunctionFacts) -> bool:
    return function.returns.partition("[")[0].rpartition(".")[2] in _STREAM_NAMES


def _shown_parameter(parameter: PlannedParameter) -> str:
    if not parameter.annotation:
        return parameter.name if parameter.required else f"{parameter.name}={parameter.default}"
    shown = f"{parameter.name}: {parameter.annotation}"
    return shown if parameter.required else f"{shown} = {parameter.default}"
