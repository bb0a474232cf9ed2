"""Tables fit the terminal, whatever its width and its letters."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.build.diagnostics.finding import Finding
from homeport.cli.findings import finding_text, with_source_places
from homeport.cli.human import age, duration, memory
from homeport.cli.table import GAP, LEAST, Column, fit, table_lines
from homeport.cli.terminal import ASCII, UNICODE, Terminal

COLUMNS = [Column("NAME"), Column("STATE", rank=1), Column("NOTE", flexible=True), Column("WHERE", rank=2)]

widths = st.lists(st.integers(0, 60), min_size=4, max_size=4)


@given(widths, st.integers(20, 200))
def test_a_table_is_never_wider_than_the_terminal_once_only_needed_columns_are_left(
    wanted: list[int], width: int
) -> None:
    chosen = dict(fit(COLUMNS, wanted, width))
    total = sum(chosen.values()) + GAP * max(0, len(chosen) - 1)
    assert total <= width or all(COLUMNS[index].rank == 0 for index in chosen)
    assert all(chosen[index] == wanted[index] for index in chosen if not COLUMNS[index].flexible)
    assert all(chosen[index] >= min(wanted[index], LEAST) for index in chosen)


def test_what_matters_least_leaves_first() -> None:
    assert [index for index, _ in fit(COLUMNS, [10, 8, 40, 20], 100)] == [0, 1, 2, 3]
    assert [index for index, _ in fit(COLUMNS, [10, 8, 40, 20], 40)] == [0, 1, 2]
    assert [index for index, _ in fit(COLUMNS, [10, 8, 40, 20], 25)] == [0, 2]


def test_a_column_without_content_is_left_out() -> None:
    assert [index for index, _ in fit(COLUMNS, [10, 0, 5, 0], 100)] == [0, 2]


def rendered(monkeypatch: pytest.MonkeyPatch, width: int, encoding: str = "utf-8") -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    terminal = Terminal()
    rows = [["cart", "[green]ready[/]", "a note that goes on and on", "unix:/x"], ["日本", "down", "short", ""]]
    return [line.plain for line in table_lines(terminal, COLUMNS, rows)]


def test_a_long_note_is_cut_not_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendered(monkeypatch, 30) == [
        "NAME  STATE  NOTE",
        "cart  ready  a note that goes…",
        "日本  down   short",
    ]


def test_a_terminal_without_unicode_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in rendered(monkeypatch, 30, "ascii")[:2]:
        line.encode("ascii")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert Terminal().symbols == ASCII
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert Terminal().symbols == UNICODE


def test_ascii_symbols_are_ascii() -> None:
    "".join(ASCII).encode("ascii")


def test_no_colour_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert Terminal().out.color_system is not None
    monkeypatch.setenv("NO_COLOR", "1")
    assert Terminal().out.no_color


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0004, "0ms"),
        (0.25, "250ms"),
        (0.9996, "1.0s"),
        (2.44, "2.4s"),
        (30, "30s"),
        (200, "3m 20s"),
        (18_120, "5h 02m"),
        (273_600, "3d 4h"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_ages_and_sizes_read_well() -> None:
    assert [age(s) for s in (0.2, 12, 61, 7300, 200_000)] == ["now", "12s", "1m", "2h", "2d"]
    assert [memory(b) for b in (0, 900_000, 48_000_000, 1_240_000_000)] == ["", "900 kB", "48 MB", "1.2 GB"]


def test_places_in_any_release_are_shown_as_their_source() -> None:
    told = "cannot import 'a' from root /srv/.homeport/releases/r2: File \"/srv/.homeport/releases/r2/a/b.py\", line 1"
    assert with_source_places(told, "/srv/.homeport", "/srv/shop") == (
        "cannot import 'a' from root /srv/shop: File \"/srv/shop/a/b.py\", line 1"
    )


def test_a_finding_about_a_setting_has_no_line() -> None:
    finding = Finding(severity="warning", path="[services.pa]", line=0, column=0, message="no service 'pa'")
    assert finding_text(finding, "/srv/shop") == "[services.pa]: warning: no service 'pa'"
