"""A finding with its source, the place underlined, and the way out; as pieces of text with their roles.

What a role looks like is the terminal's to say.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from homeport.build.diagnostics.report import Line, Report, Told

TAB = 4  # columns a tab is shown as


class Piece(NamedTuple):
    text: str
    role: str = ""  # error, warning, note, place, code, gutter, hint, command; "": plain


Row = list[Piece]


def full(told: Told) -> Iterator[Row]:
    """The rows of one finding."""
    finding = told.finding
    code = [Piece(finding.code, finding.severity), Piece(" ")] if finding.code else []
    yield [
        Piece(told.lead, "place"),
        *code,
        Piece(f"{finding.severity}: ", finding.severity),
        Piece(finding.message),
    ]
    width = len(str(told.lines[-1].number)) if told.lines else 1
    bar = Piece(f"{' ' * width} |", "gutter")
    if told.lines:
        yield [bar]
        for line in told.lines:
            yield from _source(line, width, finding.severity)
        yield [bar]
    notes = [("hint: ", finding.hint)] if finding.hint else []
    if finding.code:
        notes.append(("help: ", f"homeport explain {finding.code}"))
    for label, text in notes:
        yield [Piece(f"{' ' * width} = ", "gutter"), Piece(label, "hint"), Piece(text, "command" * (label == "help: "))]


def as_text(rows: Iterable[Row]) -> str:
    return "".join("".join(piece.text for piece in row).rstrip() + "\n" for row in rows)


def plain(report: Report) -> str:
    """All findings without colours, an empty line between them."""
    return "\n".join(as_text(full(told)) for told in report.told)


def _source(line: Line, width: int, role: str) -> Iterator[Row]:
    yield [Piece(f"{line.number:>{width}} | ", "gutter"), Piece(_shown(line.text))]
    if line.start:
        before = _cells(line.text[: line.start - 1])
        marked = _cells(line.text[line.start - 1 : line.end - 1]) or 1
        yield [Piece(f"{' ' * width} | ", "gutter"), Piece(" " * before), Piece("^" * marked, role)]


def _shown(text: str) -> str:
    """With tabs spread, and control characters, which could play with the terminal, as marks."""
    return "".join(" " * TAB if c == "\t" else "\N{REPLACEMENT CHARACTER}" if _is_control(c) else c for c in text)


def _cells(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(TAB if character == "\t" else _width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")
