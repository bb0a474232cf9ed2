"""Handles are typed by one annotation line, without a plugin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, assert_type

from homeport import ServiceError, dependency, method, service

if TYPE_CHECKING:
    from ok.payments import Payments


class OutOfStock(ServiceError, status=409):
    product: str
    left: int = 0


@service
class Stock:
    """A bare mark, methods of every kind."""

    async def take(self, product: str, count: int = 1) -> int:
        if count > 3:
            raise OutOfStock(product=product)
        return count

    async def changes(self, product: str) -> AsyncIterator[int]:
        yield len(product)

    @method
    def count(self, product: str) -> int:
        return self._count(product)

    @method(timeout="250ms", idempotent=True, route_by="product", raises=[OutOfStock], public=True)
    def counts(self, product: str, *, exact: bool = False) -> list[int]:
        return [self._count(product)]

    @method(idempotent=True, raises=OutOfStock)
    async def reserve(self, product: str) -> str:
        return product

    @method(timeout=2)
    async def levels(self) -> AsyncIterator[str]:
        yield ""

    def _count(self, product: str) -> int:
        return len(product)


@service(name="checkout", version="2", replicas=2, isolated=True, singleton=False, public=True)
class Checkout:
    stock: Stock
    pay: Payments
    late: Payments = dependency(timeout="2s")
    spare: Payments | None = dependency("payments", optional=True)

    def __init__(self, other: Stock, again: Payments = dependency(timeout=1.5)) -> None:
        self.other, self.again = other, again

    async def buy(self, product: str) -> str:
        assert_type(await self.stock.take(product, count=2), int)
        assert_type(await self.stock.count(product), int)
        assert_type(await self.stock.counts(product, exact=True), list[int])
        assert_type(await self.stock.reserve(product), str)
        async for change in self.stock.changes(product):
            assert_type(change, int)
        async for level in self.stock.levels():
            assert_type(level, str)
        task = asyncio.create_task(self.stock.count(product))
        assert_type(await task, int)
        both = await asyncio.gather(self.stock.take(product), self.stock.count(product))
        assert_type(both, tuple[int, int])
        assert_type(await self.other.take(product), int)
        assert_type(await self.again.process(3), str)
        if self.spare is not None:
            await self.spare.process(1)
        return await self.pay.process(3) + await self.late.process(4)


def a_declared_error_has_typed_fields() -> str:
    try:
        raise OutOfStock(product="tea", left=1)
    except OutOfStock as error:
        assert_type(error.product, str)
        assert_type(error.left, int)
        return error.code


async def a_marked_class_is_still_its_own_class() -> Checkout:
    assert_type(Stock(), Stock)
    return Checkout(Stock())
