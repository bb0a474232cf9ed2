"""Runs one question to the node on an event loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from homeport.cli.surroundings import Client, Surroundings

T = TypeVar("T")


def ask(surroundings: Surroundings, node: str | None, question: Callable[[Client], Awaitable[T]]) -> T:
    """Connect to the node, put the question, close, return the answer."""

    async def session() -> T:
        async with surroundings.connect(node) as client:
            return await question(client)

    return asyncio.run(session())


async def known_services(client: Client) -> list[str]:
    """Every name the node knows, for near-name hints."""
    return [summary.name for summary in await client.registry.services()]
