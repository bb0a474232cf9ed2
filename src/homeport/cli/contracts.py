"""The contracts of an application, by importing it, or of a node, by asking its registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client, Surroundings
    from homeport.contracts.api import Contract


class Contracts(NamedTuple):
    """In order of service, and whose they are."""

    application: str
    contracts: tuple[Contract, ...]


def contracts_of_target(target: str, surroundings: Surroundings) -> Contracts:
    """Import TARGET's services in a process of its own.

    Raises:
        FaultySource: its source has errors, or a service cannot be imported or served.
        UsageError: TARGET does not exist.
    """
    import msgspec

    from homeport.build.reflection import reflect
    from homeport.cli.target import read_application, without_errors

    application = read_application(target, surroundings)
    plan = without_errors(application.plan)
    seen = reflect(plan)
    without_errors(msgspec.structs.replace(plan, findings=seen.findings))
    return Contracts(application.name, tuple(seen.contracts[name] for name in sorted(seen.contracts)))


def contracts_of_node(node: str | None, surroundings: Surroundings) -> Contracts:
    """The newest contract of each service that the node knows."""
    from homeport.cli.asking import ask

    async def question(client: Client) -> Contracts:
        status = await client.node.status()
        keys = [summary.contract for summary in await client.registry.services() if summary.contract]
        found = [await client.registry.contract(key) for key in keys]
        known = {contract.service: contract for contract in found if contract is not None}
        return Contracts(status.name, tuple(known[name] for name in sorted(known)))

    return ask(surroundings, node, question)
