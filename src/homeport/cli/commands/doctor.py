"""``homeport doctor``: is everything here as it should be, and if not, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from homeport.cli import options

if TYPE_CHECKING:
    from homeport.cli.doctor.finding import Checked
    from homeport.cli.surroundings import Surroundings
    from homeport.cli.terminal import Terminal


def doctor(surroundings: Surroundings, node: options.Node = None, as_json: options.Json = False) -> int:
    """Check machine, folder and node.

    Every trouble comes with the next step. Ends with 1 if something will not work.

    Example:

      homeport doctor
    """
    from homeport.cli.doctor.finding import Health
    from homeport.cli.terminal import Terminal

    found = examine(surroundings, node)
    terminal = Terminal(json=as_json)
    if as_json:
        terminal.value(found)
    else:
        _print(terminal, found)
    return 1 if any(one.health == Health.ILL for one in found) else 0


def examine(surroundings: Surroundings, node: str | None) -> list[Checked]:
    """All checks, from the machine to the node."""
    from homeport.cli.doctor import application, here, machine
    from homeport.config import NodeConfig
    from homeport.nodes import data_folder

    settings, loaded = here.check_settings(surroundings)
    config = loaded.config.node if loaded else NodeConfig()
    node_found, address, status = here.check_node(surroundings, node)
    cwd = surroundings.cwd()
    data = Path(config.data) if config.data else data_folder(cwd, cwd, packaged=surroundings.package is not None)
    if address is not None and address.data != Path():
        data = address.data
    url = status.url if status is not None else address.url if address is not None else ""
    return [
        machine.check_python(surroundings.package),
        machine.check_libraries(),
        machine.check_loop(),
        machine.check_descriptors(),
        machine.check_disk(data),
        machine.check_clock(data),
        settings,
        here.check_data_folder(data),
        here.check_stale_files(data),
        here.check_scan_cache(data),
        here.check_port(config.host, config.port, url),
        *node_found,
        *(application.check_application(surroundings, node, status) if status is not None else ()),
    ]


def _print(terminal: Terminal, found: list[Checked]) -> None:
    from rich.markup import escape

    from homeport.cli.human import plural

    symbols = terminal.symbols
    marks = {"well": symbols.ok, "warning": symbols.warn, "ill": symbols.bad}
    colours = {"well": "green", "warning": "yellow", "ill": "red"}
    wide = max(map(len, marks.values()))
    width = max(len(one.name) for one in found)
    for one in found:
        mark = marks[one.health].ljust(wide)
        terminal.say(f"[{colours[one.health]}]{mark}[/] {one.name.ljust(width)}  {escape(one.found)}")
        if one.next:
            terminal.say(f"{' ' * (wide + width + 3)}next: [command]{escape(one.next)}[/]")
    troubles = [one for one in found if one.next]
    terminal.say("", f"{plural(len(troubles), 'thing')} to look at" if troubles else "[green]all is well[/]")
