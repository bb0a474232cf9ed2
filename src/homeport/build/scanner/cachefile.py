"""The cache of one application's facts as bytes: a head to see if it fits, rows to look up, parts to decode on demand.

    magic · edition · length and check of the head · head · index · parts

Each piece carries a check, so that a truncated or damaged file yields less, never something else.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Sequence

import msgspec

from homeport.build.scanner.tree import Identity

MAGIC = b"homeport scan 1\n"
_CHECK_BYTES = 8
_LENGTH = struct.Struct("<I")
PREFIX_BYTES = len(MAGIC) + 16 + _LENGTH.size + _CHECK_BYTES

ReadAt = Callable[[int, int], bytes]  # offset and length; less at the end of the file


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A piece of the file, at an offset from the end of the head."""

    offset: int
    length: int
    check: bytes


class Row(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One source file, as it was when its facts were read."""

    path: str
    digest: bytes
    identity: Identity
    settled: bool  # an equal identity means equal content
    matters: bool  # it may hold a service, or an error
    commented: bool  # it may hold comments that silence findings
    facts: Part | None
    whole: Part | None  # the facts with every class body read, if they were asked for


class KeptPlan(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A plan, and all that it was made of."""

    asked: bytes  # digest of what was asked for: scope, settings
    names: bytes  # digest of the names of files and folders in the scope
    times: bytes  # digest of the identities of its files; empty: these are not to be trusted yet
    contents: bytes  # digest of their contents
    lookups: dict[str, dict[str, bool]]  # beyond the scope: names looked for in each folder, and whether it has them
    files: dict[str, tuple[Identity, bytes]]  # beyond the scope: identity and digest of content
    plan: Part
    analysis: Part | None  # what it came of, module by module
    digests: Part | None  # of the files that the analysis names


class Head(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    root: str
    plans: tuple[KeptPlan, ...]  # latest first
    index: Part


_rows = msgspec.msgpack.Decoder(list[Row])
_head = msgspec.msgpack.Decoder(Head)
encode = msgspec.msgpack.Encoder().encode


def check_of(piece: bytes) -> bytes:
    return hashlib.blake2b(piece, digest_size=_CHECK_BYTES).digest()


def read_head(read: ReadAt, edition: bytes, root: str) -> tuple[Head, int] | None:
    """The head and where its parts are counted from; None for a damaged file, and for one of another edition."""
    prefix = read(0, PREFIX_BYTES)
    start = len(MAGIC) + len(edition)
    if len(prefix) != PREFIX_BYTES or prefix[:start] != MAGIC + edition:
        return None
    (length,) = _LENGTH.unpack_from(prefix, start)
    piece = read(PREFIX_BYTES, length)
    if len(piece) != length or check_of(piece) != prefix[start + _LENGTH.size :]:
        return None
    try:
        head = _head.decode(piece)
    except msgspec.DecodeError:
        return None
    return (head, PREFIX_BYTES + length) if head.root == root else None


def read_part(read: ReadAt, base: int, part: Part) -> bytes | None:
    piece = read(base + part.offset, part.length)
    return piece if len(piece) == part.length and check_of(piece) == part.check else None


def read_rows(read: ReadAt, base: int, index: Part) -> list[Row]:
    """All rows; none when the index is damaged."""
    piece = read_part(read, base, index)
    try:
        return _rows.decode(piece) if piece is not None else []
    except msgspec.DecodeError:
        return []


class Layout:
    """Puts pieces one after another, and knows where each comes to lie."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._end = 0

    def add(self, piece: bytes, check: bytes | None = None) -> Part:
        """Append a piece; ``check`` is its check, if that is known already."""
        part = Part(self._end, len(piece), check or check_of(piece))
        self._pieces.append(piece)
        self._end += len(piece)
        return part

    def file(self, edition: bytes, root: str, plans: Sequence[KeptPlan], rows: Iterable[Row]) -> list[bytes]:
        """The whole file, in pieces."""
        index = self.add(encode(list(rows)))
        head = encode(Head(root=root, plans=tuple(plans), index=index))
        return [MAGIC + edition, _LENGTH.pack(len(head)) + check_of(head), head, *self._pieces]
