"""Each line marked with an E is a mistake that a type checker must find, and no other line is."""

from __future__ import annotations

from homeport import ServiceError, connect, dependency, method, service

from ok.handles import OutOfStock, Stock


class Declined(ServiceError, status=402):
    reason: str


@service(replica=2)  # E
class Unknown:
    async def go(self) -> None: ...


@service(replicas="2")  # E
class Wrong:
    async def go(self) -> None: ...


@service
class Checkout:
    stock: Stock
    spare: Stock | None = dependency(optional=True)
    late: Stock = dependency(optional="yes")  # E

    async def buy(self, product: str) -> int:
        await self.stock.take(3)  # E
        await self.stock.take()  # E
        await self.stock.take(product, amount=2)  # E
        await self.stock.tke(product)  # E
        await self.stock.count(product, 3)  # E
        await self.stock.counts(product, exact="no")  # E
        await self.stock.changes(product)  # E
        await self.spare.take(product)  # E
        number: int = self.stock.count(product)  # E
        text: str = await self.stock.count(product)  # E
        async for change in self.stock.changes(product):
            text = change  # E
        return await self.stock.reserve(product)  # E

    @method(timeout=[2])  # E
    async def one(self) -> None: ...

    @method(raises=[ValueError])  # E
    async def two(self) -> None: ...

    @method(retries=3)  # E
    async def three(self) -> None: ...


def errors() -> None:
    Declined(reason=3)  # E
    Declined()  # E
    OutOfStock(product="tea", left="1")  # E


async def script() -> None:
    async with connect() as hp:
        await hp.get(Stock).take(3)  # E
