"""What has changed since a revision: answered from the newest change of each instance, without buffers per watcher."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from homeport.model import Change


class ChangeIndex:
    """The newest change of every instance, per service in order of revision.

    A watcher keeps nothing here but the revision it has reached, so a slow one costs no more than a quick one: it gets
    the newest state of each instance, each change at most once, in order. Instances that are gone are remembered until
    ``gone`` others have gone after them; a watcher that has not heard of one by then needs a snapshot.
    """

    def __init__(self, base: int, gone: int = 10_000) -> None:
        self._base = base
        self._remembered = gone
        self._services: dict[str, dict[str, Change]] = {}  # each in order of revision
        self._floors: dict[str, int] = {}  # per service: changes up to here are not all known
        self._gone: deque[Change] = deque()

    def rebase(self, revision: int) -> None:
        """Nothing is known of what happened up to ``revision``."""
        self._base = revision
        self._services.clear()
        self._floors.clear()
        self._gone.clear()

    def record(self, change: Change) -> None:
        changes = self._services.setdefault(change.service, {})
        changes.pop(change.instance_id, None)
        changes[change.instance_id] = change
        if change.instance is None:
            self._gone.append(change)
            if len(self._gone) > self._remembered:
                self._forget(self._gone.popleft())

    def since(self, revision: int, services: Sequence[str] = ()) -> list[Change] | None:
        """The newest change of each instance that changed after ``revision``, in order; all services if none is named.

        None when that is not known any more.
        """
        names = services or tuple(self._services)
        if revision < self._base or any(revision < self._floors.get(name, 0) for name in services or self._floors):
            return None
        found: list[Change] = []
        for name in names:
            for change in reversed(self._services.get(name, {}).values()):
                if change.revision <= revision:
                    break
                found.append(change)
        found.sort(key=_revision)
        return found

    def gone(self, services: Sequence[str] = ()) -> tuple[Change, ...]:
        """The removals that are remembered, in order; of all services if none is named."""
        return tuple(
            change
            for change in self._gone
            if (not services or change.service in services)
            and self._services[change.service].get(change.instance_id) is change
        )

    def _forget(self, gone: Change) -> None:
        changes = self._services[gone.service]
        if changes.get(gone.instance_id) is gone:
            del changes[gone.instance_id]
        self._floors[gone.service] = gone.revision


def _revision(change: Change) -> int:
    return change.revision
