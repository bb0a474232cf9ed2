"""The side file: how far revisions are reserved ahead, and how far the journal is known to reach.

It is small, written whole, and apart from the journal, so that damage to the journal cannot make the revision go back.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

import msgspec

from homeport.registry.store.port import NewerFormat
from homeport.registry.store.rows import FORMAT

_MAGIC = b"homeport revision mark\n"
_CHECK = 16


class Mark(msgspec.Struct, frozen=True, array_like=True):
    store: str
    reserved: int  # no revision above this has been told
    confirmed: int = 0  # number of a journal row that is on disk, with all before it
    clean: bool = False  # the store was closed in order and the journal ends at ``confirmed``
    format: int = FORMAT


class DamagedMark(Exception):
    """The side file is there but cannot be believed."""


def read_mark(path: Path) -> Mark | None:
    """The mark, or None when there is no file.

    Raises:
        DamagedMark: the file is not as it was written.
        NewerFormat: a later version of Homeport wrote it.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    check, payload = raw[len(_MAGIC) : len(_MAGIC) + _CHECK], raw[len(_MAGIC) + _CHECK :]
    if not raw.startswith(_MAGIC) or blake2b(payload, digest_size=_CHECK).digest() != check:
        raise DamagedMark(f"{path} is damaged")
    mark = msgspec.msgpack.decode(payload, type=Mark)
    if mark.format > FORMAT:
        raise refuse_newer(path, mark.format)
    return mark


def write_mark(path: Path, mark: Mark) -> None:
    """Replace the file at once and for good: after a power loss it is the old one or the new one, whole."""
    payload = msgspec.msgpack.encode(mark)
    write_synced(path, _MAGIC + blake2b(payload, digest_size=_CHECK).digest() + payload)


def refuse_newer(path: Path, found: int) -> NewerFormat:
    return NewerFormat(
        f"{path.parent} was written by a later version of Homeport (format {found}, this one reads up to {FORMAT}); "
        f"upgrade Homeport, or use another data folder with --data"
    )


def write_synced(path: Path, content: bytes) -> None:
    """Write a file that is there whole after a power loss, or not changed at all."""
    new = path.with_name(path.name + ".new")
    with open(new, "wb", opener=_private) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and deletions in the folder survive power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
