"""Says why a start does not come to its end: what is missing, what crashed and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from homeport.cli.causes import CRASHES
from homeport.cli.findings import from_here, with_source_places
from homeport.cli.human import duration, plural
from homeport.errors import near_names
from homeport.model import Instance, State
from homeport.node.api import NodeStatus, WorkerStatus
from homeport.registry.api import ServiceSummary

LAST_LINES = 12  # of a crashed worker's output, when no traceback says it shorter
TELLING = 3  # lines of a crash that stand for it once it has been shown in full

_FRAME = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')
_FINAL = re.compile(r"^(DefinitionError|ConfigError|UsageError): ")


class Trouble(NamedTuple):
    """One sentence, and the lines below it."""

    message: str
    notes: tuple[str, ...]
    next: str


def not_ready(
    status: NodeStatus, instances: Sequence[Instance], summaries: Sequence[ServiceSummary], timeout: float
) -> Trouble:
    """What to tell when some services are not ready after ``timeout`` seconds."""
    behind = sorted(waiting_services(status))
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
    crash = read_crash(cause.evidence, status) if cause else Crash("", "", ())
    what = crash.what or (cause.what if cause else "ended")
    at = f" at {crash.place}" if crash.place else ""
    service = worker.services[0] if worker.services else worker.name
    return Trouble(f"worker {worker.name} failed{at}: {what}", crash.lines, f"homeport logs {service}")


def hopeless(worker: WorkerStatus, most: int) -> bool:
    """Whether starting the worker again will not help: its code is wrong, or it failed ``most`` times."""
    if worker.cause is None or worker.cause.what not in CRASHES or worker.state == "running":
        return False
    return worker.restarts >= most or bool(_FINAL.match(worker.cause.evidence.strip().rpartition("\n")[2]))


class Crash(NamedTuple):
    """What a process's last output says of its end."""

    place: str  # path:line in the application, or ""
    what: str
    lines: tuple[str, ...]


def read_crash(evidence: str, status: NodeStatus) -> Crash:
    """The application's own part of the last traceback in ``evidence``; without one, the last lines as they are.

    ``evidence`` begins with how the process ended. Places in the release are told as the files they were copied from.
    """
    exit_status, _, output = evidence.strip().partition("\n")
    lines = [_from_source(line.rstrip(), status) for line in output.splitlines()]
    frames = [index for index, line in enumerate(output.splitlines()) if _is_own(line, status)]
    if not frames:
        said = _FINAL.match(lines[-1]) if lines else None
        if said is not None:
            return Crash("", lines[-1][said.end() :], ())
        return Crash("", exit_status, tuple(lines[-LAST_LINES:]))
    match = _FRAME.match(lines[frames[-1]])
    assert match is not None
    kept: list[str] = []
    for index in frames:
        kept.append(lines[index].strip())
        for line in lines[index + 1 :]:
            if _FRAME.match(line) or not line.startswith(" "):
                break
            kept.append(line[2:])
    raised = next((line for line in lines[frames[-1] + 1 :] if line and not line.startswith(" ")), exit_status)
    return Crash(f"{match['path']}:{match['line']}", raised, tuple(kept))


def own_path(path: str, status: NodeStatus) -> str:
    """The source file that a file of the release was copied from, relative to the working folder if below it."""
    for base in (_release(status), Path(status.root)):
        if base is not None and Path(path).is_relative_to(base):
            return from_here(Path(status.root) / Path(path).relative_to(base))
    return ""


def _release(status: NodeStatus) -> Path | None:
    return Path(status.data) / "releases" / status.release if status.release else None


def _from_source(line: str, status: NodeStatus) -> str:
    return with_source_places(line, status.data, from_here(Path(status.root)))


def _is_own(line: str, status: NodeStatus) -> bool:
    match = _FRAME.match(line)
    return match is not None and own_path(match["path"], status) != ""


def services_of(status: NodeStatus) -> set[str]:
    """All services that the node's workers host, and those it waits for."""
    return {service for worker in status.workers for service in worker.services} | waiting_services(status).keys()


def waiting_services(status: NodeStatus) -> dict[str, str]:
    """The services that are behind; the node also names parts of its own, in parentheses."""
    return {name: why for name, why in status.waiting.items() if not name.startswith("(")}


def _service_notes(
    service: str, status: NodeStatus, instances: Sequence[Instance], summaries: Sequence[ServiceSummary]
) -> Iterable[str]:
    waiting = [one for one in instances if one.service == service and one.state == State.WAITING and one.waiting_for]
    if waiting:
        known = {summary.name: summary for summary in summaries}
        for name in waiting[0].waiting_for:
            yield f"{service} waits for {_missing(name, known)}"
            for finding in status.findings:
                if f"'{name}'" in finding.message or f'"{name}"' in finding.message:
                    yield f"  used at {from_here(Path(status.root) / finding.path)}:{finding.line}"
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
