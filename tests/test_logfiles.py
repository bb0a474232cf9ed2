"""Log files: one record a line, rotated, read while they are written."""

from __future__ import annotations

import itertools
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.logfiles import (
    LogFollower,
    LogRecordView,
    RotatingWriter,
    encode_line,
    follow,
    history,
    parse_line,
    rotated,
    tail,
)


def line(message: str, at: float = 1.0, **more: str) -> bytes:
    return encode_line(LogRecordView(at=at, level="info", message=message, **more))


def messages(records: list[LogRecordView]) -> list[str]:
    return [record.message for record in records]


# -- lines -------------------------------------------------------------------------------------------------------------


def test_a_record_survives_its_line() -> None:
    record = LogRecordView(
        at=12.5,
        level="error",
        message="two\nlines",
        worker="cart-1",
        service="cart",
        instance="cart-3f",
        logger="shop",
        trace="ab",
        exception="Traceback…",
        fields={"user": 7},
    )
    assert parse_line(encode_line(record), worker="cart-1") == record


def test_lines_keep_their_indentation() -> None:
    assert LogRecordView(at=1.0, level="error", message="    raise ValueError").text == "    raise ValueError"
    assert LogRecordView(at=1.0, level="info", message="", fields={"a": 1}).text == "a=1"
    assert LogRecordView(at=1.0, level="info", message="ended", fields={"evidence": "", "n": 0}).text == "ended n=0"


def test_what_is_no_record_is_a_raw_line() -> None:
    for raw in (b"plain\n", b'{"ts": "x"}\n', b"{broken\n", b"{}\n", b"\xff\xfe\n"):
        record = parse_line(raw, worker="w", at=3.0)
        assert record.raw
        assert record.at == 3.0


def test_odd_values_are_shown_rather_than_lost() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError

    for value in (Odd(), {1: Odd()}, "\ud800", float("nan"), object):
        record = LogRecordView(at=1.0, message="kept", fields={"value": value})
        assert parse_line(encode_line(record)).message == "kept"


def test_an_endless_message_is_cut() -> None:
    assert len(line("x" * 10_000_000)) < 100_000


@given(st.binary(max_size=300))
def test_any_bytes_are_a_line(content: bytes) -> None:
    parse_line(content)


# -- writing -----------------------------------------------------------------------------------------------------------


def test_a_full_file_is_turned_and_the_oldest_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    writer = RotatingWriter(path, max_bytes=100, keep=2)
    for number in range(40):
        writer.write(b"%03d %s\n" % (number, b"x" * 20))
    assert sorted(found.name for found in tmp_path.iterdir()) == ["w.log", "w.log.1", "w.log.2"]
    assert sum(found.stat().st_size for found in tmp_path.iterdir()) < 3 * 130
    assert rotated(path, 1).read_bytes().splitlines()[-1].startswith(b"039") or path.stat().st_size


def test_an_app_that_prints_megabytes_past_python_does_not_fill_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    raw = os.open(os.devnull, os.O_WRONLY)
    writer = RotatingWriter(path, max_bytes=1000, keep=2, redirect=(raw,))
    try:
        for _ in range(500):
            os.write(raw, b"y" * 100 + b"\n")
            writer.check()
        os.write(raw, b"the end\n")
        assert messages(tail(path, 1)) == ["the end"], "the current file has it"
    finally:
        os.close(raw)
        writer.close()
    assert sum(found.stat().st_size for found in tmp_path.iterdir()) < 5000


def test_several_threads_never_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    writer = RotatingWriter(path, max_bytes=4000, keep=50)

    def write(letter: bytes) -> None:
        for _ in range(200):
            writer.write(letter * 50 + b"\n")

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [found for file in tmp_path.iterdir() for found in file.read_bytes().splitlines()]
    assert len(lines) == 600
    assert {len(set(found)) for found in lines} == {1}


def test_a_full_disk_loses_lines_and_says_how_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.log"
    writer = RotatingWriter(path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        writer.write(line("lost"))
        writer.write(line("lost too"))
    writer.write(line("kept"))
    lost, kept = tail(path, 10)
    assert (lost.message, lost.fields) == ("log.lost", {"lines": 2})
    assert kept.message == "kept"


def test_a_closed_writer_is_silent(tmp_path: Path) -> None:
    writer = RotatingWriter(tmp_path / "w.log")
    writer.close()
    writer.write(b"x\n")
    writer.check()


def test_descriptors_can_be_taken_over_later(tmp_path: Path) -> None:
    writer = RotatingWriter(tmp_path / "w.log")
    raw = os.open(os.devnull, os.O_WRONLY)
    writer.take_over(raw)
    os.write(raw, b"from below\n")
    os.close(raw)
    assert messages(tail(tmp_path / "w.log", 1)) == ["from below"]


# -- reading -----------------------------------------------------------------------------------------------------------


def test_the_tail_reaches_back_over_turned_files(tmp_path: Path) -> None:
    path = tmp_path / "cart-1.log"
    rotated(path, 1).write_bytes(line("a") + line("b"))
    path.write_bytes(line("c") + b"raw\n")
    found = tail(path, 3)
    assert messages(found) == ["b", "c", "raw"]
    assert {record.worker for record in found} == {"cart-1"}


def test_the_tail_of_nothing_is_nothing(tmp_path: Path) -> None:
    assert tail(tmp_path / "none.log", 5) == []
    (tmp_path / "empty.log").touch()
    assert tail(tmp_path / "empty.log", 5) == []


def test_the_tail_of_a_large_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    path.write_bytes(b"".join(line(f"{n} " + "x" * 5000) for n in range(100)))
    assert [message.split()[0] for message in messages(tail(path, 30))] == [str(n) for n in range(70, 100)]


def test_history_is_in_order_over_all_files_from_the_time_asked_for(tmp_path: Path) -> None:
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    one.write_bytes(line("a", at=1) + line("c", at=3) + b"raw after c\n" + line("e", at=5))
    two.write_bytes(line("b", at=2) + line("d", at=4))
    assert messages(list(history([one, two], since=2.0))) == ["b", "c", "raw after c", "d", "e"]


def test_a_file_of_raw_lines_only_has_the_time_of_its_last_change(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    path.write_bytes(b"Traceback\nImportError\n")
    os.utime(path, (50, 50))
    assert [record.at for record in history([path], since=40)] == [50, 50]
    assert not list(history([path], since=60))


def test_a_follower_reads_on_through_turns(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    writer = RotatingWriter(path, max_bytes=60, keep=3)
    follower = LogFollower(path)
    seen: list[str] = []
    for number in range(60):
        writer.write(b"line %02d %s\n" % (number, b"x" * 10))
        if number % 3 == 0:
            seen += messages(follower.read())
    seen += messages(follower.read())
    assert [message[5:7] for message in seen] == [f"{number:02d}" for number in range(60)]


def test_a_follower_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    path.write_bytes(b"")
    follower = LogFollower(path)
    with path.open("ab", buffering=0) as file:
        file.write(b"half")
        assert follower.read() == []
        file.write(b" and half\n")
        assert messages(follower.read()) == ["half and half"]


def test_a_follower_finds_a_file_that_comes_later_or_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    follower = LogFollower(path)
    assert follower.read() == []
    path.write_bytes(b"first\n")
    assert messages(follower.read()) == ["first"]
    os.truncate(path, 0)
    path.open("ab").write(b"next\n")
    assert messages(follower.read()) == ["next"]


def test_following_gives_what_was_and_what_comes_also_from_new_workers(tmp_path: Path) -> None:
    old = tmp_path / "a.log"
    old.write_bytes(line("too old", at=1) + line("was", at=5))
    steps = itertools.count()

    def sleep(_: float) -> None:
        step = next(steps)
        if step == 0:
            with old.open("ab") as file:
                file.write(line("comes", at=6))
        elif step == 1:
            (tmp_path / "b.log").write_bytes(line("is new", at=7))
        else:
            raise KeyboardInterrupt

    found: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        for record in follow(lambda: sorted(tmp_path.glob("*.log")), since=2.0, sleep=sleep):
            found.append(record.message)
    assert found == ["was", "comes", "is new"]


def test_following_without_a_start_begins_with_what_comes(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(line("was"))
    written = iter([line("comes")])

    def sleep(_: float) -> None:
        with path.open("ab") as file:
            file.write(next(written))

    assert next(follow(lambda: [path], sleep=sleep)).message == "comes"
