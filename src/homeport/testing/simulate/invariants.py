"""The promises of Homeport, held against everything that happens in a simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from homeport.discovery.view import View
from homeport.model import Change, Completeness
from homeport.registry.api import WatchItem
from homeport.registry.server import Registry
from homeport.testing.simulate.truth import Truth

if TYPE_CHECKING:
    from homeport.testing.simulate.cluster import Cluster
    from homeport.testing.simulate.node import SimNode

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
    return [NothingHangs(), HonestErrors(), RegistryTellsTheTruth(), ViewsOnlyGoForward()]


class NothingHangs:
    """Every call ends in a result or a typed error by its deadline, unless its own process did not run."""

    name = "no call hangs"

    def __init__(self) -> None:
        self.broken: list[str] = []

    def attach(self, cluster: Cluster) -> None:
        """Callers keep the account themselves."""

    def finish(self, cluster: Cluster) -> None:
        now = cluster.world.now
        for caller in cluster.callers.values():
            for call in caller.calls:
                if not caller.process.alive or caller.process.paused:
                    continue
                ended = call.ended or now
                late = ended - call.began - call.timeout - caller.process.stopped_between(call.began, ended)
                if late > SLACK * max(1.0, caller.process.slowest / 20):
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


class RegistryTellsTheTruth:
    """Revisions only rise, over crashes too; whatever vanishes has a cause; nothing that lives is declared dead."""

    name = "the registry tells the truth"

    def __init__(self) -> None:
        self.broken: list[str] = []
        self._store = ""

    def attach(self, cluster: Cluster) -> None:
        self._cluster = cluster
        cluster.on_node.append(self._look_at)

    def finish(self, cluster: Cluster) -> None:
        """All was said when it happened."""

    def _look_at(self, node: SimNode) -> None:
        node.opened.append(lambda registry: self._opened(node.truth, registry))

    def _opened(self, truth: Truth, registry: Registry) -> None:
        told = truth.highest
        if registry.revision < told and not truth.expects_less:
            self.broken.append(f"the registry opened at revision {registry.revision}, but had told of {told}")
        if self._store and registry.recovery.store != self._store:
            self.broken.append(f"the store {self._store} has become {registry.recovery.store}")
        self._store = registry.recovery.store
        truth.expects_less = False
        # A recovery that was cut short says so, and loses nothing by it.
        lost = [one for one in registry.recovery.lost if "cut short" not in one]
        if lost:
            self.broken.append(f"the store lost {lost}")
        truth.opened(registry)
        registry.on_change(lambda change: self._changed(truth, change))

    def _changed(self, truth: Truth, change: Change) -> None:
        life = truth.lives[-1]
        before = life.changes[-2].revision if len(life.changes) > 1 else life.revision
        if change.revision <= before:
            self.broken.append(f"revision {change.revision} came after {before}")
        if not change.cause.what or change.cause.what == "removed":
            self.broken.append(f"{change.instance_id} changed at {change.revision} without a cause")
        if change.instance is None:
            self._gone(truth, change)

    def _gone(self, truth: Truth, change: Change) -> None:
        known = truth.known.get(change.instance_id)
        if known is None or known.outside or change.cause.actor not in ("registry", "supervisor"):
            return
        if self._cluster.world.alive(known.pid):
            self.broken.append(
                f"{change.instance_id} is gone ({change.cause.what}: {change.cause.evidence}), but its process lives"
            )


class ViewsOnlyGoForward:
    """What a process knows never goes back: not its revision, not the state of an instance, not to nothing."""

    name = "views only go forward"

    def __init__(self) -> None:
        self.broken: list[str] = []

    def attach(self, cluster: Cluster) -> None:
        self._cluster = cluster
        cluster.world.on_fold.append(self._folded)

    def finish(self, cluster: Cluster) -> None:
        """All was said when it happened."""

    def _folded(self, view: View, item: WatchItem) -> None:
        """Called before the view takes the item in."""
        if view.store == item.store and item.revision < view.revision:
            self._say(f"revision {item.revision} came after {view.revision}")
        if item.snapshot is not None and view.store == item.store and item.completeness is Completeness.COMPLETE:
            for answer in item.snapshot:
                fresh = {instance.id: instance for instance in answer.instances}
                for name, known in view.service(answer.service).instances.items():
                    if name in fresh and fresh[name].revision < known.revision:
                        self._say(f"a snapshot took {name} back to {fresh[name].revision} from {known.revision}")
        last = view.revision if view.store == item.store and item.snapshot is None else 0
        for change in item.changes:
            if change.revision <= last:
                self._say(f"change {change.revision} of {change.instance_id} came after {last}")
            last = change.revision
            known_now = view.service(change.service).instances.get(change.instance_id)
            if known_now is not None and change.revision < known_now.revision:
                self._say(f"{change.instance_id} went back from {known_now.revision} to {change.revision}")
            if change.instance is None and not change.cause.what:
                self._say(f"{change.instance_id} vanished without a cause")

    def _say(self, what: str) -> None:
        process = self._cluster.world.current
        self.broken.append(f"{process.name if process else '?'} at {self._cluster.world.now:.3f} s: {what}")
