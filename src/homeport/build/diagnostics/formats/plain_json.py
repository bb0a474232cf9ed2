"""Findings as one JSON document, for programs."""

from __future__ import annotations

from typing import Any

import msgspec

from homeport.build.diagnostics.report import Report, Told


def as_json(report: Report) -> bytes:
    """Keys do not change within a major version; new ones may come."""
    document = {
        "root": report.root,
        "services": list(report.services),
        "counts": {severity: report.count(severity) for severity in ("error", "warning", "note")},
        "silenced": report.silenced,
        "findings": [_finding(told) for told in report.told],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _finding(told: Told) -> dict[str, Any]:
    finding, span = told.finding, told.span
    return {
        "code": finding.code,
        "severity": finding.severity,
        "path": told.path or None,
        "setting": told.setting or None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
        "message": finding.message,
        "hint": finding.hint or None,
        "edits": [msgspec.to_builtins(edit) for edit in finding.edits],
    }
