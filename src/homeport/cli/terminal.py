"""Where commands write: people's text through rich, programs' JSON as bytes."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import msgspec

from homeport.cli.errors import Explained
from homeport.cli.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console, RenderableType
    from rich.theme import Theme

    from homeport.build.diagnostics.finding import Finding

STATE_STYLES = {
    "starting": "cyan",
    "waiting": "yellow",
    "ready": "green",
    "unhealthy": "red",
    "draining": "blue",
    "active": "green",
    "scaling": "cyan",
    "healing": "yellow",
    "idle": "bright_black",
    "down": "red",
    "running": "green",
    "backing-off": "yellow",
    "stopped": "bright_black",
    "failed": "red",
}


class Symbols(NamedTuple):
    """The marks that need more than ASCII, or their plain stand-ins."""

    ok: str
    bad: str
    warn: str
    arrow: str
    dot: str
    ellipsis: str
    bar: str
    spinner: str  # one of rich's


UNICODE = Symbols("✓", "✗", "!", "→", "·", "…", "│", "dots")
ASCII = Symbols("ok", "x", "!", "->", "-", "...", "|", "line")


class Terminal:
    """Standard output and standard error of one command.

    Whoever reads them may leave (``head``). The command then ends with BrokenPipeError, unless it ``goes_on``: what it
    writes from then on is dropped.
    """

    def __init__(self, *, json: bool = False, goes_on: bool = False) -> None:
        self.json, self._goes_on = json, goes_on

    @cached_property
    def out(self) -> Console:
        return _console(stderr=False, left=lambda: self._reader_left(sys.stdout))

    @cached_property
    def err(self) -> Console:
        return _console(stderr=True, left=lambda: self._reader_left(sys.stderr))

    @cached_property
    def symbols(self) -> Symbols:
        return UNICODE if _speaks_unicode(sys.stdout) and _speaks_unicode(sys.stderr) else ASCII

    @property
    def live(self) -> bool:
        """Whether a person watches standard output and lines may be redrawn."""
        return not self.json and self.out.is_terminal and not self.out.is_dumb_terminal

    def say(self, *parts: RenderableType) -> None:
        """Print for people, in markup, one logical line per part; a pipe gets whole lines, never wrapped ones."""
        for part in parts:
            part = Wording.own(part) if isinstance(part, str) else part
            self.out.print(part, soft_wrap=not self.out.is_terminal or isinstance(part, str))

    def note(self, text: str) -> None:
        """Print beside the result: on standard error, and only for people."""
        if not self.json:
            self.err.print(Wording.own(text), soft_wrap=True)

    def value(self, value: Any) -> None:
        """Print one JSON value on a line of its own, at once."""
        self.raw(msgspec.json.encode(value))

    def raw(self, encoded: bytes) -> None:
        """Print a line of JSON that is encoded already."""
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(encoded + b"\n")
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            self._reader_left(sys.stdout)

    def _reader_left(self, stream: TextIO) -> None:
        if not self._goes_on:
            raise BrokenPipeError
        drop(stream)

    def problem(self, explained: Explained) -> None:
        """Tell an error: a problem object for programs, a line and the next step for people."""
        explained = Wording.of_problem(explained)
        if self.json:
            sys.stderr.buffer.write(msgspec.json.encode(explained.problem, enc_hook=str) + b"\n")
            sys.stderr.buffer.flush()
            return
        from rich.text import Text

        if explained.findings:
            self._findings(explained.findings, explained.problem.next)
            return
        problem = explained.problem
        first, *rest = (problem.detail or problem.title).splitlines() or [problem.title]
        line = Text.assemble(("error: ", "bold red"), first)
        line.highlight_regex(r"`([^`]+)`", "cyan")
        self.err.print(line, soft_wrap=True)
        for further in [*rest, *explained.notes]:
            self.err.print(Text(f"  {further}"), soft_wrap=True)
        if problem.next and problem.next not in problem.detail:
            label = "  try: " if problem.code in ("bad_arguments", "no_method") else "  next: "
            self.err.print(Text.assemble((label, "bold"), (problem.next, "cyan")), soft_wrap=True)

    def _findings(self, findings: Sequence[Finding], following: str) -> None:
        """With their source; their paths are absolute."""
        from homeport.build.diagnostics.formats.full import full
        from homeport.build.diagnostics.report import told
        from homeport.build.diagnostics.texts import Texts
        from homeport.cli.findings import styled
        from homeport.cli.human import plural

        for number, one in enumerate(told(findings, Texts(Path("/")), Path.cwd())):
            if number:
                self.err.print()
            for row in full(one):
                self.err.print(styled(row), soft_wrap=True)
        errors = plural(sum(finding.severity == "error" for finding in findings), "error")
        more = f"; `{following}` shows all findings" if following else ""
        self.err.print(f"{errors} in the source, so nothing was done{more}")


def state_markup(state: str) -> str:
    """A state in its colour."""
    style = STATE_STYLES.get(state)
    return f"[{style}]{state}[/]" if style else state


def drop(stream: TextIO) -> None:
    """Let whatever is written to it from now on vanish, the interpreter's last flush included."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _console(*, stderr: bool, left: Callable[[], None]) -> Console:
    from rich.console import Console

    class OwnConsole(Console):
        def on_broken_pipe(self) -> None:  # rich would end the program as failed
            left()

    # FORCE_COLOR and NO_COLOR are rich's to honour; a pipe has no width, so nothing may be fitted to one.
    console = OwnConsole(stderr=stderr, highlight=False, emoji=False, theme=_theme())
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 10_000
    return console


def _theme() -> Theme:
    from rich.theme import Theme

    return Theme({"head": "bold", "dim": "bright_black", "name": "bold", "command": "cyan"})


def _speaks_unicode(stream: Any) -> bool:
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        "✓→│…".encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True
