"""Services as an application has them, for tests that hold the class in hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from homeport import dependency, method, service

if TYPE_CHECKING:
    from shelf_samples import Shelf


@service
class Payments:
    async def process(self, payment: str) -> str:
        return payment


class Base:
    present = property(lambda self: object())

    async def audit(self) -> None:
        await self.auditor.write()  # type: ignore[attr-defined]


@service(name="till", replicas=2)
class Checkout(Base):
    pay: Payments
    shelf: Shelf
    spare: Annotated[Payments | None, "second"]
    ledger: Any = dependency(optional=True, timeout="1s")

    def __init__(self, late: Payments) -> None:
        self.late = late

    async def buy(self) -> None:
        await self.stock.take()  # type: ignore[attr-defined]
        await self.present.call()  # type: ignore[attr-defined]

    @method
    def count(self) -> int:
        return 1


@service
@dataclass
class Card:
    pay: Payments

    async def show(self) -> None: ...


@service
class Empty: ...


@service
class Alone:
    async def go(self) -> None:
        await self.alone.go()  # type: ignore[attr-defined]
