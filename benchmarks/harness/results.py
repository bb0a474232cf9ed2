"""What a benchmark found: as markdown for people, as JSON for programs, as a section of RESULTS.md for the record."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.harness import machine

FOLDER = Path(__file__).resolve().parent.parent
RESULTS = FOLDER / "RESULTS.md"
CACHE = FOLDER / ".cache"


class Bar(msgspec.Struct, frozen=True):
    """A promise with a number; ``met`` is None when it could not be measured here."""

    what: str
    wanted: str
    measured: str
    met: bool | None


class Table(msgspec.Struct, frozen=True):
    columns: tuple[str, ...]  # the first names the row; the others hold numbers
    rows: Sequence[tuple[str, ...]]
    title: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """``raw`` is every single measurement, for whoever wants to count differently."""

    name: str  # of the section in RESULTS.md
    title: str
    tables: list[Table]
    bars: list[Bar] = []
    notes: list[str] = []
    raw: Any = None


def at_most(what: str, limit: float, measured: float | None, form: str = ".2f", unit: str = "") -> Bar:
    return _bar(what, "≤", limit, measured, form, unit)


def at_least(what: str, limit: float, measured: float | None, form: str = ".2f", unit: str = "") -> Bar:
    return _bar(what, "≥", limit, measured, form, unit)


def _bar(what: str, sign: str, limit: float, measured: float | None, form: str, unit: str) -> Bar:
    if measured is None:
        return Bar(what, f"{sign} {limit:g}{unit}", "–", None)
    met = measured <= limit if sign == "≤" else measured >= limit
    return Bar(what, f"{sign} {limit:g}{unit}", f"{measured:{form}}{unit}", met)


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """A command line with the options that every benchmark has."""
    made = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=(description or "").split("\n")[0])
    made.add_argument("--write", action="store_true", help="put the results in RESULTS.md, in place of those before")
    made.add_argument("--json", type=Path, default=CACHE / f"{name}.json", help="where the JSON goes")
    return made


def publish(report: Report, options: argparse.Namespace) -> int:
    """Print the report and keep it as asked; the exit status says whether every bar that was measured was met."""
    command = " ".join(["python -m", f"benchmarks.{report.name}", *(one for one in sys.argv[1:] if one != "--write")])
    text = render(report, command, machine.description(), datetime.date.today())
    print(text)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_bytes(msgspec.json.format(msgspec.json.encode({"command": command, "report": report})))
    if options.write:
        RESULTS.write_text(replaced(RESULTS.read_text(), report.name, text))
    return 1 if any(bar.met is False for bar in report.bars) else 0


def render(report: Report, command: str, machine: str, day: datetime.date) -> str:
    parts = [f"## {report.title}", f"`{command}`  \n{day.isoformat()} · {machine}"]
    for table in report.tables:
        if table.title:
            parts.append(f"**{table.title}**")
        parts.append(_markdown(table.columns, table.rows))
    if report.bars:
        rows = [(bar.what, bar.wanted, bar.measured, _verdict(bar)) for bar in report.bars]
        parts.append(_markdown(("bar", "wanted", "measured", "met"), rows))
    if report.notes:
        parts.append("\n".join(f"- {note}" for note in report.notes))
    return "\n\n".join(parts) + "\n"


def _verdict(bar: Bar) -> str:
    return "not measured" if bar.met is None else "yes" if bar.met else "**no**"


def _markdown(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [columns, ("---", *("---:" for _ in columns[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def replaced(document: str, name: str, section: str) -> str:
    """The document with ``section`` between the markers of ``name``.

    Raises:
        ValueError: it has no such markers.
    """
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
    before, opening, rest = document.partition(begin)
    _, closing, after = rest.partition(end)
    if not opening or not closing:
        raise ValueError(f"{RESULTS.name} has no section between {begin.strip()} and {end}; put the markers back")
    return f"{before}{begin}{section}{end}{after}"
