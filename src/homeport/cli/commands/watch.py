"""``homeport watch``: a service's changes as they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from homeport.cli import completion, options
from homeport.cli.causes import gist
from homeport.cli.parameters import argument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from homeport.cli.surroundings import Client, Surroundings
    from homeport.cli.terminal import Terminal
    from homeport.model import Instance, State
    from homeport.registry.api import WatchItem


def watch(
    surroundings: Surroundings,
    names: Annotated[
        list[str] | None,
        argument(metavar="SERVICE...", help="Default: every service.", complete=completion.services),
    ] = None,
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Show changes of services as they happen.

    First the instances as they are, then every change until Ctrl-C.

    Examples:

      homeport watch payments
      homeport watch --json
    """
    from homeport.cli.asking import ask
    from homeport.cli.terminal import Terminal

    terminal = Terminal(json=as_json)
    services = tuple(name.replace("-", "_") for name in names or ())
    ask(surroundings, node, lambda client: _follow(client, services, terminal, surroundings.wall))


async def _follow(client: Client, services: tuple[str, ...], terminal: Terminal, wall: Callable[[], float]) -> None:
    from homeport.cli.asking import known_services
    from homeport.errors import UnknownService

    if services:
        known = await known_services(client)
        for service in services:
            if service not in known:
                raise UnknownService(service, known)
    states: dict[str, State] = {}
    async for item in _items(client, services, terminal):
        if terminal.json:
            terminal.value(item)
        else:
            _print(terminal, item, states, wall())


async def _items(client: Client, services: tuple[str, ...], terminal: Terminal) -> AsyncIterator[WatchItem]:
    """What the registry tells, going on where it left off when the node process comes back."""
    from homeport.errors import ConnectionLost
    from homeport.registry.api import WatchRequest

    request = WatchRequest(services=services)
    while True:
        try:
            async for item in client.registry.watch(request):
                request = WatchRequest(services=services, from_revision=item.revision, store=item.store)
                yield item
            return
        except ConnectionLost:
            terminal.note("[yellow]the node went away; waiting for it to come back[/]")


def _print(terminal: Terminal, item: WatchItem, states: dict[str, State], now: float) -> None:
    """Print what is new in the item; ``states`` remembers the last state of each instance."""
    from rich.markup import escape

    from homeport.cli.human import moment
    from homeport.cli.terminal import state_markup

    arrow = terminal.symbols.arrow
    if item.snapshot is not None:
        states.clear()
        for answer in item.snapshot:
            for instance in answer.instances:
                states[instance.id] = instance.state
                _line(terminal, moment(instance.since or now, now), instance.id, state_markup(instance.state), "")
            if not answer.instances:
                _line(terminal, moment(now, now), answer.service, "[dim]no instances[/]", "")
    for change in item.changes:
        before = states.pop(change.instance_id, None)
        after = change.instance
        if after is not None:
            states[after.id] = after.state
        if after is not None and after.state == before:
            shown = f"{state_markup(after.state)}{_waiting(after)}"
        else:
            now_text = "[red]gone[/]" if after is None else f"{state_markup(after.state)}{_waiting(after)}"
            shown = f"{state_markup(before)} {arrow} {now_text}" if before else now_text
        cause = change.cause
        told = f"{cause.what}, by {cause.actor}" + (f": {gist(cause)}" if cause.evidence else "")
        _line(terminal, moment(cause.at or now, now), change.instance_id, shown, escape(told))


def _waiting(instance: Instance) -> str:
    return f" for: {', '.join(instance.waiting_for)}" if instance.state == "waiting" and instance.waiting_for else ""


def _line(terminal: Terminal, when: str, name: str, shown: str, told: str) -> None:
    from rich.markup import escape

    terminal.say(f"[dim]{when}[/]  [name]{escape(name)}[/]  {shown}" + (f"  [dim]{told}[/]" if told else ""))
