"""What a person sees of a node that runs in the foreground: progress, a table, coloured logs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from homeport.cli.findings import finding_text, from_here
from homeport.cli.foreground.trouble import services_of, waiting_services
from homeport.cli.human import duration, plural
from homeport.cli.logline import LogLines, as_json, loud_enough
from homeport.cli.terminal import Terminal

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.live import Live

    from homeport.build.diagnostics.finding import Finding
    from homeport.cli.foreground.trouble import Trouble
    from homeport.logfiles import LogRecordView
    from homeport.node.api import NodeStatus
    from homeport.registry.api import ServiceSummary

OWN = ("node", "front")  # their logs are shown only when they warn
TOLD = ("worker.failed", "worker.ended", "reload.refused", "reload.failed")  # as trouble, with their place
RELOADS = ("reload.started", "reload.done")  # of the node's everyday events, those that somebody waits for


class Screen(Protocol):
    """Where a run shows itself."""

    def starting(self, target: str) -> None: ...
    def progress(self, status: NodeStatus, elapsed: float) -> None: ...
    def notice(self, status: NodeStatus) -> None: ...
    def log(self, record: LogRecordView) -> None: ...
    def trouble(self, trouble: Trouble) -> None: ...
    def ready(self, status: NodeStatus, services: Sequence[ServiceSummary], elapsed: float, detached: bool) -> None: ...
    def again(self, changed: str) -> None: ...
    def stopping(self, status: NodeStatus | None) -> None: ...
    def stopped(self, how: str) -> None: ...
    def close(self) -> None: ...


class EventScreen:
    """For programs: one JSON object a line, each with its ``event``."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._waiting: dict[str, str] | None = None
        self._stopping = False

    def starting(self, target: str) -> None:
        self._event("starting", target=target)

    def progress(self, status: NodeStatus, elapsed: float) -> None:
        if status.waiting != self._waiting:
            self._waiting = status.waiting
            self._event("waiting", waiting=status.waiting)

    def notice(self, status: NodeStatus) -> None:
        pass

    def log(self, record: LogRecordView) -> None:
        if _shown(record):
            self._event("log", **as_json(record))

    def trouble(self, trouble: Trouble) -> None:
        self._event("trouble", message=trouble.message, notes=trouble.notes)

    def ready(self, status: NodeStatus, services: Sequence[ServiceSummary], elapsed: float, detached: bool) -> None:
        self._event(
            "ready",
            node=status.name,
            url=status.url,
            pid=status.pid,
            data=status.data,
            seconds=round(elapsed, 3),
            services=services,
            findings=status.findings,
        )

    def again(self, changed: str) -> None:
        self._event("again", changed=changed)

    def stopping(self, status: NodeStatus | None) -> None:
        if not self._stopping:
            self._stopping = True
            self._event("stopping")

    def stopped(self, how: str) -> None:
        self._event("stopped", how=how)

    def close(self) -> None:
        pass

    def _event(self, event: str, **fields: object) -> None:
        self._terminal.value({"event": event, **fields})


class LiveScreen:
    """For a terminal: a few lines that redraw themselves below the log, until all is ready."""

    def __init__(self, terminal: Terminal, wall: Callable[[], float]) -> None:
        self._terminal, self._wall = terminal, wall
        self._lines = LogLines(terminal.symbols.bar, times=True)
        self._live: Live | None = None
        self._findings: frozenset[Finding] = frozenset()  # those of the present source, told already
        self._reload_error = ""

    def starting(self, target: str) -> None:
        from rich.live import Live

        shown = "this folder" if target == "." else target
        self._live = Live(
            self._spin(f"starting [name]{_escape(shown)}[/]", []),
            console=self._terminal.out,
            transient=True,
            refresh_per_second=10,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def progress(self, status: NodeStatus, elapsed: float) -> None:
        self._tell_findings(status)
        self._lines.reserve(sorted(services_of(status)))
        if self._live is not None:
            head, rows = progress_lines(status, elapsed, self._terminal.out.height - 4)
            self._live.update(self._spin(head, rows))

    def notice(self, status: NodeStatus) -> None:
        """Learn from which source the releases were copied, so that places in the log can be opened."""
        self._lines.name_sources(status.data, from_here(Path(status.root)))
        self._tell_findings(status)

    def log(self, record: LogRecordView) -> None:
        if record.worker == "node" and record.message in RELOADS:
            self._tell_reload(record)
        elif _shown(record):
            self._terminal.out.print(self._lines.render(record, self._wall()), soft_wrap=True)

    def trouble(self, trouble: Trouble) -> None:
        terminal = self._terminal
        terminal.say(f"[bold red]{terminal.symbols.bad}[/] {_escape(trouble.message)}")
        for note in trouble.notes:
            terminal.say(f"  [dim]{terminal.symbols.bar}[/] {_escape(note)}")

    def ready(self, status: NodeStatus, services: Sequence[ServiceSummary], elapsed: float, detached: bool) -> None:
        from homeport.cli.service_table import service_columns, service_row
        from homeport.cli.table import print_table

        self.close()
        self._tell_findings(status)
        terminal = self._terminal
        rows = [service_row(summary) for summary in services]
        terminal.say("")
        print_table(terminal, service_columns(), rows)
        terminal.say("")
        terminal.say(
            f"[green]{terminal.symbols.ok}[/] [name]{_escape(status.name)}[/] is ready in {duration(elapsed)}: "
            f"[command]{status.url}[/]"
        )
        if detached:
            stop = (
                "homeport stop"
                if Path(status.data) == Path.cwd() / ".homeport"
                else f"homeport stop --node {status.name}"
            )
            terminal.say(f"  it goes on in the background; [command]{stop}[/] stops it")
        else:
            terminal.say("  [dim]Ctrl-C stops it; its log follows[/]")
        terminal.say("")

    def again(self, changed: str) -> None:
        self._terminal.say(f"[dim]{_escape(changed)} changed: starting again[/]")

    def stopping(self, status: NodeStatus | None) -> None:
        from rich.live import Live

        if self._live is None:
            self._live = Live(console=self._terminal.out, transient=True, refresh_per_second=10, redirect_stdout=False)
            self._live.start()
        left = sorted(worker.name for worker in status.workers if worker.pid) if status is not None else []
        more = f", {plural(len(left), 'worker')} left" if len(left) > 2 else f": {', '.join(left)}" if left else ""
        self._live.update(self._spin(f"stopping{_escape(more)} [dim](Ctrl-C again kills)[/]", []))

    def stopped(self, how: str) -> None:
        self.close()
        self._terminal.say(f"[dim]{how}[/]")

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _spin(self, head: str, rows: list[str]) -> Group:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        lines: list[RenderableType] = [Spinner(self._terminal.symbols.spinner, Text.from_markup(head), style="cyan")]
        for row in rows:
            lines.append(Text.from_markup(row, overflow="ellipsis"))
            lines[-1].no_wrap = True  # type: ignore[union-attr]
        return Group(*lines)

    def _tell_reload(self, record: LogRecordView) -> None:
        if record.message == "reload.done":
            self._terminal.say(f"[green]{self._terminal.symbols.ok}[/] reloaded")
        else:
            services = record.fields.get("services")
            names = ", ".join(map(str, services)) if isinstance(services, list) else str(services or "")
            self._terminal.say(f"[dim]reloading {_escape(names)}[/]")

    def _tell_findings(self, status: NodeStatus) -> None:
        """Each once, and again when it comes back with a later reload."""
        for finding in status.findings:
            if finding not in self._findings:
                self._terminal.say(f"[yellow]{_escape(finding_text(finding, status.root))}[/]")
        self._findings = frozenset(status.findings)


def progress_lines(status: NodeStatus, elapsed: float, height: int) -> tuple[str, list[str]]:
    """The head and, per service that is behind, who or what it waits for; in markup, at most ``height`` rows."""
    total, behind = len(services_of(status)), len(waiting_services(status))
    head = f"starting [name]{_escape(status.name)}[/]  {total - behind} of {total} ready  [dim]{duration(elapsed)}[/]"
    width = max(map(len, status.waiting), default=0)
    rows = [f"  {service.ljust(width)}  [dim]{_escape(why)}[/]" for service, why in sorted(status.waiting.items())]
    if len(rows) > max(height, 1):
        hidden = len(rows) - max(height, 1) + 1
        rows = [*rows[:-hidden], f"  [dim]and {hidden} more[/]"]
    return head, rows


def _shown(record: LogRecordView) -> bool:
    """What the services say, and what warns: our own everyday events would only hide it."""
    ours = record.worker in OWN or record.logger.startswith("homeport.")
    return not ours or (loud_enough(record, "warning") and record.message not in TOLD)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
