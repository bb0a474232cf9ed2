"""Keys, their values and their latest changes, in memory."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence

from homeport.registry.store.port import Condition, Conflict, Delete, Entry, KeyChange, Put, Resync


class Keyspace:
    """Applies changes in order, each at a revision of its own, and remembers the latest ``history`` of them."""

    def __init__(self, revision: int = 0, entries: Iterable[Entry] = (), history: int = 4096) -> None:
        self._revision = revision
        self._entries = {entry.key: entry for entry in entries}
        self._keys = sorted(self._entries)
        self._changes: deque[KeyChange] = deque()
        self._history = history
        self._floor = revision  # changes up to and including this revision are no longer known

    @property
    def revision(self) -> int:
        return self._revision

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def range(self, prefix: str) -> list[Entry]:
        found = []
        for index in range(bisect_left(self._keys, prefix), len(self._keys)):
            key = self._keys[index]
            if not key.startswith(prefix):
                break
            found.append(self._entries[key])
        return found

    def check(self, conditions: Sequence[Condition]) -> None:
        """
        Raises:
            Conflict: one of the conditions does not hold.
        """
        for condition in conditions:
            entry = self._entries.get(condition.key)
            actual = entry.revision if entry else 0
            if actual != condition.revision:
                raise Conflict(f"{condition.key!r} is at revision {actual}, not {condition.revision}; read it again")

    def apply(self, puts: Sequence[Put], deletes: Sequence[Delete]) -> list[KeyChange]:
        """Change the keys; deleting an absent key is no change and takes no revision."""
        changes = []
        for put in puts:
            self._revision += 1
            if put.key not in self._entries:
                insort(self._keys, put.key)
            self._entries[put.key] = Entry(put.key, put.value, self._revision)
            changes.append(KeyChange(self._revision, put.key, put.value))
        for delete in deletes:
            if delete.key not in self._entries:
                continue
            self._revision += 1
            del self._entries[delete.key]
            del self._keys[bisect_left(self._keys, delete.key)]
            changes.append(KeyChange(self._revision, delete.key, None, delete.note))
        self._remember(changes)
        return changes

    def watch(self, prefixes: Sequence[str], from_revision: int) -> list[KeyChange] | Resync:
        """The changes after ``from_revision``, in order; ``Resync`` when they are no longer, or were never, known."""
        if not self._floor <= from_revision <= self._revision:
            return Resync(self._revision)
        found = []
        for change in reversed(self._changes):
            if change.revision <= from_revision:
                break
            if change.key.startswith(tuple(prefixes)):
                found.append(change)
        found.reverse()
        return found

    def jump_past(self, revision: int) -> None:
        """Go on above ``revision`` and forget all history: what happened up to there is not known here."""
        self._revision = max(self._revision, revision) + 1
        self._floor = self._revision
        self._changes.clear()

    def _remember(self, changes: Iterable[KeyChange]) -> None:
        for change in changes:
            if len(self._changes) >= self._history:
                self._floor = self._changes.popleft().revision
            self._changes.append(change)
