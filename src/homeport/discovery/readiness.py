"""Readiness: which waiting instances may start, and for whom the others wait."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

import msgspec

from homeport.graphs import strongly_connected
from homeport.model import Instance


class Start(msgspec.Struct, frozen=True):
    """It need not wait any longer."""

    instance: str


class WaitsFor(msgspec.Struct, frozen=True):
    """It waits for other services than it is known to."""

    instance: str
    services: tuple[str, ...]


Effect = Start | WaitsFor


class Availability(Protocol):
    """What readiness asks of the catalog."""

    def available(self, service: str) -> bool:
        """Whether a call to it could be answered: an instance is ready, or it is idle on purpose."""


class Readiness:
    """Lets an instance start once each service it requires is available; once started, it is not held back again.

    Members of one dependency cycle do not wait for each other, and nobody waits for an optional dependency.
    """

    def __init__(self) -> None:
        self._started: set[str] = set()
        self._graph: dict[str, frozenset[str]] = {}
        self._cycle: dict[str, int] = {}  # services with the same number are on one cycle

    def forget(self, instance: str) -> None:
        """It is gone, or begins anew."""
        self._started.discard(instance)

    def depend(self, service: str, requires: Iterable[str]) -> None:
        """This is what the service cannot start without."""
        needs = frozenset(requires)
        if self._graph.get(service, frozenset()) != needs:
            self._graph[service] = needs
            self._cycle = {}

    def settle(self, waiting: Iterable[Instance], catalog: Availability) -> list[Effect]:
        """What is to be told of the instances that wait; each ``Start`` once."""
        if not self._cycle:
            self._cycle = cycles(self._graph)
        available: dict[str, bool] = {}
        effects: list[Effect] = []
        for instance in waiting:
            if instance.id in self._started:
                continue
            missing = self._missing(instance, catalog, available)
            if not missing:
                self._started.add(instance.id)
                effects.append(Start(instance.id))
            if missing != instance.waiting_for:
                effects.append(WaitsFor(instance.id, missing))
        return effects

    def _missing(self, instance: Instance, catalog: Availability, available: dict[str, bool]) -> tuple[str, ...]:
        own = self._cycle.get(instance.service)
        missing = set()
        for dependency in instance.requires:
            name = dependency.service
            if dependency.optional or name == instance.service or (own is not None and self._cycle.get(name) == own):
                continue
            if name not in available:
                available[name] = catalog.available(name)
            if not available[name]:
                missing.add(name)
        return tuple(sorted(missing))


def cycles(graph: Mapping[str, Collection[str]]) -> dict[str, int]:
    """A number for each service: two have the same when each needs the other, however far."""
    return {name: number for number, members in enumerate(strongly_connected(graph)) for name in members}
