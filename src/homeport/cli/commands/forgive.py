"""``homeport forgive``: let an instance be called again that is held back for flapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeport.cli import options

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client, Surroundings

ACTOR = "homeport forgive"


def forgive(
    surroundings: Surroundings,
    instance: options.InstanceName,
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Forget that an instance has been flapping.

    One that turned unhealthy and well again too often is held back until it has been steady for a while; `homeport why`
    says so. This ends it at once.

    Examples:

      homeport forgive payments-3f9c2a
    """
    from homeport.cli.asking import ask
    from homeport.cli.terminal import Terminal

    held_back = ask(surroundings, node, lambda client: _forgive(client, instance))
    terminal = Terminal(json=as_json)
    if as_json:
        terminal.value({"instance": instance, "held_back": held_back})
    elif held_back:
        terminal.say(f"[name]{instance}[/] is held back no longer")
    else:
        terminal.say(f"[name]{instance}[/] was not held back for flapping; see homeport why {instance}")


async def _forgive(client: Client, name: str) -> bool:
    from homeport.cli.commands.eject import find
    from homeport.model import Cause

    await find(client, name)
    return await client.registry.forgive(name, Cause(what="forgiven", actor=ACTOR))
