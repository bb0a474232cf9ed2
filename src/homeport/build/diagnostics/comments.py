"""The comments that silence findings: ``# homeport: ignore[HP205]`` and ``# homeport: ignore-file[HP2]``."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

import msgspec

from homeport.build.diagnostics.finding import Finding

_MAYBE = re.compile(rb"homeport:\s*ignore")
_FORM = re.compile(r"#\s*homeport:\s*ignore(?P<file>-file)?(?!\w|-)\s*(?:\[(?P<codes>[^\]#]*)\]|(?P<wrong>\[|HP\d))?")
_CODE = re.compile(r"HP\d{0,3}\Z")


class Ignore(msgspec.Struct, frozen=True, kw_only=True):
    """One such comment; columns count characters from 1."""

    line: int
    column: int  # of its #
    end_column: int  # of what was read; a reason may follow
    codes: tuple[str, ...] = ()  # none: every code
    whole_file: bool = False
    wrong: tuple[str, ...] = ()  # what stands where codes should
    first: int = 0  # the lines of the statement it stands at
    last: int = 0

    def reaches(self, finding: Finding) -> bool:
        """Whether it stands at a line of the finding, or at the first or last line of the statement around that."""
        if self.whole_file or finding.line <= self.line <= max(finding.line, finding.end_line):
            return True
        return self.line in (self.first, self.last) and self.first <= finding.line <= self.last

    def names(self, code: str) -> bool:
        return not (self.codes or self.wrong) or any(code.startswith(prefix) for prefix in self.codes)


def ignores(source: bytes) -> tuple[Ignore, ...]:
    """All of them in a source file, which need not be valid: what cannot be tokenised has none."""
    if not _MAYBE.search(source):
        return ()
    found: list[Ignore] = []
    waiting: list[Ignore] = []  # of the statement that is being read
    first = 0
    for token in _tokens(source):
        if token.type == tokenize.COMMENT:
            waiting.extend(_read(token))
        elif token.type == tokenize.NEWLINE:
            found.extend(_at_statement(waiting, first or token.start[0], token.start[0]))
            waiting, first = [], 0
        elif token.type not in _NO_CODE:
            first = first or token.start[0]
    found.extend(waiting)
    return tuple(found)


_NO_CODE = (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER)


def _tokens(source: bytes) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from tokenize.tokenize(io.BytesIO(source).readline)
    except (SyntaxError, tokenize.TokenError, ValueError):
        return  # the scan says what is wrong with it


def _read(token: tokenize.TokenInfo) -> Iterator[Ignore]:
    line, start = token.start
    for match in _FORM.finditer(token.string):
        written = [part.strip() for part in (match["codes"] or "").split(",")]
        codes = tuple(part for part in written if _CODE.match(part))
        wrong = [part for part in written if part and part not in codes]
        if match["wrong"] or (match["codes"] is not None and not codes and not wrong):
            wrong.append(token.string[match.start() :].strip())
        yield Ignore(
            line=line,
            column=start + match.start() + 1,
            end_column=start + match.end() + 1,
            codes=codes,
            whole_file=bool(match["file"]),
            wrong=tuple(wrong),
        )


def _at_statement(found: list[Ignore], first: int, last: int) -> Iterator[Ignore]:
    for ignore in found:
        yield msgspec.structs.replace(ignore, first=first, last=last)
