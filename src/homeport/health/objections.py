"""What speaks against an instance, whoever says so, and what state that leaves it in."""

from __future__ import annotations

import msgspec

from homeport.model import Cause, Instance, State


class _Objection(msgspec.Struct, frozen=True):
    cause: Cause
    state: State


class Objections:
    """Holds instances back that say they are ready while somebody has something against them.

    A check, a stalled loop, flap damping: each objects under a name of its own, so that one that is satisfied does not
    speak for the others. What is not ready by its own account stays what it is. Functions that return an instance
    return it as it is to be written; ``None`` means that nothing changes.
    """

    def __init__(self) -> None:
        self._against: dict[str, dict[str, _Objection]] = {}
        self._held: set[str] = set()  # would be ready if nobody objected

    def __contains__(self, instance: str) -> bool:
        return instance in self._against

    def sources(self, instance: str) -> tuple[str, ...]:
        return tuple(self._against.get(instance, ()))

    def held_back(self, instance: str) -> bool:
        """Whether it would be ready if nobody objected."""
        return instance in self._held

    def note(self, instance: str, source: str, cause: Cause, state: State = State.UNHEALTHY) -> None:
        """Hold this against an instance that is about to be written; or in place of what was said before."""
        self._against.setdefault(instance, {})[source] = _Objection(cause, state)

    def drop(self, instance: str, source: str) -> bool:
        """The opposite of ``note``; whether there was such an objection."""
        against = self._against.get(instance, {})
        found = against.pop(source, None) is not None
        if not against:
            self._against.pop(instance, None)
        return found

    def raised(self, instance: Instance, source: str, cause: Cause) -> Instance | None:
        """Somebody has something against it."""
        self.note(instance.id, source, cause)
        return self.settled(instance, cause)

    def restored(self, instance: str) -> None:
        """It was held back in an earlier life of the registry."""
        self._held.add(instance)

    def judged(self, instance: Instance, before: Instance | None) -> Instance:
        """An instance as somebody wants to write it in place of ``before``, held back if need be."""
        objection = self._strongest(instance.id) if instance.state is State.READY else None
        if objection is None:
            self._held.discard(instance.id)
            return instance
        self._held.add(instance.id)
        same = before is not None and before.state is objection.state
        return _as(instance, objection, before.since if before is not None and same else instance.since)

    def settled(self, instance: Instance, cause: Cause) -> Instance | None:
        """What the objections of now come to; ``cause`` says why, should that make it ready."""
        objection = self._strongest(instance.id)
        held = instance.id in self._held
        if objection is None:
            self._held.discard(instance.id)
            return msgspec.structs.replace(instance, state=State.READY, cause=cause, since=cause.at) if held else None
        if not held and instance.state is not State.READY:
            return None
        self._held.add(instance.id)
        if (instance.state, instance.cause) == (objection.state, objection.cause):
            return None
        return _as(instance, objection, instance.since if instance.state is objection.state else cause.at)

    def forget(self, instance: str) -> None:
        self._against.pop(instance, None)
        self._held.discard(instance)

    def _strongest(self, instance: str) -> _Objection | None:
        """The first that was raised, before those who only wait to see."""
        against = self._against.get(instance)
        if not against:
            return None
        return min(against.values(), key=lambda one: one.state is not State.UNHEALTHY)


def _as(instance: Instance, objection: _Objection, since: float) -> Instance:
    return msgspec.structs.replace(instance, state=objection.state, cause=objection.cause, since=since)
