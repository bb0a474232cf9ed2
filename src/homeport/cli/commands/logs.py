"""``homeport logs``: what the services printed and logged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from homeport.cli import options
from homeport.cli.parameters import option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from homeport.cli.surroundings import Surroundings
    from homeport.logfiles import LogRecordView

OWN = ("node", "front")  # processes of ours; their logs are shown when asked for, or when they warn


def logs(
    surroundings: Surroundings,
    service: options.OptionalServiceName = None,
    follow: Annotated[bool, options.flag("--follow", "-f", help="Go on showing what comes, until Ctrl-C.")] = False,
    since: Annotated[
        float | None,
        option(metavar="DURATION", parser=options.seconds, help="From how long ago on, like 90s or 5m."),
    ] = None,
    lines: Annotated[
        int, option("--lines", "-n", metavar="N", min=0, help="How many of the last ones, without --since.")
    ] = 100,
    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"],
        option(metavar="LEVEL", help="The least: debug, info, warning, error, critical.", show_default=False),
    ] = "debug",
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Show what services logged and printed.

    SERVICE may also be node or front, or an instance. The logs of a stopped node can be read too.

    Examples:

      homeport logs payments -f
      homeport logs --since 5m --level warning
    """
    from homeport.cli.logline import LogLines
    from homeport.cli.logline import as_json as to_json
    from homeport.cli.terminal import Terminal

    folder = _log_folder(node, surroundings)
    name = service.replace("-", "_") if service else ""
    terminal = Terminal(json=as_json)
    shown = LogLines(terminal.symbols.bar, times=True)
    found = 0
    for record in _records(folder, name, level, since, lines, follow, surroundings.wall):
        found += 1
        if as_json:
            terminal.value(to_json(record))
        else:
            terminal.out.print(shown.render(record, surroundings.wall()), soft_wrap=True)
    if not found:
        _check_name(folder, name)
        terminal.note("no log lines" + (f" of {name}" if name else ""))


def _log_folder(node: str | None, surroundings: Surroundings) -> Path:
    """Of the node that is meant; without one running, of the nearest data folder.

    Raises:
        NoNode: there is neither.
    """
    from homeport.errors import NoNode
    from homeport.nodes import data_folder, find_node

    try:
        address = find_node(node, surroundings.environ, surroundings.cwd())
    except NoNode:
        here = surroundings.cwd()
        nearest = Path(node) if node else data_folder(here, here)
        for data in (nearest, nearest / ".homeport"):
            if (data / "logs").is_dir():
                return data / "logs"
        raise
    if address.data == Path():
        raise NoNode(f"the logs of {address.endpoint} are not on this machine, or its data folder is unknown")
    return address.data / "logs"


def _records(
    folder: Path,
    service: str,
    level: str,
    since: float | None,
    lines: int,
    follow: bool,
    wall: Callable[[], float],
) -> Iterator[LogRecordView]:
    from homeport.cli.logline import loud_enough
    from homeport.logfiles import follow as follow_files
    from homeport.logfiles import history

    def files() -> list[Path]:
        return sorted(path for path in folder.glob("*.log") if _may_hold(path.stem, service))

    def wanted(record: LogRecordView) -> bool:
        return loud_enough(record, level) and _of(record, service)

    if since is None:
        yield from _last(files(), lines, wanted, everything=not service and level == "debug")
    elif not follow:
        yield from filter(wanted, history(files(), wall() - since))
    if follow:
        yield from filter(wanted, follow_files(files, None if since is None else wall() - since))


def _last(
    files: list[Path], lines: int, wanted: Callable[[LogRecordView], bool], *, everything: bool
) -> Iterable[LogRecordView]:
    """The last wanted records of all files together, oldest first."""
    from collections import deque

    from homeport.logfiles import history, tail

    if not everything:  # the ends of the files may hold none that are wanted
        return deque(filter(wanted, history(files)), lines)
    ends = [record for path in files for record in tail(path, lines) if wanted(record)]
    return deque(sorted(ends, key=lambda record: record.at), lines)


def _may_hold(worker: str, service: str) -> bool:
    """Whether the file of this worker can hold lines of the service: any shared worker's can."""
    return not service or worker not in OWN or worker == service


def _of(record: LogRecordView, service: str) -> bool:
    if not service:
        return record.worker not in OWN or record.level in ("warning", "error", "critical")
    if service in (record.service, record.worker, record.instance):
        return True
    # A line printed past Python's logging has no service; in a worker of that service alone it is certainly its own.
    return not record.service and record.worker.rpartition("-")[0] == service


def _check_name(folder: Path, service: str) -> None:
    """Raise UnknownService when no log file is named after the service, and it is none of a shared worker."""
    from homeport.errors import UnknownService

    workers = {path.stem for path in folder.glob("*.log")}
    names = {worker.rpartition("-")[0] or worker for worker in workers}
    if service and service not in names | workers and not _spoke_ever(folder.glob("*.log"), service):
        raise UnknownService(service, sorted(names))


def _spoke_ever(files: Iterable[Path], service: str) -> bool:
    from homeport.logfiles import history

    return any(record.service == service for record in history(files))
