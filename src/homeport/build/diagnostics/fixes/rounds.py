"""Makes the edits of findings, looks again, and goes on until there is nothing left to edit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from homeport.build.diagnostics.finding import Edit, Finding
from homeport.build.diagnostics.fixes.writing import NotFixed, changed, replace
from homeport.build.diagnostics.texts import Texts
from homeport.build.plan import Plan

ROUNDS = 20  # edits that undo each other end here; each round makes all that do not touch the same places


class Looked(msgspec.Struct, frozen=True):
    """One look at the application."""

    plan: Plan
    findings: tuple[Finding, ...]
    texts: Texts
    silenced: int = 0


class Fixed(msgspec.Struct, frozen=True):
    looked: Looked  # the last look
    made: Mapping[str, int]  # findings mended, by code
    files: tuple[str, ...]
    refused: Mapping[str, str]  # path → why it was left


def fix(look: Callable[[], Looked]) -> Fixed:
    """Edit the files of the application until ``look`` finds nothing more to edit.

    If an edit changes which service calls which, it is taken back: declaring a handle must not.
    """
    looked = look()
    before = _links(looked.plan)
    made: Counter[str] = Counter()
    files: set[str] = set()
    refused: dict[str, str] = {}
    for _ in range(ROUNDS):
        written, mended = _round(looked, refused)
        if not written:
            break
        again = look()
        if _links(again.plan) != before:
            for path, (old, new) in written.items():
                replace(looked.texts.root / path, new, old)
                refused[path] = "the edits would have changed which services it calls; they were taken back"
            looked = look()
            continue
        looked = again
        made.update(mended)
        files |= written.keys()
    return Fixed(looked, dict(made), tuple(sorted(files)), refused)


def edited(looked: Looked) -> dict[str, tuple[bytes, bytes]]:
    """What one round would make of each file: path → (before, after)."""
    result = {}
    for path, findings in _fixable(looked.findings).items():
        before = looked.texts.bytes_of(path)
        try:
            result[path] = (before, changed(before, [_in_file(finding, path) for finding in findings])[0])
        except NotFixed:
            continue
    return result


def _round(looked: Looked, refused: dict[str, str]) -> tuple[dict[str, tuple[bytes, bytes]], Counter[str]]:
    written: dict[str, tuple[bytes, bytes]] = {}
    mended: Counter[str] = Counter()
    for path, findings in _fixable(looked.findings).items():
        if path in refused:
            continue
        before = looked.texts.bytes_of(path)
        try:
            after, applied = changed(before, [_in_file(finding, path) for finding in findings])
            if after != before:
                replace(looked.texts.root / path, before, after)
                written[path] = (before, after)
                mended.update(findings[number].code for number in applied.groups)
        except NotFixed as error:
            refused[path] = str(error)
    return written, mended


def _fixable(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.edits:
            found.setdefault(finding.path, []).append(finding)
    return found


def _in_file(finding: Finding, path: str) -> list[Edit]:
    return [edit for edit in finding.edits if edit.path == path]


def _links(plan: Plan) -> set[tuple[str, str, str, bool]]:
    return {
        (service.name, dependency.attribute, dependency.service, dependency.optional)
        for service in plan.services
        for dependency in service.dependencies
    }
