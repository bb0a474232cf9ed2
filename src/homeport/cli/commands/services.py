"""``homeport services``: what can be called here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from homeport.cli import completion, options
from homeport.cli.parameters import argument

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client, Surroundings
    from homeport.cli.terminal import Terminal
    from homeport.contracts.api import Contract
    from homeport.registry.api import ServiceSummary


def services(
    surroundings: Surroundings,
    name: Annotated[
        str | None,
        argument(metavar="SERVICE", help="Show this service's methods in full.", complete=completion.services),
    ] = None,
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """List the services, or the methods of one.

    A service is listed as soon as it is known, ready or not.

    Examples:

      homeport services
      homeport services cart
    """
    from homeport.cli.asking import ask
    from homeport.cli.terminal import Terminal

    terminal = Terminal(json=as_json)
    if name is None:
        found = ask(surroundings, node, lambda client: client.registry.services())
        _print_all(terminal, found)
        return
    summary, contract = ask(surroundings, node, lambda client: look_up(client, name))
    if as_json:
        terminal.value({"service": summary, "contract": contract})
    else:
        _print_one(terminal, summary, contract)


async def look_up(client: Client, name: str) -> tuple[ServiceSummary, Contract | None]:
    """The service of this name and its contract, if it has one.

    Raises:
        UnknownService: nobody has declared or registered the name.
    """
    from homeport.errors import UnknownService

    found = await client.registry.services()
    summary = next((service for service in found if service.name == name), None)
    if summary is None:
        raise UnknownService(name, [service.name for service in found])
    return summary, await client.registry.contract(summary.contract) if summary.contract else None


def _print_all(terminal: Terminal, found: list[ServiceSummary]) -> None:
    if terminal.json:
        terminal.value(found)
        return
    if not found:
        terminal.say("no services yet")
        return
    from homeport.cli.service_table import service_columns, service_row
    from homeport.cli.table import print_table

    print_table(terminal, service_columns(), [service_row(summary) for summary in found])


def _print_one(terminal: Terminal, summary: ServiceSummary, contract: Contract | None) -> None:
    from rich.markup import escape

    from homeport.cli.schemas import signature
    from homeport.cli.service_table import readiness, state_with_reason

    dot = f" {terminal.symbols.dot} "
    facts = [f"[name]{escape(summary.name)}[/]", state_with_reason(summary), f"{readiness(summary)} ready"]
    facts += [f"version {escape(summary.version)}"] if summary.version else []
    facts += ["public"] if summary.public else []
    terminal.say(dot.join(facts))
    if summary.doc:
        terminal.say(escape(summary.doc.strip()))
    if summary.requires:
        terminal.say(f"calls {escape(', '.join(summary.requires))}")
    if summary.asgi:
        terminal.say(f"also answers HTTP under /apps/{escape(summary.name)}/")
    for method in contract.methods if contract else ():
        terminal.say("", f"  [name]{escape(signature(method))}[/]")
        if method.doc:
            terminal.say(f"    {escape(method.doc.strip().splitlines()[0])}")
        if method.raises:
            terminal.say(f"    [dim]may answer {escape(', '.join(error.code for error in method.raises))}[/]")
