"""Services that do what no service should."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import ClassVar

from homeport import ServiceError, method, service

MIB = 2**20


class Moody(ServiceError, status=409):
    """Can be raised, but not made again from its fields."""

    mood: str

    def __init__(self, **fields: str) -> None:
        if fields.get("mood") == "black":
            raise RuntimeError("not in the mood")
        super().__init__(mood="black", **fields) if not fields else super().__init__(**fields)


class Verbose(ServiceError, status=413):
    text: str


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not a word")

    def __repr__(self) -> str:
        raise RuntimeError("nor this")


class Unborn(Exception):
    def __init__(self) -> None:
        raise KeyError("never made")


class Unwritable(Exception):
    """Says what no encoding of ours can write: half of a character."""


@service
class Late:
    """Starts once it has raised all of its errors."""

    errors: ClassVar[list[Exception]] = []

    async def startup(self) -> None:
        if self.errors:
            raise self.errors.pop()

    async def well(self) -> str:
        return "well"


@service
class Culprit:
    def __init__(self) -> None:
        self.swallowed = 0
        self.produced = 0
        self.ended = 0
        self.free = asyncio.Event()

    @method(idempotent=True)
    async def well(self) -> str:
        return "well"

    async def never(self) -> None:
        await asyncio.Event().wait()

    async def deaf(self) -> str:
        """Takes no cancellation until it is let go."""
        while not self.free.is_set():
            try:
                await self.free.wait()
            except asyncio.CancelledError:
                self.swallowed += 1
        return "late"

    @method
    def blocked(self, seconds: float) -> None:
        time.sleep(seconds)

    async def raise_mute(self) -> None:
        raise Mute

    async def raise_unborn(self) -> None:
        raise Unborn

    async def raise_unwritable(self) -> None:
        raise Unwritable("half a character: \ud83d")

    async def raise_group(self) -> None:
        raise ExceptionGroup("both", [Mute(), ValueError("two")])

    @method(raises=[Moody])
    async def raise_moody(self) -> None:
        raise Moody

    @method(raises=[Verbose])
    async def raise_verbose(self, size: int) -> None:
        raise Verbose(text="x" * size)

    @method(raises=[Verbose])
    async def raise_unwritable_answer(self) -> None:
        raise Verbose(text="\ud83d")

    async def take(self, body: bytes) -> int:
        return len(body)

    async def give(self, size: int) -> bytes:
        return bytes(size)

    async def stream(self, sizes: list[int]) -> AsyncIterator[bytes]:
        for size in sizes:
            yield bytes(size)

    async def flood(self, items: int, size: int) -> AsyncIterator[bytes]:
        try:
            for _ in range(items):
                self.produced += 1
                yield bytes(size)
        finally:
            self.ended += 1
