"""Prints what a check found, in the format that was asked for."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from homeport.build.diagnostics.report import Report, told
from homeport.build.diagnostics.texts import decoded
from homeport.cli.findings import styled
from homeport.cli.human import plural

if TYPE_CHECKING:
    from pathlib import Path

    from homeport.build.diagnostics.fixes.rounds import Fixed, Looked
    from homeport.cli.checking.look import Format
    from homeport.cli.terminal import Terminal


def report_of(looked: Looked, here: Path) -> Report:
    """For a reader in the folder ``here``."""
    return Report(
        told=told(looked.findings, looked.texts, here),
        root=looked.plan.root,
        services=tuple(service.name for service in looked.plan.services),
        silenced=looked.silenced,
    )


def print_report(terminal: Terminal, report: Report, format: Format) -> None:
    """Print all findings; people get a last line that counts them. Each format is loaded only when it is wanted."""
    match format:
        case "full":
            from homeport.build.diagnostics.formats.full import full

            for number, one in enumerate(report.told):
                if number:
                    terminal.say("")
                for row in full(one):
                    terminal.out.print(styled(row), soft_wrap=True)  # wrapped words would leave the marks behind
            _summary(terminal, report)
        case "concise":
            from homeport.build.diagnostics.formats.concise import concise

            _write(concise(report).encode("utf-8", "backslashreplace"))
            _summary(terminal, report)
        case "json":
            from homeport.build.diagnostics.formats.plain_json import as_json

            _write(as_json(report))
        case "sarif":
            import homeport
            from homeport.build.diagnostics.formats.sarif import sarif

            _write(sarif(report, homeport.__version__))
        case "github":
            from homeport.build.diagnostics.formats.github import github

            _write(github(report).encode("utf-8", "backslashreplace"))
        case "junit":
            from homeport.build.diagnostics.formats.junit import junit

            _write(junit(report).encode("utf-8", "xmlcharrefreplace"))


def print_fixed(terminal: Terminal, fixed: Fixed) -> None:
    """Say what was edited and what was left, beside the result."""
    from rich.markup import escape

    made = sum(fixed.made.values())
    if made:
        codes = ", ".join(f"{count} {code}" for code, count in sorted(fixed.made.items()))
        files = plural(len(fixed.files), "file")
        terminal.note(f"[green]{terminal.symbols.ok}[/] fixed {plural(made, 'finding')} in {files} ({codes})")
    for path, why in sorted(fixed.refused.items()):
        terminal.note(f"[yellow]{terminal.symbols.warn}[/] {escape(path)} was left as it is: {escape(why)}")


def print_diff(terminal: Terminal, edited: Mapping[str, tuple[bytes, bytes]]) -> None:
    """What ``--fix`` would change, as a patch."""
    from rich.text import Text

    styles = {"+": "green", "-": "red", "@": "cyan"}
    for path, (before, after) in sorted(edited.items()):
        old, new = (decoded(source).splitlines(keepends=True) for source in (before, after))
        for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
            shown = Text(line.rstrip("\r\n"), style="" if line[:3] in ("+++", "---") else styles.get(line[0], ""))
            terminal.out.print(shown, soft_wrap=True)


def _summary(terminal: Terminal, report: Report) -> None:
    counts = [plural(number, name) for name in ("error", "warning", "note") if (number := report.count(name))]
    services = plural(len(report.services), "service")
    silenced = f", {report.silenced} silenced" if report.silenced else ""
    if not counts:
        terminal.note(f"[green]{terminal.symbols.ok}[/] nothing to mend in {services}{silenced}")
        return
    fixable = f"; `homeport check --fix` mends {report.fixable}" if report.fixable else ""
    terminal.note(f"{', '.join(counts)} in {services}{silenced}{fixable}")


def _write(encoded: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(encoded)
    sys.stdout.buffer.flush()
