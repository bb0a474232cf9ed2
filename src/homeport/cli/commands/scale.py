"""``homeport scale``: say how many instances of a service should run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from homeport.cli import options
from homeport.cli.parameters import argument

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client, Surroundings
    from homeport.registry.api import Done

ACTOR = "homeport scale"


def scale(
    surroundings: Surroundings,
    service: options.ServiceName,
    replicas: Annotated[int, argument(metavar="N", min=0, help="How many; 0 stops it, and it counts as idle.")],
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Say how many instances of a service run.

    The number outlives restarts of the node.

    Examples:

      homeport scale payments 3
      homeport scale ad 0
    """
    from homeport.cli.asking import ask
    from homeport.cli.human import plural
    from homeport.cli.terminal import Terminal

    name = service.replace("-", "_")
    done = ask(surroundings, node, lambda client: _scale(client, name, replicas))
    terminal = Terminal(json=as_json)
    if as_json:
        terminal.value({"service": name, "wanted": replicas, "revision": done.revision, "durability": done.durability})
    else:
        terminal.say(f"[name]{name}[/]: {plural(replicas, 'instance')} wanted, {_kept(done)}")


def _kept(done: Done) -> str:
    return {"memory": "kept in memory only", "synced": "saved to disk", "quorum": "saved by a quorum"}[done.durability]


async def _scale(client: Client, service: str, replicas: int) -> Done:
    from homeport.cli.commands.services import look_up

    await look_up(client, service)
    return await client.node.scale(service, replicas, ACTOR)
