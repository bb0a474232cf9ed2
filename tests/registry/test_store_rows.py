"""Journal rows: they prove themselves, and fold from the last whole snapshot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.registry.store.recovery import snapshot_rows
from homeport.registry.store.rows import Cell, Row, carve, pack, replay, unpack

ROW = Row(7, 40, (Cell("a", b"value", b"note", 41), Cell("b", None)))


def put(number: int, key: str, value: bytes | None) -> Row:
    return Row(number, number, (Cell(key, value, b"", number),))


def test_a_row_survives_packing() -> None:
    assert unpack(pack(ROW)) == ROW


@given(st.integers(0, len(pack(ROW)) * 8 - 1))
def test_a_row_with_any_flipped_bit_is_refused(bit: int) -> None:
    blob = bytearray(pack(ROW))
    blob[bit // 8] ^= 1 << bit % 8
    assert unpack(bytes(blob)) is None


@given(st.integers(0, len(pack(ROW)) - 1))
def test_a_row_cut_anywhere_is_refused(length: int) -> None:
    assert unpack(pack(ROW)[:length]) is None


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_sound_rows_are_found_between_any_rubbish(before: bytes, between: bytes, after: bytes) -> None:
    raw = before + pack(ROW) + between + pack(put(8, "c", b"")) + after
    assert [row.number for row in carve(raw)] == [7, 8]


def test_a_snapshot_replaces_what_was_before() -> None:
    rows = [put(1, "old", b"x"), *snapshot_rows(2, 5, [Cell("a", b"1", b"", 3)]), put(4, "b", b"2")]
    past = replay(rows, confirmed=4)
    assert {key: cell.value for key, cell in past.cells.items()} == {"a": b"1", "b": b"2"}
    assert [cell.key for cell in past.history] == ["b"]
    assert (past.last, past.missing, past.headless) == (4, (), False)


def test_a_half_written_snapshot_does_not_count_and_loses_nothing() -> None:
    cells = [Cell("a", b"1", b"", 3), Cell("b", b"2", b"", 4)]
    whole = [*snapshot_rows(1, 0, []), put(2, "a", b"1"), put(3, "b", b"2")]
    half = snapshot_rows(4, 5, cells)[:2]
    past = replay([*whole, *half], confirmed=3)
    assert {key: cell.value for key, cell in past.cells.items()} == {"a": b"1", "b": b"2"}
    assert past.missing == ()


def test_a_missing_row_is_named_also_at_the_end() -> None:
    rows = [*snapshot_rows(1, 0, []), put(2, "a", b"1"), put(4, "b", b"2")]
    assert replay(rows, confirmed=6).missing == (3, 5, 6)


def test_without_any_snapshot_the_beginning_is_known_to_be_lost() -> None:
    past = replay([put(8, "a", b"1")], confirmed=8)
    assert past.headless
    assert past.cells["a"].value == b"1"


@pytest.mark.parametrize("confirmed", [0, 5])
def test_nothing_at_all_is_headless(confirmed: int) -> None:
    assert replay([], confirmed).headless
