"""The table of services, shown by ``services`` and at the end of a start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeport.cli.table import Column
from homeport.cli.terminal import state_markup

if TYPE_CHECKING:
    from homeport.registry.api import ServiceSummary


def service_columns() -> list[Column]:
    return [
        Column("SERVICE"),
        Column("STATE", flexible=True),
        Column("READY", rank=1, right=True),
        Column("METHODS", rank=3, right=True),
        Column("CALLS", rank=2, flexible=True),
        Column("ABOUT", rank=4, flexible=True),
    ]


def service_row(summary: ServiceSummary) -> list[str]:
    from rich.markup import escape

    return [
        f"[name]{escape(summary.name)}[/]",
        state_with_reason(summary),
        readiness(summary),
        str(len(summary.methods)) if summary.methods else ("app" if summary.asgi else "0"),
        escape(", ".join(summary.requires)),
        f"[dim]{escape(summary.doc.strip().split(chr(10), 1)[0])}[/]",
    ]


def readiness(summary: ServiceSummary) -> str:
    """Ready of wanted, ``2/3``; an outside service wants nothing of us."""
    return f"{summary.ready}/{summary.registered if summary.wanted is None else summary.wanted}"


def state_with_reason(summary: ServiceSummary) -> str:
    from rich.markup import escape

    if summary.waiting_for:
        return f"{state_markup(summary.state)}, waiting for: {escape(', '.join(summary.waiting_for))}"
    return state_markup(summary.state)
