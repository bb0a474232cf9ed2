"""Findings as SARIF 2.1.0, which code scanning services read.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import msgspec

from homeport.build.diagnostics.report import Report, Told
from homeport.build.diagnostics.rule import Rule
from homeport.build.diagnostics.rules import RULES

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(report: Report, version: str) -> bytes:
    """One run of the tool; ``version`` is Homeport's. Paths are relative to ``%SRCROOT%``, the reader's folder."""
    codes = sorted({told.finding.code for told in report.told})
    rules = [RULES[code] for code in codes if code in RULES]
    run = {
        "tool": {"driver": {"name": "homeport", "version": version, "rules": [_rule(rule) for rule in rules]}},
        "columnKind": "unicodeCodePoints",
        "results": list(_results(report.told, [rule.code for rule in rules])),
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _rule(rule: Rule) -> dict[str, Any]:
    help_text = f"{rule.why}\n\n{rule.fix}"
    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": {"text": help_text},
        "defaultConfiguration": {"level": rule.severity, "enabled": not rule.quiet},
    }


def _results(findings: Iterable[Told], codes: list[str]) -> Iterable[dict[str, Any]]:
    seen: dict[str, int] = {}
    for told in findings:
        finding = told.finding
        hint = f"\n{finding.hint}" if finding.hint else ""
        result: dict[str, Any] = {"ruleId": finding.code} if finding.code else {}
        if finding.code in codes:
            result["ruleIndex"] = codes.index(finding.code)
        result |= {
            "level": finding.severity,
            "message": {"text": f"{finding.message}{hint}"},
            "locations": [_location(told)],
            "partialFingerprints": {"homeport/v1": _fingerprint(told, seen)},
        }
        if finding.edits and told.span is not None:
            result["fixes"] = [_fix(told)]
        yield result


def _location(told: Told) -> dict[str, Any]:
    if not told.path:
        return {"logicalLocations": [{"fullyQualifiedName": told.setting, "kind": "setting"}]}
    physical: dict[str, Any] = {"artifactLocation": _artifact(told.path)}
    if told.span is not None:
        span = told.span
        physical["region"] = {
            "startLine": span.line,
            "startColumn": span.column,
            "endLine": span.end_line,
            "endColumn": span.end_column,
        }
    return {"physicalLocation": physical}


def _artifact(path: str) -> dict[str, str]:
    pure = PurePath(path)
    if pure.is_absolute():
        return {"uri": pure.as_uri()}
    return {"uri": quote(pure.as_posix()), "uriBaseId": "%SRCROOT%"}


def _fix(told: Told) -> dict[str, Any]:
    replacements = [
        {
            "deletedRegion": {
                "startLine": edit.line,
                "startColumn": edit.column,
                "endLine": edit.end_line,
                "endColumn": edit.end_column,
            },
            "insertedContent": {"text": edit.text},
        }
        for edit in told.finding.edits
    ]
    return {
        "description": {"text": told.finding.hint or told.finding.message},
        "artifactChanges": [{"artifactLocation": _artifact(told.path), "replacements": replacements}],
    }


def _fingerprint(told: Told, seen: dict[str, int]) -> str:
    """The same after lines moved: of the code, the path and the source line; a number tells equal ones apart."""
    meant = next((line.text.strip() for line in told.lines if line.start), "")
    text = "\0".join((told.finding.code, told.path or told.setting, meant, told.finding.message))
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    seen[digest] = seen.get(digest, 0) + 1
    return f"{digest}:{seen[digest]}"
