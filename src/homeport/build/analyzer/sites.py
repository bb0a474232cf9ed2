"""Every call of one service by another, tied to the method that it reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homeport.build.analyzer.dependencies import Member, effective_functions
from homeport.build.analyzer.linked import LinkedApplication, LinkedService
from homeport.build.analyzer.methods import LinkedMethod
from homeport.build.plan import PlannedDependency
from homeport.build.scanner.calls import Use
from homeport.build.scanner.functions import FunctionFacts


@dataclass(frozen=True, slots=True)
class CallSite:
    """``await self.payments.process(order)`` in a function of a service."""

    caller: LinkedService
    member: Member  # the class of the caller in which it stands
    function: FunctionFacts
    use: Use
    dependency: PlannedDependency
    target: LinkedService | None  # None: not among the services of the application, or no class
    handles: Mapping[str, PlannedDependency]  # all of the caller's, by attribute

    @property
    def path(self) -> str:
        return self.member.scope.path

    @property
    def method(self) -> LinkedMethod | None:
        """The method that is called; None when it is unknown, or may be another once imported."""
        if self.target is None:
            return None
        found = self.target.methods.get(self.use.method)
        overridable = self.target.open and found is not None and found.member is not self.target.members[0]
        return None if overridable else found

    @property
    def written(self) -> str:
        """The called thing as the author wrote it, nearly: ``self.payments.process``."""
        return f"self.{self.use.attribute}.{self.use.method}"


def call_sites(application: LinkedApplication, service: LinkedService) -> Iterator[CallSite]:
    """All calls by a service whose callee is certain, in order of the source.

    An attribute that neither a declaration nor a service of the application explains may be something else after all:
    a base from a library may have it. It has been said already that no such service is known.
    """
    if not service.planned.dependencies:
        return
    handles = handles_of(service)
    for member, function in effective_functions(service.members):
        for use in function.body.uses:
            dependency = handles.get(use.attribute)
            if dependency is None or not use.certain:
                continue
            if dependency.declared or dependency.service in application.services:
                target = _target(application, dependency)
                yield CallSite(service, member, function, use, dependency, target, handles)


def handles_of(service: LinkedService) -> dict[str, PlannedDependency]:
    """Which attributes of a service are handles, and nothing else: by name."""
    functions = [function for _, function in effective_functions(service.members)]
    assigned: dict[str, set[str]] = {}
    for function in functions:
        for attribute in function.assigned:
            assigned.setdefault(attribute, set()).add(function.name)
    handles: dict[str, PlannedDependency] = {}
    passed: dict[str, PlannedDependency] = {}
    for dependency in service.planned.dependencies:
        if dependency.parameter:
            passed[dependency.attribute] = dependency
        if dependency.attribute not in assigned:
            handles[dependency.attribute] = dependency
    # `def __init__(self, pay: Payments): self._pay = pay`
    for init in [function for function in functions if function.name == "__init__"][:1]:
        for stored in init.body.stored:
            given = [one for one in init.body.stored if one.attribute == stored.attribute]
            only_here = len(given) == 1 and assigned.get(stored.attribute) == {"__init__"}
            if only_here and stored.value in passed and not stored.called:
                handles[stored.attribute] = passed[stored.value]
    return handles


def _target(application: LinkedApplication, dependency: PlannedDependency) -> LinkedService | None:
    target = application.services.get(dependency.service)
    if target is None or target.planned.kind != "class":
        return None
    return target if dependency.location in (None, target.planned.location) else None
