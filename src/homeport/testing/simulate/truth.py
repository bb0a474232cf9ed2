"""What the registry has really said, revision by revision, over all its lives: what others are held against."""

from __future__ import annotations

from homeport.model import Change, Instance
from homeport.registry.server import Registry

Shape = tuple[str, int]  # state and revision: what two views of one instance must agree on


class Life:
    """One opening of a registry: what it began with and every change since."""

    def __init__(self, revision: int, instances: dict[str, Instance]) -> None:
        self.revision = revision
        self.base = instances
        self.changes: list[Change] = []

    def at(self, revision: int) -> dict[str, dict[str, Shape]]:
        """By service and id, the instances there were at ``revision``."""
        instances = dict(self.base)
        for change in self.changes:
            if change.revision > revision:
                break
            if change.instance is None:
                instances.pop(change.instance_id, None)
            else:
                instances[change.instance_id] = change.instance
        return shapes(instances)


def shapes(instances: dict[str, Instance]) -> dict[str, dict[str, Shape]]:
    found: dict[str, dict[str, Shape]] = {}
    for instance in instances.values():
        found.setdefault(instance.service, {})[instance.id] = (instance.state.value, instance.revision)
    return found


class Truth:
    """The lives of one node's registry."""

    def __init__(self) -> None:
        self.lives: list[Life] = []
        self.expects_less = False  # an old backup was put in place: the next opening may know less
        self.highest = 0  # revision that has been told to anybody
        self.known: dict[str, Instance] = {}  # the latest of every instance there ever was

    def opened(self, registry: Registry) -> None:
        life = Life(registry.revision, dict(registry._catalog.instances))
        self.lives.append(life)
        self.known.update(life.base)
        registry.on_change(self._changed)

    def _changed(self, change: Change) -> None:
        self.lives[-1].changes.append(change)
        self.highest = max(self.highest, change.revision)
        if change.instance is not None:
            self.known[change.instance_id] = change.instance

    def life_of(self, revision: int) -> Life | None:
        """The life in which a revision was the present one."""
        return next((life for life in reversed(self.lives) if life.revision <= revision), None)
