"""Processes: started apart, watched to their end, found again by a successor."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from homeport.node import launch as module
from homeport.node.adoption import Record, Records
from homeport.node.children import Children
from homeport.node.launch import LaunchFailed, OsProcess, adopt, describe_exit, find_by_argument, launch
from homeport.processes import identity, runs
from homeport.program import own_program
from homeport.testing.clock import FakeClock

SLEEP = ["-c", "import sys, time; print('hello', flush=True); time.sleep(60)"]


@pytest.fixture
def started() -> Iterator[list[OsProcess]]:
    """Processes to end after the test, by pid."""
    found: list[OsProcess] = []
    yield found
    for process in found:
        process.signal(signal.SIGKILL)
        if process._child is not None:
            process._child.wait()


@pytest.fixture
def children(tmp_path: Path) -> Children:
    (tmp_path / "workers").mkdir()
    return Children(Records(tmp_path / "workers"), tmp_path, tmp_path, dict(os.environ), FakeClock())


def run(folder: Path, *arguments: str) -> OsProcess:
    return launch([sys.executable, *arguments], log=folder / "out.log", cwd=folder, environ=os.environ)


# -- watching ----------------------------------------------------------------------------------------------------------


async def test_the_exit_status_and_the_output_are_kept(tmp_path: Path) -> None:
    process = run(tmp_path, "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert await process.wait() == 3
    assert set((tmp_path / "out.log").read_text().split()) == {"out", "err"}


async def test_a_process_that_is_killed_tells_the_signal(tmp_path: Path, started: list[OsProcess]) -> None:
    process = run(tmp_path, *SLEEP)
    started.append(process)
    process.signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    assert not runs(process.pid, process.process)
    process.signal(signal.SIGTERM)  # it has ended: nothing happens


async def test_a_process_has_a_session_of_its_own_and_no_input(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getsid(0) == os.getpid(), repr(sys.stdin.read()))"
    process = run(tmp_path, "-c", code)
    await process.wait()
    assert (tmp_path / "out.log").read_text().split() == ["True", "''"]


async def test_the_working_folder_is_no_place_to_import_from(tmp_path: Path) -> None:
    (tmp_path / "stray.py").write_text("")
    process = launch([*own_program(), "stray"], log=tmp_path / "out.log", cwd=tmp_path, environ=os.environ)
    assert await process.wait() == 1
    assert "No module named stray" in (tmp_path / "out.log").read_text()


async def test_what_a_process_started_ends_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.pid, flush=True)"
    )
    process = run(tmp_path, "-c", code)
    await process.wait()
    grandchild = int((tmp_path / "out.log").read_text())
    for _ in range(200):
        if not identity(grandchild):
            break
        await asyncio.sleep(0.01)
    assert not identity(grandchild)


async def test_without_pidfds_a_thread_watches(
    tmp_path: Path, started: list[OsProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_open_pidfd", lambda _: -1)
    process = run(tmp_path, *SLEEP)
    started.append(process)
    process.signal(signal.SIGTERM)
    assert await process.wait() == -signal.SIGTERM


def test_a_missing_python_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(LaunchFailed, match=r"cannot start .*/python -m homeport\.worker.*No such file"):
        run(tmp_path, "-m", "homeport.worker")


def test_exits_are_described_in_words() -> None:
    assert describe_exit(0) == "exit status 0"
    assert describe_exit(-9) == "killed by SIGKILL"
    assert describe_exit(-999) == "killed by signal 999"
    assert "unknown" in describe_exit(None)


# -- adopting ----------------------------------------------------------------------------------------------------------


async def test_a_running_process_is_adopted_and_watched(tmp_path: Path, started: list[OsProcess]) -> None:
    process = run(tmp_path, *SLEEP)
    started.append(process)
    adopted = adopt(process.pid, process.process)
    assert adopted is not None
    adopted.signal(signal.SIGTERM)
    assert await adopted.wait() is None


def test_a_recycled_pid_is_never_adopted() -> None:
    assert adopt(os.getpid(), "another start") is None
    assert adopt(2**22 + 7, "gone") is None


def test_a_recycled_pid_is_never_signalled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_open_pidfd", lambda _: -1)
    for name in ("kill", "killpg"):
        monkeypatch.setattr(os, name, lambda *_: pytest.fail("a stranger was signalled"))
    stranger = OsProcess(os.getpid(), "another start")
    stranger.signal(signal.SIGTERM)
    stranger.signal(signal.SIGKILL)


# -- noting ------------------------------------------------------------------------------------------------------------


class Told(msgspec.Struct):
    secret: str


def test_a_child_is_noted_and_what_it_is_told_is_private(
    children: Children, tmp_path: Path, started: list[OsProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = _start(children, monkeypatch, started)
    (record,) = children.records.survivors()
    assert (record.name, record.pid, record.process) == ("cart-1", process.pid, process.process)
    told = children.records.spec("cart-1")
    assert json.loads(told.read_text()) == {"secret": "s"}
    assert told.stat().st_mode & 0o777 == 0o600


def test_a_child_whose_pid_was_never_noted_is_found_by_what_it_was_told(
    children: Children, started: list[OsProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = _start(children, monkeypatch, started)
    children.records.note(Record(name="cart-1"))
    (record,) = children.records.survivors()
    assert (record.pid, record.process) == (process.pid, process.process)


def test_notes_of_the_dead_are_removed(children: Children, tmp_path: Path) -> None:
    children.records.note(Record(name="cart-1", pid=2**22 + 7, process="x"))
    children.records.note(Record(name="cart-2", pid=os.getpid(), process="another start"))
    (tmp_path / "workers" / "cart-3.json").write_text("{broken")
    assert children.records.survivors() == []
    assert list((tmp_path / "workers").iterdir()) == []


def test_evidence_is_of_the_latest_process_only(children: Children, tmp_path: Path) -> None:
    with children.log("cart-1").open("a") as log:
        log.write("of the one before\n")
    children._mark_start("cart-1")
    with children.log("cart-1").open("a") as log:
        log.writelines(f"line {number}\n" for number in range(5))
    assert children.last_lines("cart-1").splitlines() == [f"line {number}" for number in range(5)]


def test_no_process_has_an_argument_nobody_gave() -> None:
    assert find_by_argument("/nowhere/cart-1.spec.json") is None


def _start(children: Children, monkeypatch: pytest.MonkeyPatch, started: list[OsProcess]) -> OsProcess:
    """Start a child that sleeps; its argument stands where a module's would."""
    real = module.launch

    def sleeping(arguments: list[str], **more: object) -> OsProcess:
        return real([sys.executable, *SLEEP, arguments[-1]], **more)  # type: ignore[arg-type]

    monkeypatch.setattr("homeport.node.children.launch", sleeping)
    process = children.start("homeport.worker", Told(secret="s"), Record(name="cart-1"))
    started.append(process)
    return process
