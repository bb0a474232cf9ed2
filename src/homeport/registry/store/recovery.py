"""Opening a data folder: what is sound is taken up, what is lost is said, what is damaged is kept aside."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from pathlib import Path

import msgspec

from homeport.registry.store import database
from homeport.registry.store.mark import DamagedMark, Mark, read_mark, refuse_newer, sync_folder, write_mark
from homeport.registry.store.port import Entry, KeyChange, StoreFailure
from homeport.registry.store.rows import FORMAT, Cell, Replay, Row, SnapshotMark, carve, replay

JOURNAL, MARK = "journal.db", "revision"
BLOCK = 100_000  # revisions reserved ahead at a time
HISTORY = 5_000  # latest changes that are remembered over a restart


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What opening the data folder found."""

    store: str
    revision: int  # from which the counter goes on
    entries: int
    fresh: bool = False  # there was nothing before
    clean: bool = False  # it had been closed in order
    faults: tuple[str, ...] = ()  # what was wrong with the journal, even where nothing was lost
    lost: tuple[str, ...] = ()  # in words; empty when nothing is known to be lost
    aside: tuple[str, ...] = ()  # damaged files, kept for inspection


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A data folder ready for writing."""

    mark: Mark
    last: int  # number of the last journal row
    entries: tuple[Entry, ...]
    history: tuple[KeyChange, ...]  # the latest changes before this opening, oldest first, as far as they are known
    report: Recovery


def recover(folder: Path) -> Opened:
    """Read the folder, repair it, and reserve revisions above all that can have been told from it.

    Raises:
        NewerFormat: a later version of Homeport wrote it; nothing was touched.
        StoreFailure: the disk did not take the repaired files or the reservation; nothing was lost.
    """
    try:
        return _recover(folder)
    except (OSError, sqlite3.Error) as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            why = "its journal is open in another program, such as a database browser; close it there"
        else:
            why = f"{error}; free disk space or check its rights"
        raise StoreFailure(f"the registry cannot open {folder}: {why}") from error


def _recover(folder: Path) -> Opened:
    interrupted = _finish_interrupted(folder)
    mark, damage = _mark_or_damage(folder / MARK)
    raw = _raw_files(folder)
    if not damage and (mark.confirmed == 0 if mark else not raw):
        return _fresh(folder)
    past, faults, salvaged = _read_journal(folder, mark, raw)
    revision = max(past.revision, mark.reserved if mark else past.revision + BLOCK)
    lost = ["an earlier recovery was cut short and is finished now; see the files it set aside"] * interrupted
    lost += _losses(past)
    aside: list[str] = []
    if damage or mark is None:
        lost.append(
            f"the revision mark ({damage or 'missing'}): the store has a new id, so that clients read all afresh"
        )
        aside += _set_aside(folder, {MARK: (folder / MARK).read_bytes()} if damage else {})
    broken = bool(faults or past.missing or past.headless)
    if broken:
        aside += _set_aside(folder, raw)
    last = past.last
    if broken or salvaged:
        last = _rebuild(folder, past, revision)
    reserved = Mark(store=mark.store if mark else secrets.token_hex(8), reserved=revision + BLOCK, confirmed=last)
    write_mark(folder / MARK, reserved)
    return Opened(
        mark=reserved,
        last=last,
        entries=tuple(Entry(cell.key, cell.value or b"", cell.revision or revision) for cell in past.cells.values()),
        history=tuple(
            KeyChange(cell.revision or revision, cell.key, cell.value, cell.note) for cell in past.history[-HISTORY:]
        ),
        report=Recovery(
            store=reserved.store,
            revision=revision,
            entries=len(past.cells),
            clean=bool(mark and mark.clean and not lost and not faults),
            faults=faults,
            lost=tuple(lost),
            aside=tuple(aside),
        ),
    )


def _fresh(folder: Path) -> Opened:
    mark = Mark(store=secrets.token_hex(8), reserved=BLOCK)
    # The mark comes first: a journal without a mark is a loss, a mark that confirms nothing is a beginning.
    write_mark(folder / MARK, mark)
    database.create(folder / JOURNAL, snapshot_rows(1, 0, ()))
    sync_folder(folder)
    mark = msgspec.structs.replace(mark, confirmed=1)
    write_mark(folder / MARK, mark)
    report = Recovery(store=mark.store, revision=0, entries=0, fresh=True, clean=True)
    return Opened(mark=mark, last=1, entries=(), history=(), report=report)


def _read_journal(folder: Path, mark: Mark | None, raw: dict[str, bytes]) -> tuple[Replay, tuple[str, ...], bool]:
    """What the journal amounts to, what was wrong with it, and whether more was found than SQLite could reach."""
    confirmed = mark.confirmed if mark else 0
    found = database.read(folder / JOURNAL)
    past = replay(_refusing_newer(found.rows, folder), confirmed)
    if mark and mark.clean and not found.faults and not past.missing:
        return past, (), False
    # After a crash, too: SQLite passes over the sound end of a write-ahead log behind one bad bit, and says nothing.
    carved = chain.from_iterable(map(carve, raw.values()))
    more = replay(_refusing_newer((*carved, *found.rows), folder), confirmed)
    return more, found.faults, (more.cells, more.last) != (past.cells, past.last)


def snapshot_rows(first: int, revision: int, cells: Sequence[Cell]) -> list[Row]:
    """The rows that state everything anew, numbered from ``first``."""
    head = Row(number=first, revision=revision, mark=SnapshotMark(len(cells)))
    return [head, *(Row(first + step, revision, (cell,)) for step, cell in enumerate(cells, start=1))]


def _mark_or_damage(path: Path) -> tuple[Mark | None, str | None]:
    try:
        return read_mark(path), None
    except (DamagedMark, msgspec.MsgspecError):
        return None, "damaged"


def _raw_files(folder: Path) -> dict[str, bytes]:
    """The journal's files as they are before SQLite may change them."""
    names = (JOURNAL, f"{JOURNAL}-wal")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def _refusing_newer(rows: Iterable[Row], folder: Path) -> Iterable[Row]:
    for row in rows:
        if row.mark is not None and row.mark.format > FORMAT:
            raise refuse_newer(folder / JOURNAL, row.mark.format)
        yield row


def _losses(past: Replay) -> list[str]:
    losses = []
    if past.headless:
        losses.append("the beginning of the journal: whatever was declared before its first sound row")
    if past.missing:
        count = len(past.missing)
        losses.append(f"{count} journal row{'s' * (count > 1)} ({_ranges(past.missing)})")
    return losses


def _ranges(numbers: Sequence[int]) -> str:
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    shown = [f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs[:5]]
    return ", ".join(shown) + (", …" if len(runs) > 5 else "")


def _set_aside(folder: Path, files: dict[str, bytes]) -> list[str]:
    """Keep copies under the first free number; the originals are replaced by what was recovered."""
    number = 1
    while any(folder.glob(f"*.damaged-{number}")):
        number += 1
    names = []
    for name, content in files.items():
        copy = folder / f"{name}.damaged-{number}"
        with open(copy, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        names.append(copy.name)
    return names


def remove_damaged(folder: Path) -> list[str]:
    """Set the journal's files aside and out of the way; the names of the copies."""
    raw = _raw_files(folder)
    names = _set_aside(folder, raw)
    for name in raw:
        (folder / name).unlink()
    return names


def _rebuild(folder: Path, past: Replay, revision: int) -> int:
    """Replace the journal by one that says only what was recovered; the number of its last row."""
    first = past.last + 1
    cells = [Cell(cell.key, cell.value, b"", cell.revision or revision) for cell in past.cells.values()]
    new = folder / f"{JOURNAL}.new"
    database.create(new, snapshot_rows(first, revision, cells))
    _install(folder, new)
    return first + len(cells)


def _install(folder: Path, new: Path) -> None:
    # The old write-ahead log must be gone first: SQLite would play it into the new file.
    (folder / f"{JOURNAL}-wal").unlink(missing_ok=True)
    sync_folder(folder)
    os.replace(new, folder / JOURNAL)
    sync_folder(folder)


def _finish_interrupted(folder: Path) -> bool:
    """A whole new journal that was not yet put in place is put there; a half-written one is thrown away."""
    new = folder / f"{JOURNAL}.new"
    if not new.exists():
        return False
    found = database.read(new)
    whole = not found.faults and not replay(found.rows, confirmed=0).headless
    if whole:
        _install(folder, new)
    else:
        for leftover in (new, folder / f"{new.name}-wal", folder / f"{new.name}-journal"):
            leftover.unlink(missing_ok=True)
    return whole
