"""Source files as findings need them: decoded as Python would, each read once."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import msgspec

from homeport.build.diagnostics.finding import Finding

_LINE_END = re.compile(r"\r\n|\r|\n")  # as Python; str.splitlines() also splits at form feeds
_NAMED = re.compile(r"[\w.]+")
_BYTES_COUNTED = ("HP0",)  # the parser's own errors and comments count characters already


class Span(msgspec.Struct, frozen=True):
    """Where a finding is, in characters from 1; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Texts:
    """The files below ``root``, by the paths that findings have."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._bytes: dict[str, bytes] = {}
        self._lines: dict[str, list[str]] = {}

    def bytes_of(self, path: str) -> bytes:
        """Empty when it cannot be read, or is no file, as for a setting."""
        if path not in self._bytes:
            try:
                self._bytes[path] = (self.root / path).read_bytes() if path.endswith(".py") else b""
            except (OSError, ValueError):
                self._bytes[path] = b""
        return self._bytes[path]

    def lines(self, path: str) -> list[str]:
        """Without their ends; bytes that do not fit the encoding are shown as replacements."""
        if path not in self._lines:
            self._lines[path] = _LINE_END.split(decoded(self.bytes_of(path)))
        return self._lines[path]

    def line(self, path: str, number: int) -> str | None:
        """None when the file has no such line."""
        lines = self.lines(path)
        return lines[number - 1] if 0 < number <= len(lines) else None

    def span(self, finding: Finding) -> Span:
        """Where the finding is, in characters: the scanner counts UTF-8 bytes, as the parser does.

        Of one that does not say where it ends, the dotted name at its place is meant.
        """
        text = self.line(finding.path, finding.line) or ""
        column = self._characters(finding, finding.line, finding.column)
        if finding.end_column:
            end_line = finding.end_line or finding.line
            end_column = self._characters(finding, end_line, finding.end_column)
            if (end_line, end_column) > (finding.line, column):
                return Span(finding.line, column, end_line, end_column)
        named = _NAMED.match(text, column - 1)
        return Span(finding.line, column, finding.line, named.end() + 1 if named else column + 1)

    def _characters(self, finding: Finding, line: int, column: int) -> int:
        text = self.line(finding.path, line)
        if text is None or text.isascii() or finding.code.startswith(_BYTES_COUNTED):
            return column
        return len(text.encode("utf-8", "surrogatepass")[: column - 1].decode("utf-8", "ignore")) + 1


def decoded(source: bytes) -> str:
    """As Python reads it, with line ends as they are; what does not fit the encoding is replaced."""
    return source.decode(encoding_of(source), "replace")


def encoding_of(source: bytes) -> str:
    """By its byte order mark or coding comment; UTF-8 when those say nothing that Python knows."""
    try:
        return tokenize.detect_encoding(io.BytesIO(source).readline)[0]
    except (SyntaxError, UnicodeDecodeError):
        return "utf-8"
