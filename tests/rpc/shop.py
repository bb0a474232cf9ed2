"""The services of the conformance suite."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import homeport
from homeport import ServiceError, current, method, service, wait


class CardDeclined(ServiceError, status=402):
    reason: str


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


@dataclass
class Item:
    name: str
    price: Decimal
    at: datetime | None = None


@service
class Bank:
    def __init__(self) -> None:
        self.cancelled = 0
        self.closed = 0
        self.released = threading.Event()

    async def echo(self, item: Item, times: int = 1) -> list[Item]:
        return [item] * times

    @method(raises=[CardDeclined])
    async def decline(self, reason: str) -> None:
        raise CardDeclined(reason=reason)

    async def fail(self) -> None:
        raise ValueError("no such luck")

    async def fail_unspeakably(self) -> None:
        raise Unspeakable

    async def sleep(self, seconds: float) -> str:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "slept"

    async def stubborn(self, seconds: float) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(seconds)
        return "late"

    async def count(self, until: int) -> AsyncIterator[int]:
        try:
            for number in range(until):
                yield number
        finally:
            self.closed += 1

    async def count_and_fail(self) -> AsyncIterator[int]:
        yield 1
        raise CardDeclined(reason="enough")

    async def context(self) -> dict[str, str | float | None]:
        call = current()
        return {
            "caller": call.caller,
            "method": call.method,
            "remaining": call.remaining(),
            "trace": call.trace_id,
            "tenant": call.metadata.get("tenant"),
        }

    async def unsendable(self):
        return object()

    @method
    def hold(self) -> str:
        """Keeps its thread until it is released."""
        return "done" if self.released.wait(20) else "forgotten"

    @method
    def blocking(self, seconds: float) -> str:
        time.sleep(seconds)
        return "done"


@service
class Till:
    bank: Bank

    async def pay(self, reason: str) -> str:
        try:
            await self.bank.decline(reason)
        except CardDeclined as error:
            return f"declined: {error.reason}"
        return "paid"

    async def relay(self) -> None:
        await self.bank.fail()

    async def relay_unsendable(self) -> None:
        await self.bank.unsendable()

    async def relay_overload(self) -> None:
        await self.bank.blocking(0)

    async def patient(self, seconds: float) -> str:
        return await self.bank.sleep(seconds)

    async def context_of_bank(self) -> dict[str, str | float | None]:
        return await self.bank.context()

    async def impatient(self) -> str:
        try:
            with homeport.timeout(0.02):
                return await self.bank.sleep(5)
        except homeport.DeadlineExceeded:
            return "gave up"

    @method
    def report(self) -> list[Item]:
        return wait(self.bank.echo(Item("pen", Decimal("1.50")), 2))
