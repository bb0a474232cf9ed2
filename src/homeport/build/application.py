"""Finds the services of an application in its source, without importing any of it."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from homeport.build.analyzer.analysis import Analysis, KeptAnalysis, analyse, analyse_attribute
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import Plan
from homeport.build.scanner.memory import asked_digest
from homeport.build.scanner.sources import Sources
from homeport.build.scanner.store import Trust
from homeport.build.scanner.targets import TargetPlace, find_target


def scan(
    target: str,
    cwd: Path,
    exclude: Sequence[str] = (),
    *,
    markers: Sequence[str] = (),
    cache: Path | None = None,
    trust: Trust = "times",
) -> Plan:
    """The services that TARGET holds, with all that their source says of them.

    Whatever is wrong with the source is among the plan's findings, never an exception. ``markers`` are the full names
    of decorators that count as ``@service`` though the source does not show it. ``cache`` is a folder that keeps
    what was read from one scan to the next, so that the next reads only what changed: by size and times of the files,
    or, if ``trust`` is ``content``, by nothing but their content.

    Raises:
        UsageError: TARGET itself does not exist.
    """
    place = find_target(target, cwd)
    with _without_garbage_collection():
        # All that was read is gone when this returns, so that the collector does not go through it.
        return _plan_of(place, target, exclude, markers, cache, trust)


def _plan_of(
    place: TargetPlace,
    target: str,
    exclude: Sequence[str],
    markers: Sequence[str],
    cache: Path | None,
    trust: Trust,
) -> Plan:
    sources = Sources(place.root, cache, trust)
    try:
        sources.look_through(place.scope, exclude)
        asked = asked_digest(place.scope, place.attribute, exclude, markers)
        return sources.recall(asked) or _scan(sources, place, target, exclude, markers, asked)
    finally:
        sources.close()


def _scan(
    sources: Sources, place: TargetPlace, target: str, exclude: Sequence[str], markers: Sequence[str], asked: bytes
) -> Plan:
    if place.attribute:
        analysis = analyse_attribute(sources, sources.at(place.scope), place.attribute, target, markers)
    else:
        analysis = _analysis(sources, markers, asked)
    findings = list(analysis.findings)
    if not analysis.services and not any(finding.severity == "error" for finding in findings):
        findings.append(_nothing_to_run(place, sources.files))
    scope = place.scope.relative_to(place.root).as_posix()
    plan = Plan(
        root=str(place.root),
        services=analysis.services,
        findings=tuple(sorted(findings, key=_place)),
        scope="" if scope == "." else scope,
        attribute=place.attribute,
        exclude=tuple(exclude),
        commented=sources.commented() if not place.attribute else (),
    )
    sources.keep(asked, plan, analysis.kept, analysis.kept.files if analysis.kept is not None else ())
    return plan


def _analysis(sources: Sources, markers: Sequence[str], asked: bytes) -> Analysis:
    earlier = sources.earlier(asked)
    if earlier is not None:
        try:
            kept = msgspec.msgpack.decode(earlier.analysis, type=KeptAnalysis)
        except msgspec.DecodeError:
            pass
        else:
            return analyse(sources, markers, kept, earlier.changed(kept.files))
    return analyse(sources, markers)


def _place(found: Finding) -> tuple[str, int, int, str, str]:
    return found.path, found.line, found.column, found.code, found.message


def _nothing_to_run(place: TargetPlace, files: int) -> Finding:
    root, scope = place.root, place.scope
    return Finding(
        severity="error",
        path=scope.relative_to(root).as_posix() if scope.is_relative_to(root) else str(scope),
        line=1,
        column=1,
        code="HP109",
        message=f"no class marked with @service in {scope} ({files} files read)",
        hint="mark one, or name an app as module:app",
    )


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Syntax trees are many objects without cycles; to look for garbage among them doubles the time of a scan."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
