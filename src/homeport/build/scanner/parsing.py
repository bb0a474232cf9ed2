"""Source bytes in, syntax tree out, or a finding that says why there is none."""

from __future__ import annotations

import ast
import codecs
import re
import sys
import warnings

from homeport.build.diagnostics.finding import Finding

_NEWER_SYNTAX: tuple[tuple[tuple[int, int], re.Pattern[str], str], ...] = (
    # Searched for in the line that the parser refuses; the first that fits names the version.
    ((3, 15), re.compile(r"^\s*lazy\s+(from|import)\b"), "lazy imports"),
    ((3, 14), re.compile(r"^\s*except\*?\s+[\w.]+\s*(,\s*[\w.]+\s*)+:"), "several exceptions without parentheses"),
    ((3, 14), re.compile(r"(?<![\w\"'])([tT][rR]?|[rR][tT])[\"']"), "template strings"),
    ((3, 13), re.compile(r"^\s*(type|class|(async\s+)?def)\s+\w+\s*\[[^\]()]*\w\s*=[^=]"), "type parameter defaults"),
    ((3, 12), re.compile(r"^\s*type\s+\w+\s*(\[.*\]\s*)?=[^=]"), "`type` statements"),
    ((3, 12), re.compile(r"^\s*(class|(async\s+)?def)\s+\w+\s*\["), "type parameters"),
)
_UTF16_OR_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ENCODING_FAULTS = (
    "unknown encoding",
    "encoding problem",
    "(unicode error)",
    "codec can't decode",
    "codec failed",
    "not a text encoding",
)


class Unparsable(Exception):
    """There is no syntax tree; ``finding`` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding = finding


def parse(source: bytes | str, path: str, python: tuple[int, int] = sys.version_info[:2]) -> ast.Module:
    """The syntax tree of a file; ``python`` is the version that parses it.

    Raises:
        Unparsable: it has none.
    """
    text = source.encode(errors="surrogatepass") if isinstance(source, str) else source
    fault = _undecodable(text, path)
    if fault is not None:
        raise Unparsable(fault)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the interpreter repeats them when it compiles the file
            return ast.parse(source)
    except SyntaxError as error:
        raise Unparsable(_syntax_error(error, text, path, python)) from None
    except (RecursionError, MemoryError):
        raise Unparsable(too_complex(path)) from None
    except ValueError as error:
        found = _finding(path, "HP001", f"cannot be parsed: {error}", "mend it, or exclude the file")
        raise Unparsable(found) from None


def too_complex(path: str) -> Finding:
    return _finding(
        path, "HP005", "is nested too deeply to be parsed", "write it with fewer levels, or exclude the file"
    )


def _undecodable(text: bytes, path: str) -> Finding | None:
    """What only the bytes show; the parser would say less, or name no line."""
    if text.startswith(_UTF16_OR_32):
        return _finding(path, "HP003", "is UTF-16 or UTF-32, which Python does not read", "save it as UTF-8")
    null = text.find(b"\0")
    if null >= 0:
        line, column = _place(text, null)
        message = "holds a null byte, so it is no Python source"
        return _finding(path, "HP003", message, "save it as UTF-8, or exclude the file", line, column)
    return None


def _syntax_error(error: SyntaxError, text: bytes, path: str, python: tuple[int, int]) -> Finding:
    message = error.msg or "invalid syntax"
    if "too many nested" in message or "too many levels of indentation" in message or "stack overflow" in message:
        return too_complex(path)
    if any(fault in message for fault in _ENCODING_FAULTS):
        return _encoding_error(message, text, path, error)
    lines = text.decode(errors="replace").splitlines()
    number = error.lineno if error.lineno and error.lineno > 0 else 1
    line = lines[number - 1] if number <= len(lines) else ""
    column = min(max(error.offset or 1, 1), len(line) + 1)
    needed = _needed_version(line, message, python)
    if needed is not None:
        version, what = needed
        running = ".".join(map(str, python))
        found = f"uses {what}, which need Python {version[0]}.{version[1]}; this is {running}"
        hint = f"run Homeport with Python {version[0]}.{version[1]} or later, or write it in older syntax"
        return _finding(path, "HP002", found, hint, number, column)
    hint = "mend it, or exclude the file if it is no part of the application"
    return _finding(path, "HP001", f"cannot be parsed: {message}", hint, number, column)


def _encoding_error(message: str, text: bytes, path: str, error: SyntaxError) -> Finding:
    if "(unicode error)" in message and "escape" in message:  # of a literal such as "\N{NO SUCH NAME}"
        hint = "mend the escape, or put an r before the string"
        return _finding(path, "HP001", f"cannot be parsed: {message}", hint, error.lineno or 1, error.offset or 1)
    hint = "save it as UTF-8, or name its encoding in the first line: # -*- coding: latin-1 -*-"
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as failure:
        if "codec can't decode" in message or "UTF-8" in message or "utf-8" in message:
            line, column = _place(text, failure.start)
            found = f"is not UTF-8: byte 0x{text[failure.start]:02x} in line {line}"
            return _finding(path, "HP003", found, hint, line, column)
    return _finding(path, "HP003", f"cannot be decoded: {message}", hint, 1, 1)


def _needed_version(line: str, message: str, python: tuple[int, int]) -> tuple[tuple[int, int], str] | None:
    """The version that has this syntax, as far as the refused line tells; None when it may be plainly wrong."""
    for version, pattern, what in _NEWER_SYNTAX:
        if version > python and pattern.search(line):
            return version, what
    if python < (3, 12) and message.startswith("f-string"):
        newer = ("backslash", "unmatched", "unterminated", "expecting '}'", "#", "invalid syntax")
        if any(sign in message for sign in newer) and re.search(r"[fF][rR]?([\"']).*\{.*(\1|\\|#).*\}", line):
            return (3, 12), "quotes, backslashes or comments inside f-strings"
    return None


def _place(text: bytes, offset: int) -> tuple[int, int]:
    before = text[:offset].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    start = before.rfind(b"\n") + 1
    return before.count(b"\n") + 1, len(before[start:].decode(errors="replace")) + 1


def _finding(path: str, code: str, message: str, hint: str, line: int = 1, column: int = 1) -> Finding:
    return Finding(
        severity="error", path=path, line=line, column=column, code=code, message=f"the file {message}", hint=hint
    )
