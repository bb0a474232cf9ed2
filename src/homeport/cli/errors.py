"""What the command line says, and with which code it ends, for every error that reaches it."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any

import msgspec

from homeport import errors as e
from homeport.build.diagnostics.finding import Finding
from homeport.cli.findings import from_here
from homeport.model import Problem


class ExitCode(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1  # or findings
    USAGE = 2  # or configuration
    NO_NODE = 3  # none running, or more than one
    NO_SUCH_NAME = 4
    TIMED_OUT = 5
    INTERRUPTED = 130


class CommandError(e.HomeportError):
    """A command ends with this message; ``next`` is the step to take, ``kind`` its stable short name."""

    def __init__(
        self,
        message: str,
        *,
        exit_code: ExitCode = ExitCode.FAILED,
        kind: str = "failed",
        next: str = "",
        fields: Mapping[str, Any] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.exit_code, self.kind, self.next, self.fields, self.notes = exit_code, kind, next, fields, notes


def misused(command: str, option: str, why: str) -> CommandError:
    """What was typed for ``option`` cannot be meant."""
    next = f"homeport {command} --help"
    return CommandError(f"invalid value for {option}: {why}", exit_code=ExitCode.USAGE, kind="usage", next=next)


class NodeRefused(e.HomeportError):
    """The node process did not start; ``said`` is its standard error, with a problem object in its last line."""

    def __init__(self, exit_code: int, said: str) -> None:
        super().__init__(exit_code, said)
        self.exit_code, self.said = exit_code, said

    def __str__(self) -> str:
        return self.said or f"the node process ended with exit code {self.exit_code} and said nothing"


class FaultySource(e.HomeportError):
    """The source has errors, so that the command cannot do its work; paths of ``findings`` are absolute."""

    def __init__(self, findings: tuple[Finding, ...], next: str = "homeport check") -> None:
        super().__init__(findings, next)
        self.findings, self.next = findings, next

    def __str__(self) -> str:
        return f"the source has errors, the first of them: {self.findings[0].message}"


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """An error as the command line tells it."""

    exit_code: int
    problem: Problem
    findings: tuple[Finding, ...] = ()  # of a scan: they say it all
    notes: tuple[str, ...] = ()  # further lines for people, such as the far place an exception came from


# The first entry an error is an instance of decides.
_KINDS: tuple[tuple[type[BaseException], ExitCode, int, str], ...] = (
    (e.NoNode, ExitCode.NO_NODE, 503, "No single node found"),
    (e.UnknownService, ExitCode.NO_SUCH_NAME, 404, "No such service"),
    (e.UnknownMethod, ExitCode.NO_SUCH_NAME, 404, "No such method"),
    (e.BadArguments, ExitCode.USAGE, 422, "The arguments do not fit"),
    (e.ConfigError, ExitCode.USAGE, 400, "The configuration is wrong"),
    (e.DefinitionError, ExitCode.USAGE, 400, "The service cannot be served as written"),
    (e.NotAllowed, ExitCode.USAGE, 403, "Not allowed"),
    (e.UsageError, ExitCode.USAGE, 400, "Used in a way that cannot work"),
    (e.DeadlineExceeded, ExitCode.TIMED_OUT, 504, "No answer in time"),
    (e.Overloaded, ExitCode.FAILED, 503, "Overloaded"),
    (e.Unavailable, ExitCode.FAILED, 503, "Unavailable"),
    (e.ServiceError, ExitCode.FAILED, 400, "The service answered with an error"),
    (e.RemoteError, ExitCode.FAILED, 500, "The method failed"),
    (e.ProtocolError, ExitCode.FAILED, 502, "The peer broke the protocol"),
    (e.HomeportError, ExitCode.FAILED, 500, "It could not be done"),
    (TimeoutError, ExitCode.TIMED_OUT, 504, "No answer in time"),
    (KeyboardInterrupt, ExitCode.INTERRUPTED, 499, "Interrupted"),
    (ConnectionError, ExitCode.NO_NODE, 503, "The node does not answer"),
    (PermissionError, ExitCode.FAILED, 403, "Permission denied"),
    (FileNotFoundError, ExitCode.USAGE, 404, "No such file"),
    (OSError, ExitCode.FAILED, 500, "The system refused"),
)


def explain(error: BaseException) -> Explained:
    """Say in one place what an error means to the person, or the program, that ran the command."""
    if isinstance(error, CommandError):
        return Explained(exit_code=error.exit_code, problem=_problem_of_command(error), notes=error.notes)
    if isinstance(error, NodeRefused):
        return _refused(error)
    if isinstance(error, FaultySource):
        return _faulty(error)
    if isinstance(error, e.RemoteError):
        return _remote(error)
    if callable(getattr(error, "format_message", None)):
        return _misused(error)
    for kind, exit_code, status, title in _KINDS:
        if isinstance(error, kind):
            return Explained(exit_code=exit_code, problem=_problem(error, status, title))
    return _bug(error)


def _problem_of_command(error: CommandError) -> Problem:
    return Problem(
        type=_urn(error.kind),
        title=error.kind.replace("_", " ").capitalize(),
        status=_STATUS_OF_EXIT[error.exit_code],
        detail=str(error),
        code=error.kind,
        fields=dict(error.fields) if error.fields else None,
        next=error.next,
    )


def _faulty(error: FaultySource) -> Explained:
    problem = Problem(
        type=_urn("scan_failed"),
        title="The source has errors",
        status=400,
        detail=str(error),
        code="scan_failed",
        fields={"findings": error.findings},
        next=error.next,
    )
    return Explained(exit_code=ExitCode.FAILED, problem=problem, findings=error.findings)


_STATUS_OF_EXIT = {
    ExitCode.FAILED: 500,
    ExitCode.USAGE: 400,
    ExitCode.NO_NODE: 503,
    ExitCode.NO_SUCH_NAME: 404,
    ExitCode.TIMED_OUT: 504,
    ExitCode.INTERRUPTED: 499,
    ExitCode.DONE: 200,
}


def _problem(error: BaseException, status: int, title: str) -> Problem:
    detail = _sentence(error)
    of_node = _UNANSWERED_BY_NODE.match(detail)
    if of_node:
        detail = f"the node process does not answer ({of_node['asked']} was asked in vain)"
    code = error.code if isinstance(error, e.ServiceError) else e.snake_case(type(error).__name__)
    return Problem(
        type=_urn(code),
        title=title,
        status=error.status if isinstance(error, e.ServiceError) else status,
        detail=detail,
        code=code,
        fields=(error.fields or None) if isinstance(error, e.ServiceError) else None,
        next="homeport doctor" if of_node or _disk_full(error) else _next_of(error, detail),
    )


def _next_of(error: BaseException, detail: str) -> str:
    return next_step(detail) or _NEXT.get(type(error).__name__, "")


def _disk_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


_UNANSWERED_BY_NODE = re.compile(r"(?P<asked>homeport(?:_node)?\.\w+) did not answer")
_NEXT = {
    "NoNode": "homeport run TARGET",
    "ConnectionRefusedError": "homeport doctor",
    "ConnectionLost": "homeport ps",
    "ConnectionResetError": "homeport doctor",
}


def _sentence(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, e.HomeportError):
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror.lower()}{where}"
    return str(error) or e.snake_case(type(error).__name__).replace("_", " ")


def _urn(code: str) -> str:
    return f"urn:homeport:error:{code.replace('_', '-')}"


def next_step(detail: str) -> str:
    """The command a message names as the thing to do: what stands in its last backticks after "run" or "try"."""
    found = re.findall(r"(?:run|try|with) `([^`]+)`", detail)
    return found[-1] if found else ""


_FAR_PLACE = re.compile(r'File "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)')


_LIBRARY = re.compile(r"/(?:site-packages|dist-packages|lib/python3\.\d+)/|/src/homeport/|^<")


def _remote(error: e.RemoteError) -> Explained:
    places = list(_FAR_PLACE.finditer(error.traceback))
    notes: tuple[str, ...] = ()
    if places:
        last = ([place for place in places if not _LIBRARY.search(place["path"])] or places)[-1]
        notes = (f"at {from_here(Path(last['path']))}:{last['line']} in {last['name']}",)
    problem = Problem(
        type=_urn("remote_error"),
        title="The method failed",
        status=500,
        detail=f"{error.service}.{error.method} raised {error.kind}: {error.message}",
        code="remote_error",
        next=f"homeport logs {error.service} --since 1m",
    )
    return Explained(exit_code=ExitCode.FAILED, problem=problem, notes=notes)


def _refused(error: NodeRefused) -> Explained:
    known = error.exit_code in (ExitCode.FAILED, ExitCode.USAGE, ExitCode.NO_NODE, ExitCode.TIMED_OUT)
    code = error.exit_code if known else ExitCode.FAILED
    *before, last = error.said.splitlines() or [""]
    try:
        problem = msgspec.json.decode(last, type=Problem)
        findings = msgspec.convert((problem.fields or {}).get("findings", ()), tuple[Finding, ...])
    except (msgspec.DecodeError, msgspec.ValidationError):
        problem = Problem(
            type=_urn("node_refused"),
            title="The node did not start",
            status=500,
            detail=str(error),
            code="node_refused",
            next="homeport logs node",
        )
        return Explained(exit_code=code, problem=problem)
    if not problem.next:
        problem = msgspec.structs.replace(problem, next=next_step(problem.detail))
    return Explained(exit_code=code, problem=problem, notes=tuple(before), findings=findings)


_LIBRARY_WORDS = re.compile(r"Value error, |, unable to parse string as an? \w+$")


def _misused(error: Any) -> Explained:
    """A wrong option or argument, as typer raises it (its base class is not public)."""
    path = error.ctx.command_path if getattr(error, "ctx", None) else "homeport"
    message = _LIBRARY_WORDS.sub("", error.format_message().rstrip("."))
    problem = Problem(
        type=_urn("usage"),
        title="The command was not understood",
        status=400,
        detail=message[:1].lower() + message[1:],
        code="usage",
        next=f"{path} --help",
    )
    return Explained(exit_code=ExitCode.USAGE, problem=problem)


def _bug(error: BaseException) -> Explained:
    detail = f"unexpected {type(error).__name__}: {error}" if str(error) else f"unexpected {type(error).__name__}"
    problem = Problem(
        type=_urn("internal"),
        title="Homeport failed in a way it did not expect",
        status=500,
        detail=detail,
        code="internal",
        next="run it again with HOMEPORT_TRACEBACK=1 to see where, and report it",
    )
    return Explained(exit_code=ExitCode.FAILED, problem=problem)
