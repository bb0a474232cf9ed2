"""``homeport stop``: drain and stop a service, or the whole node."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

from homeport.cli import options
from homeport.cli.parameters import option

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client, Surroundings
    from homeport.cli.terminal import Terminal
    from homeport.node.api import NodeStatus
    from homeport.registry.api import Done

ACTOR = "homeport stop"
LOOK_EVERY = 0.05  # seconds between looks at whether the node is gone


def stop(
    surroundings: Surroundings,
    service: options.OptionalServiceName = None,
    timeout: Annotated[
        float,
        option(metavar="DURATION", parser=options.seconds, help="How long to wait for the node to be gone."),
    ] = "60s",  # type: ignore[assignment]  # a textual default goes through the parser
    kill: Annotated[bool, options.flag("--kill", help="Do not drain: running calls are lost.")] = False,
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Stop a service, or the whole node.

    Calls that run are finished first. The whole node: returns when it is gone.

    Examples:

      homeport stop payments
      homeport stop
    """
    from homeport.cli.asking import ask
    from homeport.cli.terminal import Terminal

    terminal = Terminal(json=as_json)
    if service is not None:
        name = service.replace("-", "_")
        done = ask(surroundings, node, lambda client: _stop_service(client, name))
        if as_json:
            terminal.value({"service": name, "stopped": True, "revision": done.revision, "durability": done.durability})
        else:
            terminal.say(f"[name]{name}[/] stops; `homeport scale {name} 1` starts it again")
        return
    status, processes = ask(surroundings, node, lambda client: _stop_node(client, kill))
    _until_gone(status.name, processes, timeout, terminal)
    if as_json:
        terminal.value({"node": status.name, "pid": status.pid, "stopped": True})
    else:
        terminal.say(f"node [name]{status.name}[/] has stopped")


async def _stop_service(client: Client, service: str) -> Done:
    from homeport.cli.commands.services import look_up

    await look_up(client, service)
    return await client.node.stop_service(service, ACTOR)


async def _stop_node(client: Client, kill: bool) -> tuple[NodeStatus, dict[int, str]]:
    """Ask for the end; return the processes that have to be gone, by pid, with their identities."""
    from homeport.errors import ConnectionLost, StreamDraining
    from homeport.processes import identity

    status = await client.node.status()
    pids = (status.pid, *(worker.pid for worker in status.workers))
    processes = {pid: known for pid in pids if (known := identity(pid))}
    try:
        await (client.node.kill(ACTOR) if kill else client.node.stop_node(ACTOR))
    except (ConnectionLost, StreamDraining):
        pass  # it went before it could answer, which is what was asked
    return status, processes


def _until_gone(name: str, processes: dict[int, str], timeout: float, terminal: Terminal) -> None:
    """Return when none of the processes runs any more.

    Raises:
        CommandError: one still runs after ``timeout`` seconds.
    """
    from homeport.cli.errors import CommandError, ExitCode

    waiting = (
        terminal.err.status("stopping: calls that run are finished first", spinner=terminal.symbols.spinner)
        if terminal.live
        else nullcontext()
    )
    deadline = time.monotonic() + timeout
    with waiting:
        while left := _running(processes):
            if time.monotonic() >= deadline:
                raise CommandError(
                    f"node {name!r} still runs after {timeout:g} s (pid {', '.join(map(str, left))})",
                    exit_code=ExitCode.TIMED_OUT,
                    kind="still_running",
                    next="homeport stop --kill",
                )
            time.sleep(LOOK_EVERY)


def _running(processes: dict[int, str]) -> list[int]:
    from homeport.processes import runs

    return sorted(pid for pid, known in processes.items() if runs(pid, known))
