"""The service that clients call in these tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal

import homeport
from homeport import ServiceError, method, service


class CardDeclined(ServiceError, status=402):
    reason: str


@dataclass
class Receipt:
    id: str
    amount: Decimal


class Seen:
    """What reaches the tests beside the answers: set in the worker's thread, read in the test's."""

    def __init__(self) -> None:
        self.begun, self.cancelled, self.closed = threading.Event(), threading.Event(), threading.Event()


SEEN = Seen()


@service
class Payments:
    async def process(self, amount: Decimal, currency: str = "EUR") -> Receipt:
        return Receipt(id=currency, amount=amount)

    @method(raises=[CardDeclined])
    async def decline(self, reason: str) -> None:
        raise CardDeclined(reason=reason)

    async def hang(self) -> None:
        SEEN.begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            SEEN.cancelled.set()
            raise

    async def count(self, until: int) -> AsyncIterator[int]:
        try:
            for number in range(until):
                yield number
        finally:
            SEEN.closed.set()

    async def drip(self) -> AsyncIterator[int]:
        try:
            yield 1
            SEEN.begun.set()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            SEEN.cancelled.set()
            raise

    async def context(self) -> dict[str, str | float | None]:
        call = homeport.current()
        return {"caller": call.caller, "tenant": call.metadata.get("tenant"), "remaining": call.remaining()}

    async def ask_itself(self) -> str:
        """By a client opened inside the worker."""
        async with homeport.connect() as hp:
            return (await hp.get(Payments).process(Decimal(1), "inside")).id

    @method
    def ask_itself_sync(self) -> str:
        with homeport.connect_sync() as hp:
            return str(hp.service("payments").process("1", "thread")["id"])


@service
class Refunds:
    async def process(self) -> str:
        return "refunded"
