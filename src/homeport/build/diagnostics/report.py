"""Findings as the formats write them: paths from the reader's folder, columns in characters, source at hand."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.build.diagnostics.texts import Span, Texts


class Line(msgspec.Struct, frozen=True):
    """A line of source, and the columns of it that are meant: from 1, the end exclusive; none when both are 0."""

    number: int
    text: str
    start: int = 0
    end: int = 0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One finding with its place as the reader sees it."""

    finding: Finding
    path: str  # relative to the reader's folder if below it; "" for what has no file
    setting: str = ""  # "[services.cart]", for what has none
    span: Span | None = None  # None: the file as a whole
    lines: tuple[Line, ...] = ()

    @property
    def place(self) -> str:
        """``shop/cart.py:12:5``, as editors and terminals open it."""
        at = f":{self.span.line}:{self.span.column}" if self.span is not None else ""
        return f"{self.path or self.setting}{at}"

    @property
    def lead(self) -> str:
        """The place with what divides it from the message; empty for what concerns the whole folder."""
        return f"{self.place}: " if self.place else ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a check has to tell."""

    told: tuple[Told, ...]
    root: str  # the import root
    services: tuple[str, ...] = ()
    silenced: int = 0

    def count(self, severity: str) -> int:
        return sum(told.finding.severity == severity for told in self.told)

    @property
    def fixable(self) -> int:
        return sum(bool(told.finding.edits) for told in self.told)


CONTEXT = 1  # lines shown before the one that is meant
MOST_LINES = 5  # that are shown of a finding over many


def told(findings: Iterable[Finding], texts: Texts, here: Path) -> tuple[Told, ...]:
    """The findings for a reader in the folder ``here``."""
    return tuple(_tell(finding, texts, here) for finding in findings)


def _tell(finding: Finding, texts: Texts, here: Path) -> Told:
    if finding.path.startswith("["):
        return Told(finding=finding, path="", setting=finding.path)
    path = texts.root / finding.path
    shown = printable(os.fspath(path.relative_to(here)) if path.is_relative_to(here) else os.fspath(path))
    if not finding.line or (path.suffix != ".py" and path.is_dir()):
        return Told(finding=finding, path="" if shown == "." else shown)
    span = texts.span(finding)
    return Told(finding=finding, path=shown, span=span, lines=tuple(_excerpt(finding.path, span, texts)))


def printable(path: str) -> str:
    """A file name that can be printed on one line, whatever bytes it is made of."""
    shown = "".join(character if character.isprintable() else repr(character)[1:-1] for character in path)
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


def _excerpt(path: str, span: Span, texts: Texts) -> Iterable[Line]:
    last = min(span.end_line, span.line + MOST_LINES - 1)
    for number in range(max(span.line - CONTEXT, 1), last + 1):
        text = texts.line(path, number)
        if text is None or (number < span.line and not text.strip()):
            continue
        if number < span.line:
            yield Line(number, text)
            continue
        first = len(text) - len(text.lstrip()) + 1
        start = span.column if number == span.line else first
        end = span.end_column if number == span.end_line else len(text) + 1
        yield Line(number, text, start, max(end, start + 1))
