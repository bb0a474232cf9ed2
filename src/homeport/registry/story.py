"""What happened, and why: kept for every service, also of instances that are gone."""

from __future__ import annotations

from collections import OrderedDict, deque

from homeport.model import Cause, Change, Instance, State
from homeport.registry.api import StoryEntry


class StoryBook:
    """The latest entries per service and per instance, within bounds.

    A gone instance keeps its story until ``instances`` others have been spoken of since.
    """

    def __init__(self, per_service: int = 200, per_instance: int = 50, instances: int = 20_000) -> None:
        self._per_service, self._per_instance, self._instances = per_service, per_instance, instances
        self._services: dict[str, deque[StoryEntry]] = {}
        self._by_instance: OrderedDict[str, list[StoryEntry]] = OrderedDict()

    def tell(self, change: Change, before: Instance | None) -> None:
        """Enter what became of an instance."""
        event = _event(before, change.instance)
        if event:
            self._enter(
                StoryEntry(
                    revision=change.revision,
                    service=change.service,
                    instance=change.instance_id,
                    event=event,
                    cause=change.cause,
                )
            )

    def tell_service(self, revision: int, service: str, event: str, cause: Cause) -> None:
        """Enter what was decided for a service as a whole."""
        self._enter(StoryEntry(revision=revision, service=service, instance="", event=event, cause=cause))

    def remark(self, revision: int, instance: Instance, event: str, cause: Cause) -> None:
        """Enter what was thought of an instance, without anything having changed."""
        self._enter(
            StoryEntry(revision=revision, service=instance.service, instance=instance.id, event=event, cause=cause)
        )

    def of_service(self, service: str) -> tuple[StoryEntry, ...]:
        """Oldest first."""
        return tuple(self._services.get(service, ()))

    def of_instance(self, instance: str) -> tuple[StoryEntry, ...]:
        """Oldest first."""
        return tuple(self._by_instance.get(instance, ()))

    def _enter(self, entry: StoryEntry) -> None:
        self._services.setdefault(entry.service, deque(maxlen=self._per_service)).append(entry)
        if not entry.instance:
            return
        entries = self._by_instance.get(entry.instance)
        if entries is None:
            entries = self._by_instance[entry.instance] = []  # a deque of three takes ten times the memory
            if len(self._by_instance) > self._instances:
                self._by_instance.popitem(last=False)
        else:
            self._by_instance.move_to_end(entry.instance)
        entries.append(entry)
        if len(entries) > self._per_instance:
            del entries[0]


def _event(before: Instance | None, after: Instance | None) -> str:
    if after is None:
        return "gone"
    if before is None:
        return f"registered, {after.state}"
    if before.state is not after.state:
        return f"{before.state} → {after.state}"
    if before.waiting_for != after.waiting_for:
        return f"waiting for {', '.join(after.waiting_for)}" if after.waiting_for else "waits for nobody"
    if before.session != after.session or before.endpoints != after.endpoints:
        return "registered again"
    reasons = [one.cause.what if one.cause is not None else "" for one in (before, after)]
    return f"still unhealthy: {reasons[1]}" if after.state is State.UNHEALTHY and reasons[0] != reasons[1] else ""
