"""One thing that is wrong, or worth knowing, at one place of the source."""

from __future__ import annotations

import msgspec


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of source to replace; lines and columns count from 1, and the end is exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the scan, the analysis or the settings have to say."""

    severity: str  # error, warning, note
    path: str  # relative to the import root
    line: int  # from 1; 0: the file as a whole
    column: int
    message: str
    code: str = ""  # HP201; see rules.py
    end_line: int = 0  # 0: not known
    end_column: int = 0  # exclusive
    hint: str = ""  # the way out, as a sentence of its own
    edits: tuple[Edit, ...] = ()  # what `homeport check --fix` may do about it: only what cannot change behaviour


def labelled(finding: Finding) -> str:
    """``HP202 error: message; hint``: what follows the place in a line about it."""
    code = f"{finding.code} " if finding.code else ""
    hint = f"; {finding.hint}" if finding.hint else ""
    return f"{code}{finding.severity}: {finding.message}{hint}"
