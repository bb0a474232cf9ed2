"""How a build report is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from homeport.cli.human import duration, memory, plural
from homeport.cli.table import Column, print_table

if TYPE_CHECKING:
    from homeport.build.report import BuildReport, ServiceCost
    from homeport.cli.terminal import Terminal

_FEW = 8  # files that are named; of more, how many


def print_report(terminal: Terminal, report: BuildReport) -> None:
    """A line for each service, dearest first, and the files that no service reaches."""
    columns = [
        Column("SERVICE"),
        Column("IMPORT", right=True),
        Column("MEMORY", right=True),
        Column("FILES", rank=2, right=True),
        Column("SIZE", rank=2, right=True),
        Column("LIBRARIES", rank=1, flexible=True),
        Column("SLOWEST", flexible=True, rank=1),
    ]
    print_table(terminal, columns, [_row(cost) for cost in report.services])
    widest = [one for one in report.shared if one.services == len(report.services) > 1]
    if widest:
        terminal.say(f"[dim]all services import[/] {escape(_named([one.path for one in widest]))}")
    if report.unreached:
        terminal.say(f"[dim]no service imports[/] {escape(_named(list(report.unreached)))}")


def _row(cost: ServiceCost) -> list[str]:
    if cost.fault:
        return [escape(cost.name), "[red]failed[/]", "", "", "", "", escape(cost.fault)]
    colour = "[yellow]" if cost.import_seconds >= 0.5 else "[default]"
    slowest = [f"{module} {duration(seconds)}" for module, seconds in cost.slowest[:2] if seconds >= 0.001]
    return [
        escape(cost.name),
        f"{colour}{duration(cost.import_seconds)}[/]",
        memory(cost.import_kilobytes * 1024),
        str(cost.modules),
        memory(cost.size_bytes),
        f"[dim]{escape(', '.join(cost.libraries))}[/]",
        f"[dim]{escape(', '.join(slowest))}[/]",
    ]


def _named(paths: list[str]) -> str:
    rest = len(paths) - _FEW
    return ", ".join(paths[:_FEW]) + (f" and {plural(rest, 'more file')}" if rest > 0 else "")
