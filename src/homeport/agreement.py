"""Whether the services that a node runs still keep the contracts that a generated client was made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from homeport.client import Client
from homeport.contracts.api import Contract
from homeport.contracts.compatibility import compare
from homeport.errors import ContractChanged

if TYPE_CHECKING:
    from homeport.client_sync import SyncClient

Load = Callable[[], bytes]  # the contracts by service, as JSON


async def agree(client: Client, fingerprints: Mapping[str, str], load: Load) -> None:
    """Compare the contracts of the services that are known there; ``load`` is asked only for one that differs.

    A service that is not there yet is not looked for: a call of it waits, or says so.

    Raises:
        ContractChanged: a caller that keeps to the old contract may fail with the new one.
    """
    known: dict[str, Contract] | None = None
    for summary in sorted(await client.registry.services(), key=lambda summary: summary.name):
        expected = fingerprints.get(summary.name)
        if expected is None or not summary.contract or summary.contract == expected:
            continue
        known = msgspec.json.decode(load(), type=dict[str, Contract]) if known is None else known
        present = await client.registry.contract(summary.contract)
        old = known.get(summary.name)
        if present is None or old is None:
            continue
        breaking = [change.what for change in compare(old, present) if change.breaking]
        if breaking:
            raise ContractChanged(summary.name, breaking)


def agree_blocking(client: SyncClient, fingerprints: Mapping[str, str], load: Load) -> None:
    """``agree`` for code that does not await."""
    client.ask(lambda asking: agree(asking, fingerprints, load))
