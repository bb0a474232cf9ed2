"""What a class without source can tell of itself: annotations, values, parameters of its ``__init__``."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable
from typing import Any

from homeport.authoring.dependency import DependencyMarker
from homeport.build.analyzer.dependencies import Helper, Member, Target
from homeport.build.scanner.classes import ClassBody
from homeport.build.scanner.expressions import Mark, TypeName
from homeport.build.scanner.fields import Field
from homeport.build.scanner.functions import FunctionFacts


class IntrospectedClass:
    """A class as its own attributes show it; how its functions use ``self`` stays unknown."""

    is_dataclass = False  # the __init__ that it was given speaks for itself

    def __init__(self, cls: type) -> None:
        self.types: dict[str, Any] = {}
        own = vars(cls)
        init = own.get("__init__")
        names = getattr(init, "__globals__", None) or vars(sys.modules.get(cls.__module__, types))
        fields = [self._field(name, hint, own.get(name, _ABSENT)) for name, hint in _annotations(cls, names).items()]
        for name, value in own.items():
            if isinstance(value, DependencyMarker) and name not in self.types:
                fields.append(self._field(name, None, value))
        functions = (self._init(init, names),) if inspect.isfunction(init) else ()
        self.body = ClassBody(fields=tuple(fields), bound=frozenset(own), functions=functions)

    def _init(self, function: types.FunctionType, names: dict[str, Any]) -> FunctionFacts:
        hints = _annotations(function, names)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        return FunctionFacts(
            name="__init__",
            kind="method",
            is_async=False,
            marks=(),
            parameters=tuple(
                self._field(parameter.name, hints.get(parameter.name), parameter.default)
                for parameter in parameters
                if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            ),
            line=1,
            column=1,
        )

    def _field(self, name: str, hint: Any, default: Any) -> Field:
        self.types[name] = hint
        optional = type(None) in typing.get_args(_without_annotated(hint))
        mark = None
        if isinstance(default, DependencyMarker):
            options = {"service": default.service, "optional": default.optional, "timeout": default.timeout}
            mark = Mark(name="dependency", called=True, options=options, line=1, column=1)
        absent = default is _ABSENT or default is inspect.Parameter.empty
        value = "mark" if mark else "" if absent else "none" if default is None else "other"
        type_name = TypeName(name=name, optional=optional, class_variable=typing.get_origin(hint) is typing.ClassVar)
        return Field(name=name, type=type_name if hint is not None else None, value=value, mark=mark, line=1, column=1)


class IntrospectedScope:
    """Resolves the field names of an ``IntrospectedClass`` to their types."""

    def __init__(self, cls: type, types_: dict[str, Any], target_of: Callable[[Any], Target | None]) -> None:
        self.path = cls.__module__
        self._types, self._target_of = types_, target_of

    def service(self, name: str) -> Target | None:
        return self._target_of(self._types.get(name))

    def means(self, name: str, public: str) -> bool:
        return name == public

    def is_any(self, name: str) -> bool:
        return self._types.get(name) is Any

    def outside(self, name: str) -> str:
        return ""

    def plain_class(self, name: str) -> bool:
        return False  # contracts say more of live classes

    def helper(self, name: str) -> Helper | None:
        return None

    def read(self, mark: Mark) -> Mark:
        return mark


def introspected_member(cls: type, target_of: Callable[[Any], Target | None]) -> Member:
    """The class as a member of a lineage; ``target_of`` tells which service a type stands for."""
    facts = IntrospectedClass(cls)
    return Member(IntrospectedScope(cls, facts.types, target_of), facts)


def unwrap_class(hint: Any) -> Any:
    """The one class in ``Optional``, ``X | None``, ``Annotated`` and other names of types, else ``hint`` itself."""
    hint = _without_annotated(hint)
    for attribute in ("__value__", "__supertype__"):  # of `type X = …` and of NewType
        if not isinstance(hint, type) and hasattr(hint, attribute):
            return unwrap_class(getattr(hint, attribute))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        return unwrap_class(members[0]) if len(members) == 1 else hint
    return hint


def allows_none(hint: Any) -> bool:
    """Whether a type, or what it is a name of, also allows None."""
    hint = _without_annotated(hint)
    if not isinstance(hint, type) and hasattr(hint, "__value__"):
        return allows_none(hint.__value__)
    return type(None) in typing.get_args(hint)


_ABSENT = object()
_UNRESOLVED = object()


def _without_annotated(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint


def _annotations(thing: Any, names: dict[str, Any]) -> dict[str, Any]:
    """Resolved one by one, since a name that cannot be resolved tells nothing of the others."""
    resolved: dict[str, Any] = {}
    for name, hint in inspect.get_annotations(thing).items():
        one = types.SimpleNamespace(__annotations__={name: hint})
        try:
            resolved.update(typing.get_type_hints(one, globalns=names, include_extras=True))
        except Exception:
            resolved[name] = _UNRESOLVED
    return resolved
