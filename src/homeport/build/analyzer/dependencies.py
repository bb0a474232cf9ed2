"""Which other services a class calls: from what its lineage says to its dependencies, or what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from homeport.authoring.method import checked_timeout
from homeport.authoring.naming import is_valid_name
from homeport.build.analyzer.definition import fact_and_way_out
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import Location, PlannedDependency
from homeport.build.scanner.calls import Place, Use
from homeport.build.scanner.classes import ClassLike
from homeport.build.scanner.expressions import Mark, TypeName
from homeport.build.scanner.fields import Field
from homeport.build.scanner.functions import FunctionFacts
from homeport.build.scanner.locals import IMPORTED
from homeport.errors import DefinitionError

RESERVED = ("events", "config", "log")
HOOKS = ("startup", "shutdown", "health")


class Target(msgspec.Struct, frozen=True):
    """The service that a type stands for."""

    service: str
    location: Location | None
    optional: bool = False  # the type also allows None, as it is an alias of `Payments | None`


class Scope(Protocol):
    """What names mean in the module where a class stands."""

    @property
    def path(self) -> str:
        """The file, as findings name it."""

    def service(self, name: str) -> Target | None:
        """The service that this dotted name, used as a type, stands for."""

    def means(self, name: str, public: str) -> bool:
        """Whether this dotted name is Homeport's ``public``."""

    def is_any(self, name: str) -> bool:
        """Whether this dotted name is ``typing.Any``."""

    def outside(self, name: str) -> str:
        """The full name of what the application does not define: ``time.sleep``, ``builtins.int``; else empty."""

    def plain_class(self, name: str) -> bool:
        """Whether it names a class of the application that has neither bases nor decorators."""

    def helper(self, name: str) -> Helper | None:
        """The function of the application that this dotted name stands for, as far as its body was read."""

    def read(self, mark: Mark) -> Mark:
        """The mark with the values of the constants that its options name."""


def outside_call(scope: Scope, name: str) -> str:
    """The full name of a function called as ``name`` (see ``BodyFacts.called``); empty for one of the application."""
    if name.startswith(IMPORTED):
        return name.removeprefix(IMPORTED)
    function, made, rest = name.partition("()")
    full = scope.outside(function)
    return f"{full}{made}{rest}" if full else ""


class Helper(msgspec.Struct, frozen=True):
    """A function of the application outside any class, in the scope of its module."""

    name: str
    scope: Scope
    called: tuple[Place, ...]  # as in ``BodyFacts.called``
    is_async: bool


class Member(msgspec.Struct, frozen=True):
    """A class of a lineage, in the scope of its module."""

    scope: Scope
    cls: ClassLike


class Site(msgspec.Struct, frozen=True):
    """Where a dependency was found, which may be in a base class."""

    path: str
    line: int
    column: int
    end_line: int = 0  # 0: not known
    end_column: int = 0


NOWHERE = Site("", 1, 1)


class Analysis(msgspec.Struct, frozen=True):
    dependencies: tuple[PlannedDependency, ...]
    sites: dict[str, Site]  # by attribute
    findings: tuple[Finding, ...]


def analyze(
    service: str,
    lineage: Sequence[Member],
    *,
    foreign: bool = False,
    given: frozenset[str] = frozenset(),
    uses: Sequence[str] = (),
    uses_at: Site = NOWHERE,
) -> Analysis:
    """The dependencies of a class, given with its bases, nearest first.

    ``foreign`` says that it also has bases whose source is unknown: then nothing is reported that they could explain.
    ``given`` are attributes that its decorators set.
    ``uses`` names services that the class says, at ``uses_at``, to call besides.
    """
    reading = _Reading(service, lineage, foreign, given)
    reading.read_parameters()
    reading.read_fields()
    reading.read_uses()
    reading.take_named(uses, uses_at)
    return Analysis(tuple(reading.found.values()), reading.sites, tuple(reading.findings))


class _Reading:
    """Collects dependencies by attribute; what is declared comes first and is not overridden by use."""

    def __init__(self, service: str, lineage: Sequence[Member], foreign: bool, given: frozenset[str]) -> None:
        self._service, self._lineage, self._foreign = service, lineage, foreign
        self._functions = tuple(effective_functions(lineage))
        self._assigned = frozenset().union(*(f.assigned for member in lineage for f in member.cls.body.functions))
        self._bound = given.union(*(member.cls.body.bound for member in lineage))
        self._declared: set[str] = set(RESERVED)  # attributes of which use tells nothing
        self.found: dict[str, PlannedDependency] = {}
        self.sites: dict[str, Site] = {}
        self.findings: list[Finding] = []

    def read_parameters(self) -> None:
        """``__init__(self, pay: Payments)``."""
        for member, function in self._init_functions():
            for field in function.parameters:
                if not self._declare(member, field, parameter=True) and not field.value and field.name not in RESERVED:
                    self._report(
                        member,
                        field,
                        "HP110",
                        f"__init__ parameter {field.name!r} is neither a service nor has a default, so there is "
                        "nothing to pass",
                        "give it a default, or annotate it with the class of a service",
                    )

    def read_fields(self) -> None:
        """``pay: Payments`` and ``pay = dependency(...)`` in the class body."""
        built = frozenset(name for _, function in self._init_functions() for name in function.assigned)
        for member in self._lineage:
            for field in member.cls.body.fields:
                if field.name in self._declared or (field.type is not None and field.type.class_variable):
                    continue
                if field.name in built:  # the author's own __init__ provides it
                    self._declared.add(field.name)
                elif not self._declare(member, field, parameter=member.cls.is_dataclass):
                    self._consider_other_type(member, field)

    def read_uses(self) -> None:
        """``self.payments.process(...)`` where nothing else says what ``payments`` is.

        A mention of it says the same, where the attribute can be nothing else.
        """
        hidden = self._declared | self._assigned | self._bound
        for member, function in self._functions:
            for use in function.uses:
                name = use.attribute
                if not use.called and (self._foreign or name == self._service):
                    continue
                if name in hidden or name in self.found or not is_valid_name(name):
                    continue
                self._add(member, use, _used(name, member, use))

    def take_named(self, names: Sequence[str], at: Site) -> None:
        """``@service(uses=["payments"])``."""
        for name in names:
            known = self.found.get(name)
            if known is None or not known.declared:
                line, column = (known.line, known.column) if known is not None else (at.line, at.column)
                path = known.path if known is not None else at.path
                self.found[name] = PlannedDependency(
                    attribute=name, service=name, declared=True, line=line, column=column, path=path
                )
                self.sites.setdefault(name, at)

    def _init_functions(self) -> Iterator[tuple[Member, FunctionFacts]]:
        for member in self._lineage:
            if "__init__" in member.cls.body.bound:
                for function in member.cls.body.functions_named("__init__")[-1:]:
                    yield member, function
                return

    def _declare(self, member: Member, field: Field, *, parameter: bool = False) -> bool:
        """Add what the field declares; False when it declares no dependency."""
        target = member.scope.service(field.type.name) if field.type is not None and field.type.name else None
        mark = field.mark if field.mark is not None and member.scope.means(field.mark.name, "dependency") else None
        if mark is None and (target is None or field.value in ("mark", "other")):
            return False
        self._declared.add(field.name)
        service, optional, timeout = self._options(member, mark) if mark is not None else ("", False, None)
        if target is not None and service in ("", target.service):
            service, location = target.service, target.location
        else:
            service, location = service or field.name, None
        allows_none = (field.type is not None and field.type.optional) or field.value == "none"
        allows_none = allows_none or (target is not None and target.optional)
        planned = PlannedDependency(
            attribute=field.name,
            service=service,
            optional=optional or (mark is None and allows_none),
            timeout=timeout,
            declared=True,
            parameter=parameter,
            location=location,
            line=field.line,
            column=field.column,
            path=member.scope.path,
        )
        self._add(member, field, planned)
        return True

    def _options(self, member: Member, mark: Mark) -> tuple[str, bool, float | None]:
        mark = member.scope.read(mark)
        options = dict(mark.options)
        if mark.positional:
            options.setdefault("service", mark.positional[0])
        code, problem, way_out = "HP111", "", ""
        timeout: float | None = None
        service, optional = options.pop("service", None) or "", options.pop("optional", False)
        try:
            timeout = checked_timeout(options.pop("timeout", None), origin="dependency")  # type: ignore[arg-type]
        except DefinitionError as error:
            problem, way_out = fact_and_way_out(error)
        if mark.unreadable:
            code, problem, way_out = "HP101", *fact_and_way_out(DefinitionError(f"dependency{mark.unreadable}"))
        elif options:
            problem, way_out = f"dependency() has no option {next(iter(options))!r}", _DEPENDENCY_OPTIONS
        elif service != "" and not is_valid_name(service):
            problem = f"dependency({service!r}) is no service name"
            way_out = "write lower-case letters, digits and underscores"
        if problem:
            self._report(member, mark, code, problem, way_out)
        return str(service), bool(optional), timeout

    def _consider_other_type(self, member: Member, field: Field) -> None:
        """An annotation that names no service hides the attribute, unless it says nothing at all."""
        if field.type is None or field.value or _says_nothing(member.scope, field.type):
            return
        self._declared.add(field.name)
        uses = (use for _, function in self._functions for use in function.uses if use.called)
        used = any(use.attribute == field.name for use in uses)
        if used and not self._foreign and field.name not in self._assigned | self._bound:
            shown = field.type.name or "(no single class)"
            self._report(
                member,
                field,
                "HP206",
                f"{field.name!r} is used but assigned nowhere, and its type {shown} is no service of this application",
                "if it is a service from elsewhere, write "
                f"`{field.name}: {field.annotation or field.type.name or '…'} = dependency()`",
                severity="warning",
            )

    def _add(self, member: Member, at: Field | Use, planned: PlannedDependency) -> None:
        if planned.service == self._service:
            self._report(
                member,
                at,
                "HP112",
                f"service {self._service!r} depends on itself through self.{planned.attribute}",
                "call its own methods on self, or rename the attribute if another service is meant",
            )
        else:
            self.found[planned.attribute] = planned
            end = (at.end_line, at.end_column) if isinstance(at, Use) else (0, 0)
            self.sites[planned.attribute] = Site(member.scope.path, at.line, at.column, *end)

    def _report(
        self, member: Member, at: Field | Use | Mark, code: str, message: str, hint: str, severity: str = "error"
    ) -> None:
        end = (at.end_line, at.end_column) if isinstance(at, Use) else (0, 0)
        self.findings.append(
            Finding(
                severity=severity,
                path=member.scope.path,
                line=at.line,
                column=at.column,
                code=code,
                message=message,
                hint=hint,
                end_line=end[0],
                end_column=end[1],
            )
        )


_DEPENDENCY_OPTIONS = "it has service, optional, timeout"


def _used(name: str, member: Member, use: Use) -> PlannedDependency:
    return PlannedDependency(attribute=name, service=name, line=use.line, column=use.column, path=member.scope.path)


def _says_nothing(scope: Scope, type_name: TypeName) -> bool:
    return bool(type_name.name) and scope.is_any(type_name.name)


def effective_functions(lineage: Iterable[Member]) -> Iterator[tuple[Member, FunctionFacts]]:
    """The functions that can run: an overridden one only when the override calls ``super()``."""
    overridden: set[str] = set()
    for member in lineage:
        functions = member.cls.body.functions
        yield from ((member, function) for function in functions if function.name not in overridden)
        final = {function.name for function in functions if not function.calls_super}
        overridden |= final
