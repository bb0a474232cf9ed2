"""Says why a start does not come to its end: what is missing, what crashed and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from homeport.build.plan import Finding
from homeport.cli.human import duration, plural
from homeport.errors import near_names
from homeport.model import Instance, State
from homeport.node.api import NodeStatus, WorkerStatus
from homeport.registry.api import ServiceSummary

LAST_LINES = 12  # of a crashed worker's output
TELLING = 3  # lines of a crash that stand for it once it has been shown in full

_PLACE = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')


class Trouble(NamedTuple):
    """One sentence, and the lines below it."""

    message: str
    notes: tuple[str, ...]
    next: str


def not_ready(
    status: NodeStatus, instances: Sequence[Instance], summaries: Sequence[ServiceSummary], timeout: float
) -> Trouble:
    """What to tell when some services are not ready after ``timeout`` seconds."""
    behind = sorted(status.waiting)
    total = max(len(services_of(status)), len(behind))
    message = f"{len(behind)} of {plural(total, 'service')} not ready after {duration(timeout)}"
    notes = [note for service in behind for note in _service_notes(service, status, instances, summaries)]
    if not behind:
        message = f"the node is not ready after {duration(timeout)}: the front does not answer"
        return Trouble(message, (), "homeport logs front, homeport logs node")
    return Trouble(message, tuple(notes), f"homeport logs {behind[0]}")


def crashed(worker: WorkerStatus, status: NodeStatus) -> Trouble:
    """What to tell of a worker that ended before it was ready."""
    cause = worker.cause
    place = place_of(cause.evidence, status) if cause else ""
    at = f" at {place}" if place else ""
    what = cause.what if cause else "ended"
    lines = last_lines(cause.evidence, LAST_LINES, status) if cause else []
    service = worker.services[0] if worker.services else worker.name
    return Trouble(f"worker {worker.name} failed{at}: {what}", tuple(lines), f"homeport logs {service}")


def place_of(evidence: str, status: NodeStatus) -> str:
    """``path:line`` in the application of the innermost traceback entry that is the application's own, if any."""
    found = ""
    for line in evidence.splitlines():
        match = _PLACE.match(line)
        if match and (own := own_path(match["path"], status)):
            found = f"{own}:{match['line']}"
    return found


def own_path(path: str, status: NodeStatus) -> str:
    """The source file that a file of the release was copied from, relative to the working folder if below it."""
    release = Path(status.data) / "releases" / status.release if status.release else None
    for base in (release, Path(status.root)):
        if base is not None and Path(path).is_relative_to(base):
            source = Path(status.root) / Path(path).relative_to(base)
            here = Path.cwd()
            return str(source.relative_to(here) if source.is_relative_to(here) else source)
    return ""


def last_lines(evidence: str, count: int, status: NodeStatus) -> list[str]:
    """The end of a process's output, with places in the release told as the files they were copied from."""
    lines = [line.rstrip() for line in evidence.strip().splitlines()]
    shown = []
    for line in lines[-count:]:
        match = _PLACE.match(line)
        own = own_path(match["path"], status) if match else ""
        shown.append(line.replace(match["path"], own) if match and own else line)
    return shown


def services_of(status: NodeStatus) -> set[str]:
    """All services that the node's workers host, and those it waits for."""
    return {service for worker in status.workers for service in worker.services} | status.waiting.keys()


def finding_text(finding: Finding) -> str:
    """As compilers write it, so that editors find the place."""
    return f"{finding.path}:{finding.line}:{finding.column}: {finding.severity}: {finding.message}"


def _service_notes(
    service: str, status: NodeStatus, instances: Sequence[Instance], summaries: Sequence[ServiceSummary]
) -> Iterable[str]:
    waiting = [one for one in instances if one.service == service and one.state == State.WAITING and one.waiting_for]
    if waiting:
        known = {summary.name: summary for summary in summaries}
        for name in waiting[0].waiting_for:
            yield f"{service} waits for {_missing(name, known)}"
            yield from (
                f"  {finding_text(finding)}"
                for finding in status.findings
                if f"'{name}'" in finding.message or f'"{name}"' in finding.message
            )
        return
    workers = [one for one in status.workers if service in one.services and one.cause is not None]
    if workers:
        trouble = crashed(workers[0], status)
        yield f"{service}: {trouble.message}"
        yield from (f"  {line}" for line in trouble.notes[-TELLING:])
        return
    yield f"{service}: {status.waiting.get(service, 'not started')}"


def _missing(name: str, known: dict[str, ServiceSummary]) -> str:
    summary = known.get(name)
    if summary is not None and (summary.registered or summary.wanted):
        return f"{name!r}, which is {summary.state} ({summary.ready} of {summary.registered} ready)"
    near = near_names(name, [one for one, found in known.items() if found.registered or found.wanted])
    hint = f" (did you mean {' or '.join(repr(one) for one in near)}?)" if near else ""
    return f"{name!r}, which nobody provides{hint}"
