"""Edits in, changed text out; a finding's edits are made together or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from homeport.build.diagnostics.finding import Edit

_LINE_END = re.compile(r"\r\n|\r|\n")


class Applied(msgspec.Struct, frozen=True):
    text: str
    groups: tuple[int, ...]  # numbers of those that were applied; the others touch the same places


def apply(text: str, groups: Sequence[Sequence[Edit]]) -> Applied:
    """Apply as many groups of edits as do not get in each other's way, earlier ones first.

    An edit that several groups share is made once. Line ends in new text become those of ``text``.
    """
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    newline = line_end(text)
    chosen: dict[tuple[int, int], str] = {}
    applied = []
    for number, group in enumerate(groups):
        ranges = {_range(edit, starts, len(text)): edit.text for edit in group}
        if len(ranges) == len(set(group)) and all(_fits(place, new, chosen) for place, new in ranges.items()):
            chosen |= ranges
            applied.append(number)
    for (start, end), new in sorted(chosen.items(), reverse=True):
        text = text[:start] + new.replace("\n", newline) + text[end:]
    return Applied(text, tuple(applied))


def line_end(text: str) -> str:
    """The one that most lines have."""
    ends = [match.group() for match in _LINE_END.finditer(text)]
    return max(("\n", "\r\n", "\r"), key=ends.count)


def _range(edit: Edit, starts: Sequence[int], length: int) -> tuple[int, int]:
    return _offset(edit.line, edit.column, starts, length), _offset(edit.end_line, edit.end_column, starts, length)


def _offset(line: int, column: int, starts: Sequence[int], length: int) -> int:
    return min(starts[line - 1] + column - 1, length) if line <= len(starts) else length


def _fits(place: tuple[int, int], new: str, chosen: dict[tuple[int, int], str]) -> bool:
    """Whether the edit is made already, or touches none of those that are."""
    if place in chosen:
        return chosen[place] == new
    return not _touches(place, chosen)


def _touches(place: tuple[int, int], others: Iterable[tuple[int, int]]) -> bool:
    start, end = place
    return any(start == first or (start < last and first < end) for first, last in others)
