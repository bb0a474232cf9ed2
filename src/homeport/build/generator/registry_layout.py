"""How a registry file lies in bytes: a header, an index of names, and rows that are read one by one.

The index holds a checksum of each row, and the header the digest of header and index: so that one digest vouches for
the whole file, yet opening reads no row, and a row is checked when it is read. Integers are little-endian.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

Bytes = bytes | bytearray | memoryview

MAGIC = b"\x89HPREG\r\n"  # a transfer that thinks it text would damage it, and show
FORMAT = 1
_LEAD = struct.Struct("<8sH")  # magic, format
_HEADER = struct.Struct("<8sHBB24sIIQ")  # …, python major and minor, homeport version, rows, bytes of names and of rows
_ENTRY = struct.Struct("<IIQI16s")  # offset and length of the name, offset and length of the row, checksum of the row
_DIGEST = 32
_HEAD = _HEADER.size + _DIGEST


class Damaged(Exception):
    """The bytes are not what was written; the text says what gives them away."""


class Made(NamedTuple):
    """By what a file was made."""

    format: int
    python: tuple[int, int]
    homeport: str


def pack(rows: Mapping[str, bytes], python: tuple[int, int], homeport: str) -> bytes:
    """The file that holds these rows, the same whatever their order."""
    ordered = sorted((name.encode(), row) for name, row in rows.items())
    entries, names, at = bytearray(), bytearray(), 0
    for name, row in ordered:
        entries += _ENTRY.pack(len(names), len(name), at, len(row), _checksum(row))
        names += name
        at += len(row)
    version = homeport.encode()[:24]
    header = _HEADER.pack(MAGIC, FORMAT, *python, version, len(ordered), len(names), at)
    head = header + _digest(header, bytes(entries + names))
    return b"".join((head, entries, names, *(row for _, row in ordered)))


def made_by(content: Bytes) -> Made:
    """What a file says of its making, whether or not the rest of it can be read.

    Raises:
        Damaged: it is no registry file at all.
    """
    view = memoryview(content)
    if len(view) < _LEAD.size:
        raise Damaged(f"it has {len(view)} bytes, fewer than any registry")
    magic, form = _LEAD.unpack_from(view)
    if magic != MAGIC:
        raise Damaged("it does not begin like a registry")
    if form != FORMAT:
        return Made(form, (0, 0), "")
    if len(view) < _HEAD:
        raise Damaged(f"it ends within its header, after {len(view)} bytes")
    _, _, major, minor, version, *_ = _HEADER.unpack_from(view)
    return Made(form, (major, minor), version.rstrip(b"\0").decode(errors="replace"))


class Rows:
    """The rows of a file of this ``FORMAT``, found by name in the index.

    Raises:
        Damaged: header or index are not what was written, or the file is shorter or longer.
    """

    def __init__(self, content: Bytes) -> None:
        self._view = view = memoryview(content)
        if len(view) < _HEAD:
            raise Damaged(f"it ends within its header, after {len(view)} bytes")
        count: int
        *_, count, names, rows = _HEADER.unpack_from(view)
        self._count = count
        self._names = _HEAD + self._count * _ENTRY.size
        self._rows = self._names + names
        if len(view) != self._rows + rows:
            raise Damaged(f"it has {len(view)} bytes, and should have {self._rows + rows}")
        digest = bytes(view[_HEADER.size : _HEAD])
        if _digest(view[: _HEADER.size], view[_HEAD : self._rows]) != digest:
            raise Damaged("its index does not have the digest that its header names")
        self.digest = digest.hex()

    def __iter__(self) -> Iterator[str]:
        return (self._name(number).decode() for number in range(self._count))

    def __len__(self) -> int:
        return self._count

    def get(self, name: str) -> memoryview | None:
        """The row of this name, checked; None when there is none.

        Raises:
            Damaged: its bytes do not have the checksum that the index names.
        """
        wanted, low, high = name.encode(), 0, self._count
        while low < high:
            middle = (low + high) // 2
            if self._name(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        if low == self._count or self._name(low) != wanted:
            return None
        return self._checked(low)

    def _checked(self, number: int) -> memoryview:
        _, _, at, length, checksum = self._entry(number)
        row = self._view[self._rows + at : self._rows + at + length]
        if _checksum(row) != checksum:
            raise Damaged(f"the row of {self._name(number).decode()!r} does not have its checksum")
        return row

    def _entry(self, number: int) -> tuple[int, int, int, int, bytes]:
        entry: tuple[int, int, int, int, bytes] = _ENTRY.unpack_from(self._view, _HEAD + number * _ENTRY.size)
        return entry

    def _name(self, number: int) -> bytes:
        at, length, *_ = self._entry(number)
        return bytes(self._view[self._names + at : self._names + at + length])


def _checksum(row: Bytes) -> bytes:
    return hashlib.blake2b(row, digest_size=16).digest()


def _digest(header: Bytes, index: Bytes) -> bytes:
    digest = hashlib.blake2b(header, digest_size=_DIGEST)
    digest.update(index)
    return digest.digest()
