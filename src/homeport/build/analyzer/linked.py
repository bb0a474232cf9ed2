"""The services of an application together with the source they were read from: what checks look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from homeport.build.analyzer.dependencies import Member, Site
from homeport.build.analyzer.methods import LinkedMethod
from homeport.build.plan import PlannedDependency, PlannedService


@dataclass(frozen=True, slots=True)
class LinkedService:
    """One service with its class and bases, nearest first.

    Of a service that was not analysed anew, as nothing changed that it hangs on, ``members`` and ``methods`` are not
    known.
    """

    planned: PlannedService
    members: tuple[Member, ...] = ()
    methods: Mapping[str, LinkedMethod] = field(default_factory=dict)
    answers_http: bool = False
    open: bool = False  # bases, decorators or a metaclass from elsewhere may give it methods and attributes
    sites: Mapping[str, Site] = field(default_factory=dict)  # of dependencies, by attribute
    column: int = 1

    @property
    def name(self) -> str:
        return self.planned.name

    def dependency(self, attribute: str) -> PlannedDependency | None:
        return next((one for one in self.planned.dependencies if one.attribute == attribute), None)


@dataclass(frozen=True, slots=True)
class LinkedApplication:
    """All services of one target, by name and in order of it."""

    services: Mapping[str, LinkedService]
    whole: bool = True  # False: one class or app was asked for, so that others may exist beside it


def replaced(service: LinkedService, planned: PlannedService) -> LinkedService:
    """The same service with another plan."""
    return replace(service, planned=planned)
