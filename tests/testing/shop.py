"""The services that the testing kit's own tests run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import homeport
from homeport import ServiceError, dependency, method, service, wait


class CardDeclined(ServiceError, status=402):
    reason: str


@dataclass
class Receipt:
    id: str
    cents: int
    notes: list[str] = field(default_factory=list)


@service
class Payments:
    async def process(self, cents: int, currency: str = "EUR") -> Receipt:
        return Receipt(id=currency, cents=cents)

    @method(raises=[CardDeclined])
    async def refund(self, receipt: Receipt, *, reason: str) -> Receipt:
        raise CardDeclined(reason=reason)

    async def history(self, account: str) -> AsyncIterator[Receipt]:
        for number in range(3):
            yield Receipt(id=account, cents=number)

    @method
    def statement(self, month: str) -> str:
        return f"statement of {month}"


@service
class Fraud:
    async def check(self, cents: int) -> bool:
        return cents > 100


@service
class Orders:
    payments: Payments
    fraud: Fraud | None = dependency(optional=True)

    async def buy(self, cents: int) -> Receipt:
        return await self.payments.process(cents)

    async def buy_by_name(self, cents: int) -> Receipt:
        return await self.payments.process(cents=cents, currency="USD")

    async def history(self, account: str) -> list[Receipt]:
        return [receipt async for receipt in self.payments.history(account)]

    async def undo(self, receipt: Receipt) -> str:
        try:
            await self.payments.refund(receipt, reason="wrong size")
        except CardDeclined as error:
            return f"declined: {error.reason}"
        return "refunded"

    async def try_hard(self, cents: int) -> str:
        try:
            return (await self.payments.process(cents)).id
        except homeport.Unavailable as error:
            return type(error).__name__

    async def checked(self) -> bool:
        return self.fraud is not None

    @method
    def report(self, month: str) -> str:
        with homeport.timeout(5):
            return wait(self.payments.statement(month)).upper()

    async def impatient(self) -> str:
        try:
            with homeport.timeout(0.02):
                await self.payments.process(1)
        except homeport.DeadlineExceeded:
            return "gave up"
        return "paid"


@service
class Undeclared:
    """Its dependency is found by its use; nobody knows the class behind it."""

    async def total(self, items: list[str]) -> int:
        return sum([await self.prices.price(item) for item in items])

    async def named(self, item: str) -> int:
        return await self.prices.price(item, currency="EUR")

    async def every(self) -> list[int]:
        return [price async for price in self.prices.all()]


@service
class Sessions:
    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    @method(route_by="user")
    async def visit(self, user: str) -> int:
        self.seen[user] = self.seen.get(user, 0) + 1
        return self.seen[user]

    @method(route_by="user")
    async def visits(self, user: str) -> AsyncIterator[int]:
        for number in range(self.seen.get(user, 0)):
            yield number + 1


@dataclass
class Limits:
    most: int = 10
    currency: str = "EUR"


@service
class Wallet:
    config: Limits

    def __init__(self, payments: Payments, config: Limits) -> None:
        self._payments = payments
        self.limit = config.most

    async def pay(self, cents: int) -> str:
        if cents > self.limit:
            return "too much"
        return (await self._payments.process(cents, self.config.currency)).id


LIFE: list[str] = []


class Living:
    """Tells when it starts and stops."""

    async def startup(self) -> None:
        LIFE.append(f"{type(self).__name__} up")

    async def shutdown(self) -> None:
        LIFE.append(f"{type(self).__name__} down")


@service
class Bottom(Living):
    async def ping(self) -> str:
        return "pong"


@service
class Middle(Living):
    bottom: Bottom

    async def startup(self) -> None:
        assert await self.bottom.ping() == "pong"
        await super().startup()

    async def ping(self) -> str:
        return await self.bottom.ping()

    async def shutdown(self) -> None:
        assert await self.bottom.ping() == "pong"
        await super().shutdown()


@service
class Top(Living):
    middle: Middle
    bottom: Bottom

    def startup(self) -> None:
        LIFE.append("Top up")

    async def ping(self) -> str:
        return await self.middle.ping()


@service
class Chicken:
    egg: Egg

    def __init__(self) -> None:
        self.heard = ""

    async def startup(self) -> None:
        self.heard = await self.egg.sound()

    async def sound(self) -> str:
        return "cluck"


@service
class Egg:
    chicken: Chicken

    async def startup(self) -> None:
        await asyncio.sleep(0)

    async def sound(self) -> str:
        return "crack"

    async def mother(self) -> str:
        return await self.chicken.sound()
