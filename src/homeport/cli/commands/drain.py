"""``homeport drain``: take one instance out of service for good."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

from homeport.cli import options
from homeport.cli.parameters import option

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client, Surroundings

ACTOR = "homeport drain"
LOOK_EVERY = 0.1  # seconds


def drain(
    surroundings: Surroundings,
    instance: options.InstanceName,
    timeout: Annotated[
        float, option(metavar="DURATION", parser=options.seconds, help="How long to wait for it to be gone.")
    ] = "60s",  # type: ignore[assignment]  # a textual default goes through the parser
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Drain one instance; another takes its place.

    Once that is ready, it takes calls until every caller knows, finishes those it has, and ends.

    Examples:

      homeport drain payments-3f9c2a
    """
    from homeport.cli.asking import ask
    from homeport.cli.human import duration
    from homeport.cli.terminal import Terminal

    took = ask(surroundings, node, lambda client: _drain(client, instance, timeout))
    terminal = Terminal(json=as_json)
    if as_json:
        terminal.value({"instance": instance, "drained": True, "seconds": round(took, 3)})
    else:
        terminal.say(f"[green]{terminal.symbols.ok}[/] [name]{instance}[/] drained in {duration(took)}")


async def _drain(client: Client, instance: str, timeout: float) -> float:
    from homeport.cli.commands.eject import find
    from homeport.cli.errors import CommandError, ExitCode

    await find(client, instance)
    started = time.monotonic()
    await client.node.drain_instance(instance, ACTOR)
    while any(one.id == instance for one in await client.registry.instances()):
        if time.monotonic() - started > timeout:
            raise CommandError(
                f"{instance} is still there after {timeout:g} s",
                exit_code=ExitCode.TIMED_OUT,
                kind="still_running",
                next=f"homeport why {instance}",
            )
        await asyncio.sleep(LOOK_EVERY)
    return time.monotonic() - started
