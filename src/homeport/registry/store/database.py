"""The journal's SQLite file: opened, filled, read, and read when it is damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import msgspec

from homeport.registry.store.rows import Row, pack, unpack

PATIENCE = 2.0  # seconds to wait for another program that has the file open

# Faults of the surroundings, which say nothing about what is in the file.
_NOT_DAMAGE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_IOERR,
}
_SCHEMA = "CREATE TABLE IF NOT EXISTS journal (number INTEGER PRIMARY KEY, row BLOB NOT NULL)"


def connect(path: Path) -> sqlite3.Connection:
    """Open for writing, every commit synced to disk.

    Raises:
        sqlite3.Error: it cannot be opened or is not a database.
    """
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # no shared-memory file beside it
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # Deleted rows are overwritten, so that carving a damaged file does not dig up what was compacted away.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def insert(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Add rows inside the caller's transaction."""
    connection.executemany("INSERT INTO journal VALUES (?, ?)", ((row.number, pack(row)) for row in rows))


def create(path: Path, rows: Iterable[Row]) -> None:
    """Make a new journal of these rows; it is whole and on disk on return."""
    connection = connect(path)
    try:
        connection.execute("BEGIN")
        connection.execute("DELETE FROM journal")
        insert(connection, rows)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


class Read(msgspec.Struct, frozen=True):
    """What could be read of a journal."""

    rows: tuple[Row, ...]
    faults: tuple[str, ...]  # what was wrong with the file or with single rows
    broken: bool  # SQLite itself found fault: rows may be out of its reach


def read(path: Path) -> Read:
    """Every sound row that SQLite can reach, from both ends if the middle is damaged.

    Raises:
        sqlite3.Error: the file cannot be read for a reason that is no damage: it is locked, or the disk fails.
    """
    rows: dict[int, Row] = {}
    faults: list[str] = []
    broken = False
    bad = 0
    try:
        connection = connect(path)
    except sqlite3.Error as error:
        return Read(rows=(), faults=(_fault(error),), broken=True)
    try:
        verdict = _quick_check(connection)
        if verdict != "ok":
            faults.append(verdict)
            broken = True
        for order in ("ASC", "DESC") if broken else ("ASC",):
            try:
                for (blob,) in connection.execute(f"SELECT row FROM journal ORDER BY number {order}"):  # noqa: S608
                    row = unpack(blob)
                    if row is None:
                        bad += order == "ASC"
                    else:
                        rows[row.number] = row
            except sqlite3.Error as error:
                faults.append(_fault(error))
                broken = True
    finally:
        connection.close()
    if bad:
        faults.append(f"{bad} damaged row{'s' * (bad > 1)}")
    return Read(rows=tuple(rows.values()), faults=tuple(dict.fromkeys(faults)), broken=broken)


def _quick_check(connection: sqlite3.Connection) -> str:
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return _fault(error)
    return str(verdict)


def _fault(error: sqlite3.Error) -> str:
    """What SQLite found wrong with the file; raises the error if it found nothing wrong with it."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    if code & 0xFF in _NOT_DAMAGE and code != sqlite3.SQLITE_IOERR_SHORT_READ:  # a cut file reads short
        raise error
    return str(error)
