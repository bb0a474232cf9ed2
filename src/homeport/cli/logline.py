"""How one log record looks on a terminal, and as a line of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeport.cli.findings import with_source_places
from homeport.cli.human import moment

if TYPE_CHECKING:
    from rich.text import Text

    from homeport.logfiles import LogRecordView

LEVELS = ("debug", "info", "warning", "error", "critical")
_LEVEL_STYLES = {"debug": "bright_black", "warning": "yellow", "error": "red", "critical": "bold red"}
_PALETTE = (
    "cyan",
    "green",
    "magenta",
    "blue",
    "yellow",
    "bright_cyan",
    "bright_green",
    "bright_magenta",
    "bright_blue",
)
_WIDEST_PREFIX = 28
_INSTANCE_SUFFIX = len("-3f9c2a")


class LogLines:
    """Gives each service a colour, in order of appearance, and keeps the prefixes as wide as the widest so far."""

    def __init__(self, bar: str, *, times: bool) -> None:
        self._bar, self._times = bar, times
        self._data, self._source = "", ""
        self._styles: dict[str, str] = {}
        self._width = 0

    def name_sources(self, data: str, source: str) -> None:
        """From now on, paths into releases below ``data`` are shown as the files below ``source`` they came from."""
        self._data, self._source = data, source

    def reserve(self, services: list[str]) -> None:
        """Make room for the instances of these from the start, so that they line up."""
        for service in services:
            self._style(service)
            self._widen(len(service) + _INSTANCE_SUFFIX)

    def render(self, record: LogRecordView, now: float) -> Text:
        """One record as one line or, with a traceback, several; each with its prefix."""
        from rich.text import Text

        source = source_of(record)
        prefix = Text()
        if self._times:
            prefix.append(f"{moment(record.at, now)} ", style="dim")
        style = self._style(record.service or record.worker)
        self._widen(len(source))
        prefix.append(source[:_WIDEST_PREFIX].ljust(self._width), style=style)
        prefix.append(f" {self._bar} ", style=style)
        level = _LEVEL_STYLES.get(record.level, "bright_black" if record.logger.startswith("homeport.") else "")
        lines = []
        shown = with_source_places(record.text, self._data, self._source) if self._data else record.text
        for line in shown.splitlines() or [""]:
            text = Text.from_ansi(line) if "\x1b" in line else Text(line)
            text.stylize_before(level)
            lines.append(prefix + text)
        return Text("\n").join(lines)

    def _style(self, source: str) -> str:
        if source not in self._styles:
            self._styles[source] = _PALETTE[len(self._styles) % len(_PALETTE)]
        return self._styles[source]

    def _widen(self, width: int) -> None:
        self._width = max(self._width, min(width, _WIDEST_PREFIX))


def source_of(record: LogRecordView) -> str:
    """Who speaks: the instance of a service, else the worker."""
    return record.instance or record.service or record.worker


def loud_enough(record: LogRecordView, least: str) -> bool:
    """Whether the record has at least this level; what was printed without one counts as info."""
    level = record.level if record.level in LEVELS else "info"
    return LEVELS.index(level) >= LEVELS.index(least)


def as_json(record: LogRecordView) -> dict[str, Any]:
    """The record for programs: what it has, under the names that the log files use."""
    named = {
        "ts": round(record.at, 6),
        "level": record.level,
        "worker": record.worker,
        "service": record.service,
        "instance": record.instance,
        "logger": record.logger,
        "message": record.message,
        "trace": record.trace,
        "exception": record.exception,
    }
    return {**{key: value for key, value in record.fields.items() if key not in named}, **_present(named)}


def _present(named: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in named.items() if value != ""}
