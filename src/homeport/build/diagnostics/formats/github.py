"""Findings as workflow commands, which GitHub shows beside the lines of a pull request."""

from __future__ import annotations

from homeport.build.diagnostics.report import Report, Told

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def github(report: Report) -> str:
    """Source: "Workflow commands for GitHub Actions", GitHub Docs."""
    return "".join(f"{_command(told)}\n" for told in report.told)


def _command(told: Told) -> str:
    finding, span = told.finding, told.span
    properties = {"title": f"Homeport {finding.code}".strip()}
    if told.path:
        properties["file"] = told.path
    if span is not None:
        properties |= {"line": str(span.line), "endLine": str(span.end_line)}
        if span.line == span.end_line:  # columns of a range over lines are refused
            properties |= {"col": str(span.column), "endColumn": str(span.end_column)}
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    hint = f"\nhint: {finding.hint}" if finding.hint else ""
    return f"::{_COMMANDS[finding.severity]} {listed}::{_data(f'{told.lead}{finding.message}{hint}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
