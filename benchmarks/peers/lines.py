"""How a client of a peer is told what to do: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any


def say(answer: Mapping[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


async def obey(drive: Callable[[int, float], Awaitable[Mapping[str, Any]]]) -> None:
    """Call ``drive(in_flight, seconds)`` for each line of standard input until it ends."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        say(await drive(order["in_flight"], order["seconds"]))
