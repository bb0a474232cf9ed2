"""The promises of Homeport, held against everything that happens in a simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from homeport.testing.simulate.cluster import Cluster

SLACK = 0.25  # seconds after its deadline within which a call must have ended


class Invariant(Protocol):
    """Something that always holds. ``broken`` says where it did not."""

    name: str
    broken: list[str]

    def attach(self, cluster: Cluster) -> None:
        """Before anything happens."""

    def finish(self, cluster: Cluster) -> None:
        """After everything has happened."""


def standard() -> list[Invariant]:
    """All that hold in every scenario, whatever happens in it."""
    return [NothingHangs(), HonestErrors()]


class NothingHangs:
    """Every call ends in a result or a typed error by its deadline, unless its own process did not run."""

    name = "no call hangs"

    def __init__(self) -> None:
        self.broken: list[str] = []

    def attach(self, cluster: Cluster) -> None:
        """Calls keep the account themselves."""

    def finish(self, cluster: Cluster) -> None:
        now = cluster.world.now
        for caller in cluster.callers.values():
            for call in caller.calls:
                if not caller.process.alive or caller.process.paused:
                    continue
                ended = call.ended or now
                late = ended - call.began - call.timeout - caller.process.stopped_between(call.began, ended)
                if late > SLACK:
                    self.broken.append(f"{call} was {late:.3f} s late")


class HonestErrors:
    """What an error says of a call is true, and only idempotent methods run twice for one call."""

    name = "calls run as often as their callers may believe"

    def __init__(self) -> None:
        self.broken: list[str] = []

    def attach(self, cluster: Cluster) -> None:
        """The world counts for itself."""

    def finish(self, cluster: Cluster) -> None:
        world = cluster.world
        for call in [call for caller in cluster.callers.values() for call in caller.calls]:
            method = f"{call.service}.{call.method}"
            begun = world.begins.get((call.number, method), 0)
            if call.never_started and begun:
                self.broken.append(f"{call}, but it was started {begun} times")
            elif begun > 1 and not world.idempotent[method]:
                self.broken.append(f"{call} ran {begun} times")
            elif call.ended and call.error is None and not begun:
                self.broken.append(f"{call} never ran")
