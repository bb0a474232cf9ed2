"""What a node runs, as a state to compare: the registry its workers start from, with the contracts they registered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from homeport.build.plan import Plan
    from homeport.build.states import State
    from homeport.cli.surroundings import Client
    from homeport.node.api import NodeStatus


class Running(NamedTuple):
    """The application of a node."""

    status: NodeStatus
    state: State
    plan: Plan  # with its paths below the source that was run, not below the release
    digest: str  # of the registry


async def running_state(client: Client) -> Running:
    """Read the registry beside the release in force.

    Raises:
        RegistryUnreadable: it is damaged, or of another version.
    """
    from homeport.build.generator.registry_file import RegistryFile
    from homeport.build.states import State

    status = await client.node.status()
    registry = RegistryFile(Path(status.data, "releases", f"{status.release}.registry"))
    rows = registry.rows()
    for summary in await client.registry.services():
        if summary.name in rows and summary.contract:
            contract = await client.registry.contract(summary.contract)
            rows[summary.name] = msgspec.structs.replace(rows[summary.name], contract=contract)
    name = f"what {status.name} runs"
    return Running(status, State(name=name, rows=rows), registry.plan(Path(status.root)), registry.digest)


def target_of(plan: Plan) -> str:
    """The TARGET that a scan of the same source is asked with."""
    place = str(Path(plan.root, plan.scope))
    return f"{place}:{plan.attribute}" if plan.attribute else place
