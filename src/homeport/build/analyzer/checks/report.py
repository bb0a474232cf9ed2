"""Makes findings: at a place of the source, with the severity of their rule."""

from __future__ import annotations

from typing import Protocol

from homeport.build.diagnostics.finding import Finding
from homeport.build.diagnostics.rules import RULES


class Placed(Protocol):
    """Something with a place in the source; lines and columns from 1, the end exclusive."""

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...

    @property
    def end_line(self) -> int: ...

    @property
    def end_column(self) -> int: ...


def finding(code: str, path: str, at: Placed, message: str, hint: str) -> Finding:
    """What the rule ``code`` has to say of one place; ``hint`` is the way out."""
    return Finding(
        severity=RULES[code].severity,
        path=path,
        line=at.line,
        column=at.column,
        end_line=at.end_line,
        end_column=at.end_column,
        code=code,
        message=message,
        hint=hint,
    )


def maybe_meant(names: list[str]) -> str:
    """``did you mean 'payments' or 'payment'?``; empty when nothing comes near."""
    return f"did you mean {' or '.join(repr(name) for name in names)}?" if names else ""
