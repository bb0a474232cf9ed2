"""``homeport restart``: start every instance of a service afresh, losing no call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeport.cli import options

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client, Surroundings
    from homeport.cli.terminal import Terminal
    from homeport.node.api import RolloutStatus

ACTOR = "homeport restart"


def restart(
    surroundings: Surroundings,
    service: options.ServiceName,
    surge: options.Surge = 1,
    soak: options.Soak = "5s",  # type: ignore[assignment]  # a textual default goes through the parser
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Start a service's instances afresh, new before old.

    Each new one is ready and observed for a while before an old one leaves; if the new are worse, the old stay.

    Examples:

      homeport restart payments
      homeport restart payments --max-surge 3 --soak 0
    """
    from homeport.cli.asking import ask
    from homeport.cli.rollouts import conclude
    from homeport.cli.terminal import Terminal

    name = service.replace("-", "_")
    terminal = Terminal(json=as_json)
    work = ask(surroundings, node, lambda client: _restart(client, terminal, name, surge, soak))
    conclude(terminal, work, f"[name]{name}[/] restarted")


async def _restart(client: Client, terminal: Terminal, service: str, surge: int, soak: float) -> RolloutStatus:
    from homeport.cli.commands.services import look_up
    from homeport.cli.rollouts import follow

    await look_up(client, service)
    return await follow(client, terminal, await client.node.restart(service, surge, soak, ACTOR))
