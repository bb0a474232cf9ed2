"""Unpacked versions of an artefact: old ones go, one that is used never does."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.cli.outdated import KEEP, remove_outdated
from homeport.unpacked import MARK, lock, version_of


def unpack(root: Path, name: str, used: int = 0) -> Path:
    """A version that was last used at this time."""
    version = root / name
    (version / "lib").mkdir(parents=True)
    (version / "lib" / "code").write_text("print()")
    (version / MARK).touch()
    os.utime(version / MARK, (used, used))
    return version


def left(root: Path) -> set[str]:
    return {entry.name for entry in root.iterdir()}


def test_the_versions_that_were_used_last_stay(tmp_path: Path) -> None:
    for used in range(6):
        unpack(tmp_path, f"shop-{used}", used)
    remove_outdated(tmp_path / "shop-5")
    assert left(tmp_path) == {"shop-3", "shop-4", "shop-5"}


def test_a_version_that_is_used_again_is_one_of_those_used_last(tmp_path: Path) -> None:
    versions = [unpack(tmp_path, f"shop-{used}", used) for used in range(6)]
    descriptor = lock(versions[0])
    assert descriptor is not None
    os.close(descriptor)
    remove_outdated(versions[5])
    assert left(tmp_path) == {"shop-0", "shop-4", "shop-5"}


def test_one_that_another_process_runs_from_stays_until_that_ends(tmp_path: Path) -> None:
    versions = [unpack(tmp_path, f"shop-{used}", used) for used in range(5)]
    holding = "import sys; from homeport.unpacked import hold; from pathlib import Path; print(hold(Path(sys.argv[1])))"
    command = [sys.executable, "-c", f"{holding}; sys.stdout.flush(); sys.stdin.read()", str(versions[0] / "lib")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        os.utime(versions[0] / MARK, (0, 0))
        remove_outdated(versions[4])
        assert left(tmp_path) == {"shop-0", "shop-2", "shop-3", "shop-4"}
    remove_outdated(versions[4])
    assert left(tmp_path) == {"shop-2", "shop-3", "shop-4"}


def test_other_applications_and_what_was_not_unpacked_by_one_are_left_alone(tmp_path: Path) -> None:
    for used in range(5):
        unpack(tmp_path, f"shop-{used}", used)
        unpack(tmp_path, f"shop-x-{used}", used)
    (tmp_path / "shop-mine").mkdir()
    (tmp_path / "shop-notes").write_text("")
    remove_outdated(tmp_path / "shop-4")
    expected = {"shop-2", "shop-3", "shop-4", "shop-mine", "shop-notes", *(f"shop-x-{used}" for used in range(5))}
    assert left(tmp_path) == expected


def test_what_was_left_half_removed_or_half_unpacked_goes_once_nobody_can_be_at_it(tmp_path: Path) -> None:
    own = unpack(tmp_path, "shop-1")
    for name in (".left-ab", ".fresh.old", ".fresh.new"):
        (tmp_path / name / "lib").mkdir(parents=True)
    os.utime(tmp_path / ".fresh.old", (0, 0))
    remove_outdated(own)
    assert left(tmp_path) == {"shop-1", ".fresh.new"}


def test_what_is_gone_cannot_be_held(tmp_path: Path) -> None:
    assert lock(tmp_path / "shop-1") is None


def test_what_is_removed_while_it_is_being_locked_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = unpack(tmp_path, "shop-1")
    monkeypatch.setattr("fcntl.flock", lambda descriptor, how: version.rename(tmp_path / ".left-1"))
    assert lock(version) is None


def test_a_version_is_found_from_inside_the_virtual_environment_of_a_zipapp(tmp_path: Path) -> None:
    version = unpack(tmp_path, "shop-1")
    assert version_of(version / "venvs/4/ab/cd/lib/python3.11/site-packages/homeport") == version
    assert version_of(version / "_internal/homeport") == version
    assert version_of(tmp_path / "source/homeport") is None


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)), st.integers(0, 7))
def test_exactly_those_go_that_are_neither_own_nor_held_nor_used_last(
    times: list[int], held: set[int], own: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        versions = [unpack(Path(folder), f"shop-{number}") for number in range(8)]
        descriptors = [lock(versions[number]) for number in held]
        for version, time in zip(versions, times, strict=True):
            os.utime(version / MARK, (time, time))
        remove_outdated(versions[own])
        last = sorted(range(8), key=lambda number: times[number])[-KEEP:]
        assert left(Path(folder)) == {f"shop-{number}" for number in {own, *held, *last}}
        for descriptor in descriptors:
            assert descriptor is not None
            os.close(descriptor)


def test_whoever_gets_hold_of_a_version_has_all_of_it_while_others_start_and_clean(tmp_path: Path) -> None:
    own = unpack(tmp_path, "shop-own")
    names = [f"shop-{number}" for number in range(KEEP + 3)]
    broken: list[str] = []
    starting = threading.Event()

    def start(name: str) -> None:
        """As an artefact does: unpacked aside, moved to its place, held, used."""
        for turn in range(40):
            version = tmp_path / name
            if not version.exists():
                unpack(tmp_path, f".fresh.{name}-{turn}").rename(version)
            descriptor = lock(version)
            if descriptor is None:
                continue  # as it says, to be started again
            os.utime(version / MARK, (0, 0))  # among the first to go, if it may
            if not (version / "lib" / "code").exists():
                broken.append(name)
            os.close(descriptor)

    def clean() -> None:
        while not starting.is_set():
            remove_outdated(own)

    cleaners = [threading.Thread(target=clean) for _ in range(2)]
    starters = [threading.Thread(target=start, args=[name]) for name in names]
    for thread in (*cleaners, *starters):
        thread.start()
    for thread in starters:
        thread.join()
    starting.set()
    for thread in cleaners:
        thread.join()
    assert broken == []
