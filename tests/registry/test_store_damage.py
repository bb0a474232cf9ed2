"""Damaged data folders: what is sound is recovered, what is lost is said, damage is never taken for truth."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.model import Durability
from homeport.registry.store.embedded import EmbeddedStore
from homeport.registry.store.mark import read_mark
from homeport.registry.store.port import Delete, Put
from homeport.registry.store.recovery import JOURNAL, MARK, Recovery, recover

WAL = f"{JOURNAL}-wal"
WRITTEN: dict[str, set[bytes]] = {}  # every value that was ever put under a key
DECLARED = {"w/1": b"one", "w/2": b"two", "w/3": b"three"}
FACTS = {f"fact/{number}": b"told-%d" % number for number in range(1, 40, 2)}
TOLD = 70  # the highest revision that was told
QUICK, THOROUGH = 20, 500  # damaged copies that each test opens
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # syncing a real disk thousands of times proves no more


async def _write(folder: Path, copy: Path) -> None:
    """A life of a store, ended in order in ``folder`` and by a power loss in ``copy``."""
    async with EmbeddedStore.open(folder) as store:

        async def put(key: str, value: bytes, durability: Durability = Durability.MEMORY) -> None:
            WRITTEN.setdefault(key, set()).add(value)
            await store.commit(puts=[Put(key, value)], durability=durability)

        await put("w/1", b"nought", Durability.SYNCED)
        for number in range(1, 40):
            await put(f"fact/{number}", b"told-%d" % number)
        await put("w/2", DECLARED["w/2"], Durability.SYNCED)
        await store.commit(deletes=[Delete(f"fact/{number}", b"why") for number in range(2, 40, 2)])
        await put("w/1", DECLARED["w/1"], Durability.SYNCED)
        await put("w/3", DECLARED["w/3"], Durability.SYNCED)
        async with asyncio.timeout(5):
            while read_mark(folder / MARK).confirmed < store._journal._last:  # type: ignore[union-attr]
                await asyncio.sleep(0.005)
        assert store.revision <= TOLD
        shutil.copytree(folder, copy)


@pytest.fixture(scope="module")
def folders() -> Iterator[dict[str, Path]]:
    with tempfile.TemporaryDirectory() as base:
        closed, crashed = Path(base, "closed"), Path(base, "crashed")
        closed.mkdir()
        asyncio.run(_write(closed, crashed))
        yield {"closed": closed, "crashed": crashed}


def state_of(folder: Path) -> tuple[dict[str, bytes], Recovery]:
    opened = recover(folder)
    return {entry.key: entry.value for entry in opened.entries}, opened.report


def examine(folder: Path, store: str) -> tuple[dict[str, bytes], Recovery]:
    """Open a damaged folder, and hold what comes out to the promises."""
    state, report = state_of(folder)
    for key, value in state.items():
        assert value in WRITTEN[key], "damage was taken for truth"
    wrong = {key for key, value in (DECLARED | FACTS).items() if state.get(key) != value}
    assert not wrong or report.lost, f"{wrong} went without a word"
    assert report.revision >= TOLD or report.store != store, "the revision went back"
    again, later = state_of(folder)
    assert again == state, "a second opening tells another story"
    assert not later.lost
    assert later.revision > report.revision
    return state, report


SITES = [("closed", JOURNAL), ("crashed", JOURNAL), ("crashed", WAL), ("closed", MARK), ("crashed", MARK)]


THOROUGHNESS = pytest.mark.parametrize("copies", [QUICK, pytest.param(THOROUGH, marks=[pytest.mark.long])])


@THOROUGHNESS
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("end", "name"), SITES)
def test_a_file_cut_at_any_byte(folders: dict[str, Path], end: str, name: str, copies: int) -> None:
    store = read_mark(folders[end] / MARK).store  # type: ignore[union-attr]
    size = (folders[end] / name).stat().st_size

    @settings(max_examples=copies, deadline=None)
    @given(length=st.integers(0, size - 1))
    def check(length: int) -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY) as base:
            folder = Path(shutil.copytree(folders[end], Path(base, "copy")))
            os.truncate(folder / name, length)
            examine(folder, store)

    check()


@THOROUGHNESS
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("end", "name"), SITES)
def test_a_file_with_any_flipped_bit(folders: dict[str, Path], end: str, name: str, copies: int) -> None:
    store = read_mark(folders[end] / MARK).store  # type: ignore[union-attr]
    size = (folders[end] / name).stat().st_size

    @settings(max_examples=copies, deadline=None)
    @given(bit=st.integers(0, size * 8 - 1))
    def check(bit: int) -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY) as base:
            folder = Path(shutil.copytree(folders[end], Path(base, "copy")))
            flip(folder / name, bit)
            examine(folder, store)

    check()


@THOROUGHNESS
@pytest.mark.timeout(300)
def test_all_files_damaged_at_once(folders: dict[str, Path], copies: int) -> None:
    sizes = {name: (folders["crashed"] / name).stat().st_size for name in (JOURNAL, WAL, MARK)}

    @settings(max_examples=copies, deadline=None)
    @given(
        bits=st.tuples(*(st.integers(0, sizes[name] * 8 - 1) for name in (JOURNAL, WAL))),
        length=st.integers(0, sizes[MARK] - 1),
    )
    def check(bits: tuple[int, int], length: int) -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY) as base:
            folder = Path(shutil.copytree(folders["crashed"], Path(base, "copy")))
            for name, bit in zip((JOURNAL, WAL), bits, strict=True):
                flip(folder / name, bit)
            os.truncate(folder / MARK, length)
            examine(folder, read_mark(folders["crashed"] / MARK).store)  # type: ignore[union-attr]

    check()


def flip(path: Path, bit: int) -> None:
    with open(path, "r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


@pytest.fixture
def folder(folders: dict[str, Path], tmp_path: Path, end: str) -> Path:
    return Path(shutil.copytree(folders[end], tmp_path / "copy"))


@pytest.fixture
def end() -> str:
    return "closed"


def test_without_damage_nothing_is_lost(folders: dict[str, Path], folder: Path) -> None:
    state, report = state_of(folder)
    assert state == DECLARED | FACTS
    assert (report.lost, report.faults, report.aside, report.clean) == ((), (), (), True)


@pytest.mark.parametrize("end", ["crashed"])
def test_after_a_power_loss_nothing_is_lost(folder: Path) -> None:
    state, report = state_of(folder)
    assert state == DECLARED | FACTS
    assert (report.lost, report.aside, report.clean) == ((), (), False)


def test_a_journal_that_is_no_database_any_more_gives_up_its_rows_all_the_same(folder: Path) -> None:
    with open(folder / JOURNAL, "r+b") as file:
        file.write(b"\0" * 100)
    state, report = examine(folder, "")
    assert state == DECLARED | FACTS
    assert report.faults
    assert (folder / f"{JOURNAL}.damaged-1").exists()


def test_a_journal_that_is_gone_is_a_loss_and_not_a_fresh_start(folder: Path) -> None:
    (folder / JOURNAL).unlink()
    state, report = examine(folder, "")
    assert state == {}
    assert not report.fresh
    assert any("journal rows" in words for words in report.lost)


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_without_its_mark_the_store_takes_a_new_id(folder: Path, how: str) -> None:
    before = read_mark(folder / MARK).store  # type: ignore[union-attr]
    if how == "gone":
        (folder / MARK).unlink()
    else:
        (folder / MARK).write_bytes(b"nonsense")
    state, report = examine(folder, before)
    assert state == DECLARED | FACTS
    assert report.store != before
    assert report.revision >= TOLD
    assert any("revision mark" in words for words in report.lost)
    assert (folder / f"{MARK}.damaged-1").exists() == (how == "damaged")


def test_damaged_files_of_several_openings_are_all_kept(folder: Path) -> None:
    for number in (1, 2):
        with open(folder / JOURNAL, "r+b") as file:
            file.write(b"\0" * 100)
        state_of(folder)
        assert (folder / f"{JOURNAL}.damaged-{number}").exists()


@pytest.mark.parametrize("end", ["crashed"])
def test_one_bad_bit_in_the_log_does_not_hide_the_sound_rows_behind_it(folder: Path) -> None:
    with open(folder / WAL, "r+b") as file:
        file.seek(40)  # in the header of the first frame
        file.write(b"\xff")
    state, _ = examine(folder, "")
    assert state == DECLARED | FACTS


def test_a_repair_that_was_interrupted_is_finished(folder: Path) -> None:
    whole = folder.parent / "whole"
    shutil.copytree(folder, whole)
    shutil.move(whole / JOURNAL, folder / f"{JOURNAL}.new")
    with open(folder / JOURNAL, "r+b") as file:
        file.write(b"\0" * 4096)
    state, report = state_of(folder)
    assert state == DECLARED | FACTS
    assert any("cut short" in words for words in report.lost)
    assert not (folder / f"{JOURNAL}.new").exists()


def test_a_half_written_repair_is_thrown_away(folder: Path) -> None:
    (folder / f"{JOURNAL}.new").write_bytes((folder / JOURNAL).read_bytes()[:4096])
    state, report = state_of(folder)
    assert state == DECLARED | FACTS
    assert not report.lost
