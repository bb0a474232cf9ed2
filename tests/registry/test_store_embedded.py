"""The embedded store: two kinds of commit, honest answers, one process at a time."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from homeport.model import Durability
from homeport.registry.store import database, journal
from homeport.registry.store.embedded import EmbeddedStore
from homeport.registry.store.mark import read_mark
from homeport.registry.store.port import (
    Condition,
    Conflict,
    Delete,
    FolderInUse,
    KeyChange,
    NewerFormat,
    Put,
    Resync,
    StoreFailure,
)
from homeport.registry.store.recovery import BLOCK, JOURNAL, MARK

SYNCED = Durability.SYNCED


async def eventually(condition: object, timeout: float = 5.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow: what the system says then is what it says of a full disk, but for the name."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_what_was_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path) as store:
        await store.commit(puts=[Put("a", b"1"), Put("b", b"2"), Put("c", b"3")])
        await store.commit(deletes=[Delete("b", b"gone")])
        await store.commit(puts=[Put("d", b"4")], durability=SYNCED)
        before = store.id
    async with EmbeddedStore.open(tmp_path) as store:
        assert {entry.key: entry.value for entry in store.range("")} == {"a": b"1", "c": b"3", "d": b"4"}
        assert store.id == before
        assert store.report.clean
        assert not store.report.lost
        assert [change.key for change in store.history] == ["a", "b", "c", "b", "d"]
        assert store.history[3].note == b"gone"


async def test_the_revision_goes_on_above_all_that_was_told(tmp_path: Path) -> None:
    told = 0
    for _ in range(3):
        async with EmbeddedStore.open(tmp_path) as store:
            assert store.revision >= told
            told = (await store.commit(puts=[Put("a", b"1")])).revision
            assert told <= read_mark(tmp_path / MARK).reserved  # type: ignore[union-attr]


async def test_revisions_are_reserved_long_before_they_are_needed(tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path) as store:
        await store.jump_past(3 * BLOCK)
        assert read_mark(tmp_path / MARK).reserved > store.revision  # type: ignore[union-attr]


async def test_a_run_time_fact_is_told_before_it_is_on_disk(tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path) as store:
        told: list[object] = []
        store.on_change = lambda: told.append(store.watch([""], store.revision - 1))
        coroutine = store.commit(puts=[Put("a", b"1")])
        with pytest.raises(StopIteration) as done:  # it does not give way even once
            coroutine.send(None)
        assert done.value.value.durability is Durability.MEMORY
        assert told == [[KeyChange(1, "a", b"1")]]


async def test_a_declaration_is_told_only_once_it_is_on_disk(tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path) as store:
        declaring = asyncio.create_task(store.commit(puts=[Put("w", b"3")], durability=SYNCED))
        await asyncio.sleep(0)
        assert store.range("w") == []
        await store.commit(puts=[Put("a", b"1")])  # a fact passes it by
        done = await declaring
        assert done.durability is SYNCED
        assert store.range("w")[0].revision == done.revision > store.range("a")[0].revision


async def test_declarations_of_one_key_follow_each_other_and_facts_about_it_are_refused(tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path) as store:
        first = asyncio.create_task(store.commit(puts=[Put("w", b"1")], durability=SYNCED))
        second = asyncio.create_task(store.commit(puts=[Put("w", b"2")], durability=SYNCED))
        await asyncio.sleep(0)
        with pytest.raises(Conflict, match="'w' is being declared"):
            await store.commit(deletes=[Delete("w")])
        assert (await first).revision < (await second).revision
        assert store.range("w")[0].value == b"2"


async def test_a_declaration_whose_condition_does_not_hold_leaves_no_trace(tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path) as store:
        with pytest.raises(Conflict):
            await store.commit(conditions=[Condition("w", 4)], puts=[Put("w", b"1")], durability=SYNCED)
    async with EmbeddedStore.open(tmp_path) as store:
        assert store.range("") == []


async def test_a_declaration_stands_though_the_one_who_asked_gave_up(tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path) as store:
        declaring = asyncio.create_task(store.commit(puts=[Put("w", b"3")], durability=SYNCED))
        await asyncio.sleep(0)
        declaring.cancel()
        await eventually(lambda: store.range("w"))
    async with EmbeddedStore.open(tmp_path) as store:
        assert store.range("w")[0].value == b"3"


async def test_one_machine_does_not_promise_a_quorum(tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path) as store:
        with pytest.raises(StoreFailure, match="cannot promise 'quorum'"):
            await store.commit(puts=[Put("a", b"1")], durability=Durability.QUORUM)


async def test_sessions_are_keys_that_can_be_renewed_without_a_revision(tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path) as store:
        await store.open_session("s", b"worker", 3.0)
        before = store.revision
        assert await store.renew_session("s")
        assert store.revision == before
        await store.close_session("s", b"ended")
        assert not await store.renew_session("s")


async def test_a_store_that_jumped_answers_resync(tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path) as store:
        await store.commit(puts=[Put("a", b"1")])
        await store.jump_past(500)
        assert store.revision == 501
        assert store.watch([""], 1) == Resync(501)
        await store.jump_past(7)
        assert store.revision == 501


async def test_the_journal_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SPARE_ROWS", 5)
    async with EmbeddedStore.open(tmp_path) as store:
        for round_ in range(8):
            for key in range(10):
                await store.commit(puts=[Put(f"k/{key}", b"%d" % round_)])
            await store.commit(puts=[Put("w", b"%d" % round_)], durability=SYNCED)
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as reader:
        assert reader.execute("SELECT count(*) FROM journal").fetchone()[0] < 60
    async with EmbeddedStore.open(tmp_path) as store:
        assert len(store.range("k/")) == 10
        assert {entry.value for entry in store.range("")} == {b"7"}
        assert not store.report.lost


async def test_a_full_disk_fails_declarations_and_spares_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "RETRY", 0.02)
    async with EmbeddedStore.open(tmp_path) as store:
        await store.commit(puts=[Put("w", b"1")], durability=SYNCED)
        with full_disk():
            with pytest.raises(StoreFailure, match="free disk space"):
                await store.commit(puts=[Put("w", b"2")], durability=SYNCED)
            assert store.range("w")[0].value == b"1"
            await store.commit(puts=[Put("fact", b"told")])
            assert store.range("fact")[0].value == b"told"
            with pytest.raises(StoreFailure):
                await store.commit(puts=[Put("w", b"3")], durability=SYNCED)

        async def declared() -> bool:
            try:
                await store.commit(puts=[Put("w", b"4")], durability=SYNCED)
            except StoreFailure:
                return False
            return True

        async with asyncio.timeout(5):
            while not await declared():
                await asyncio.sleep(0.01)
    async with EmbeddedStore.open(tmp_path) as store:
        assert {entry.key: entry.value for entry in store.range("")} == {"w": b"4", "fact": b"told"}
        assert not store.report.lost


async def test_a_journal_that_is_ruined_while_open_is_set_aside_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "RETRY", 0.02)
    async with EmbeddedStore.open(tmp_path) as store:
        for key in range(200):
            await store.commit(puts=[Put(f"k/{key}", b"x" * 100)])
        await store.commit(puts=[Put("w", b"1")], durability=SYNCED)
        store._journal._failed((), sqlite3.DatabaseError("database disk image is malformed"))  # as SQLite reports it
        await store.commit(puts=[Put("fact", b"told")])
        await eventually(lambda: not store._journal._gap)
        await store.commit(puts=[Put("w", b"2")], durability=SYNCED)
    assert (tmp_path / f"{JOURNAL}.damaged-1").exists()
    async with EmbeddedStore.open(tmp_path) as store:
        assert len(store.range("k/")) == 200
        assert store.range("w")[0].value == b"2"
        assert store.range("fact")
        assert not store.report.lost


async def test_a_folder_in_use_is_refused_and_names_the_process(tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path):
        with pytest.raises(FolderInUse, match=f"in use by pid {os.getpid()}"):
            async with EmbeddedStore.open(tmp_path):
                pass
    async with EmbeddedStore.open(tmp_path):
        pass


async def test_a_journal_that_another_program_has_open_is_not_taken_for_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    async with EmbeddedStore.open(tmp_path) as store:
        await store.commit(puts=[Put("w", b"1")], durability=SYNCED)
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as browser:
        browser.execute("SELECT * FROM journal").fetchone()
        with pytest.raises(StoreFailure, match="open in another program"):
            async with EmbeddedStore.open(tmp_path):
                pass
    async with EmbeddedStore.open(tmp_path) as store:
        assert store.range("w")[0].value == b"1"
        assert not store.report.aside


async def test_a_folder_of_a_later_format_is_refused_untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with EmbeddedStore.open(tmp_path) as store:
        await store.commit(puts=[Put("w", b"1")], durability=SYNCED)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr("homeport.registry.store.mark.FORMAT", 0)
    with pytest.raises(NewerFormat, match="upgrade Homeport"):
        async with EmbeddedStore.open(tmp_path):
            pass
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


async def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with full_disk(), pytest.raises((StoreFailure, OSError)):
        async with EmbeddedStore.open(tmp_path):
            pass


async def test_every_commit_is_synced_and_the_files_are_private(tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path) as store:
        connection = store._journal._connection
        assert connection is not None
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        await store.commit(puts=[Put("w", b"1")], durability=SYNCED)
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


_VICTIM = """
import asyncio, sys
from pathlib import Path
from homeport.model import Durability
from homeport.registry.store.embedded import EmbeddedStore
from homeport.registry.store.port import Put

async def main():
    async with EmbeddedStore.open(Path(sys.argv[1])) as store:
        number = 0
        while True:
            number += 1
            await store.commit(puts=[Put("fact", b"%d" % number)])
            done = await store.commit(puts=[Put(f"w/{number}", b"%d" % number)], durability=Durability.SYNCED)
            print(number, done.revision, flush=True)

asyncio.run(main())
"""


async def test_what_was_answered_as_synced_survives_kill_9(tmp_path: Path) -> None:
    victim = subprocess.Popen([sys.executable, "-c", _VICTIM, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    answered = [tuple(map(int, victim.stdout.readline().split())) for _ in range(20)]
    victim.send_signal(signal.SIGKILL)
    answered += [tuple(map(int, line.split())) for line in victim.stdout.read().splitlines()]
    victim.wait()
    async with EmbeddedStore.open(tmp_path) as store:
        kept = {entry.key for entry in store.range("w/")}
        assert {f"w/{number}" for number, _ in answered} <= kept
        assert store.revision > answered[-1][1]
        assert not store.report.clean
        assert not store.report.lost
