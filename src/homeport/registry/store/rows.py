"""The rows of the journal as bytes that prove themselves, wherever in a damaged file they are found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

import msgspec

FORMAT = 1

_MAGIC = b"\xabhpj\x01\xe5"
_CHECK = 8
_HEAD = len(_MAGIC) + 4 + _CHECK
_MAX_ROW = 1 << 26


class Cell(msgspec.Struct, frozen=True, array_like=True):
    """One change of one key. ``revision`` 0: a declaration, which gets its revision only after it is on disk."""

    key: str
    value: bytes | None
    note: bytes = b""
    revision: int = 0


class SnapshotMark(msgspec.Struct, frozen=True, array_like=True):
    """Begins a snapshot: the next ``count`` rows are all there is, and rows before this one no longer matter."""

    count: int
    format: int = FORMAT


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One commit, or one key of a snapshot, or the mark that begins a snapshot.

    Numbers run without a gap, so a lost row is noticed.
    """

    number: int
    revision: int  # the highest that had been told when it was written
    cells: tuple[Cell, ...] = ()
    mark: SnapshotMark | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Row)


def pack(row: Row) -> bytes:
    payload = _encoder.encode(row)
    return b"".join((_MAGIC, len(payload).to_bytes(4, "little"), _check(payload), payload))


def unpack(blob: object) -> Row | None:
    """The row in ``blob``, or None when it is damaged."""
    if not isinstance(blob, bytes) or not blob.startswith(_MAGIC):
        return None
    row, end = _read(blob, 0)
    return row if end == len(blob) else None


def carve(raw: bytes) -> Iterator[Row]:
    """Every sound row found anywhere in ``raw``, in order of place.

    Finds what a damaged database can no longer reach. Rows that span pages are not found.
    """
    at = raw.find(_MAGIC)
    while at >= 0:
        row, _ = _read(raw, at)
        if row is not None:
            yield row
        at = raw.find(_MAGIC, at + 1)


def _read(raw: bytes, at: int) -> tuple[Row | None, int]:
    start = at + _HEAD
    size = int.from_bytes(raw[at + len(_MAGIC) : at + len(_MAGIC) + 4], "little")
    payload = raw[start : start + size] if size <= _MAX_ROW else b""
    if len(payload) != size or _check(payload) != raw[start - _CHECK : start]:
        return None, start
    try:
        return _decoder.decode(payload), start + size
    except msgspec.MsgspecError:  # sound, but of a later format
        return None, start


def _check(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=_CHECK).digest()


class Replay(msgspec.Struct, frozen=True):
    """What the rows of a journal amount to."""

    cells: dict[str, Cell]  # latest per key, none of them a deletion
    history: tuple[Cell, ...]  # the changes since the snapshot, oldest first
    last: int  # number of the last row there was
    revision: int  # the highest that any row speaks of
    missing: tuple[int, ...]  # numbers of rows that should be there
    headless: bool  # no whole snapshot was found, so how much is missing before the first row is not known


def replay(rows: Iterable[Row], confirmed: int) -> Replay:
    """Fold the rows in order of number, from the last snapshot that is whole.

    ``confirmed`` is the number of the last row that is known to have been on disk. Of two rows with one number the
    later in ``rows`` counts.
    """
    by_number = {row.number: row for row in rows}
    numbers = sorted(by_number)
    snapshot = _last_whole_snapshot(by_number, numbers)
    counted = [by_number[number] for number in numbers if snapshot is None or number >= snapshot.number]
    settled = _restated(snapshot).stop - 1 if snapshot else 0
    cells: dict[str, Cell] = {}
    history: list[Cell] = []
    for row in counted:
        for cell in row.cells:
            if cell.value is None:
                cells.pop(cell.key, None)
            else:
                cells[cell.key] = cell
        if row.number > settled:
            history.extend(row.cells)
    first = counted[0].number if counted else 1
    restated = [_restated(row) for row in counted if snapshot and row.mark and row.number > settled]
    last = max(numbers[-1] if numbers else 0, confirmed)
    spoken = [max(row.revision, *(cell.revision for cell in row.cells), 0) for row in by_number.values()]
    return Replay(
        cells=cells,
        history=tuple(history),
        last=last,
        revision=max(spoken, default=0),
        missing=tuple(
            number
            for number in range(first, last + 1)
            if number not in by_number and not any(number in span for span in restated)
        ),
        headless=snapshot is None,
    )


def _last_whole_snapshot(by_number: dict[int, Row], numbers: list[int]) -> Row | None:
    for number in reversed(numbers):
        row = by_number[number]
        if row.mark is not None and all(number + step in by_number for step in range(1, row.mark.count + 1)):
            return row
    return None


def _restated(row: Row) -> range:
    """The rows of a snapshot: when an older one is whole, they say nothing that is not said before."""
    return range(row.number + 1, row.number + 1 + (row.mark.count if row.mark else 0))
