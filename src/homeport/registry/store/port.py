"""What the registry asks of the place where its state is kept.

A store maps keys to bytes. Every change of a key has a revision of its own, from one counter that never goes back. The
embedded store keeps to one process; a store shared by several registries fits behind the same methods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from homeport.errors import Unavailable, UsageError
from homeport.model import Durability


class Put(msgspec.Struct, frozen=True):
    key: str
    value: bytes


class Delete(msgspec.Struct, frozen=True):
    key: str
    note: bytes = b""  # travels with the change; the registry puts the cause here


class Condition(msgspec.Struct, frozen=True):
    """Holds while the key's last change is of this revision; 0: while the key is absent."""

    key: str
    revision: int


class Entry(msgspec.Struct, frozen=True):
    """A key as it is now."""

    key: str
    value: bytes
    revision: int


class KeyChange(msgspec.Struct, frozen=True):
    """One step of one key; ``value`` is None when the key was deleted."""

    revision: int
    key: str
    value: bytes | None
    note: bytes = b""


class Resync(msgspec.Struct, frozen=True):
    """The changes asked for are no longer known; read everything with ``range`` and go on from ``revision``."""

    revision: int


class Committed(msgspec.Struct, frozen=True):
    revision: int
    durability: Durability


class StoreFailure(Unavailable):
    """The store could not keep a change; nothing of it was applied."""


class Conflict(Unavailable):
    """A condition of a commit does not hold, or another commit to the same key is on its way; nothing was applied."""

    never_started = True


class FolderInUse(UsageError):
    """Another process has the data folder open."""


class NewerFormat(UsageError):
    """The data folder was written by a later version of Homeport."""


class Store(Protocol):
    """Keyed bytes with one revision counter."""

    @property
    def id(self) -> str:
        """Names this counter: revisions of stores with other ids cannot be compared."""

    @property
    def revision(self) -> int:
        """Of the last change."""

    on_change: Callable[[], None]
    """Called after changes have been applied; the registry then asks for them with ``watch``."""

    def range(self, prefix: str) -> list[Entry]:
        """All keys that begin with ``prefix``, in order."""

    def watch(self, prefixes: Sequence[str], from_revision: int) -> list[KeyChange] | Resync:
        """The changes after ``from_revision`` of keys with one of the prefixes, in order, each once."""

    async def commit(
        self,
        *,
        conditions: Sequence[Condition] = (),
        puts: Sequence[Put] = (),
        deletes: Sequence[Delete] = (),
        durability: Durability = Durability.MEMORY,
    ) -> Committed:
        """Change all of the keys or none; deleting an absent key is no change.

        With ``memory`` the change is told before it is on disk and never waits for one; with ``synced`` it is told only
        once it would survive power loss.

        Raises:
            Conflict: a condition does not hold; read again and decide anew.
            StoreFailure: the change could not be kept; only with ``synced``.
        """

    async def open_session(self, session: str, value: bytes, ttl: float) -> Committed:
        """Put the session's key; a shared store deletes it after ``ttl`` seconds without ``renew_session``."""

    async def renew_session(self, session: str) -> bool:
        """Whether the session is still there. Takes no revision."""

    async def close_session(self, session: str, note: bytes = b"") -> None:
        """Delete the session's key; what belongs to the session is the caller's to delete first, with causes."""

    async def jump_past(self, revision: int) -> None:
        """Go on above a revision that a client has seen and this store has lost; all history is forgotten."""


def session_key(session: str) -> str:
    return f"session/{session}"
