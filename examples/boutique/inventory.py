"""How many of each product there are, and who has a claim on them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec

from homeport import method, service

from .errors import OutOfStock, ProductNotFound, ReservationExpired
from .recent import Recent
from .types import CartItem

PRODUCTS = Path(__file__).with_name("data") / "products.json"
HELD_FOR = 120.0  # seconds a reservation lasts when nobody confirms it


class StockLine(msgspec.Struct, frozen=True):
    id: str
    stock: int


class Hold(msgspec.Struct, frozen=True):
    goods: Counter[str]
    until: float


# A single truth about the stock. Calls interleave only where a method awaits, and none of these does between looking
# at the shelf and taking from it, so no two orders get the last lantern.
@service(singleton=True)
class InventoryService:
    """Counts what is there, and holds goods back for orders."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        lines = msgspec.json.decode(PRODUCTS.read_bytes(), type=list[StockLine])
        self._shelf = {line.id: line.stock for line in lines}
        self._held: dict[str, Hold] = {}  # by order, oldest first
        self._sold: Recent[str, Counter[str]] = Recent()

    @method(idempotent=True, raises=[ProductNotFound])
    async def available(self, product_id: str) -> int:
        self._let_go_of_expired()
        return self._on_shelf(product_id)

    @method(idempotent=True, raises=[OutOfStock, ProductNotFound])
    async def reserve(self, order_id: str, items: list[CartItem]) -> None:
        """Hold all the items back for an order, or none of them; to be confirmed within two minutes."""
        self._let_go_of_expired()
        if order_id in self._held or order_id in self._sold:
            return
        goods: Counter[str] = Counter()
        for item in items:
            goods[item.product_id] += item.quantity
        for product_id, quantity in goods.items():
            if self._on_shelf(product_id) < quantity:
                raise OutOfStock(product_id=product_id, available=self._on_shelf(product_id))
        for product_id, quantity in goods.items():
            self._shelf[product_id] -= quantity
        self._held[order_id] = Hold(goods, until=self._now() + HELD_FOR)

    @method(idempotent=True, raises=[ReservationExpired])
    async def confirm(self, order_id: str) -> None:
        """The goods of an order have left the house."""
        self._let_go_of_expired()
        if order_id in self._held:
            self._sold[order_id] = self._held.pop(order_id).goods
        elif order_id not in self._sold:
            raise ReservationExpired(order_id=order_id)

    @method(idempotent=True)
    async def release(self, order_id: str) -> None:
        """Put back what an order held or took, if anything."""
        if order_id in self._held:
            self._put_back(self._held.pop(order_id).goods)
        elif order_id in self._sold:
            self._put_back(self._sold.pop(order_id))

    @method(raises=[ProductNotFound])
    async def restock(self, product_id: str, quantity: Annotated[int, msgspec.Meta(ge=1)]) -> int:
        """Add a delivery to the shelf; answers with what is on it now."""
        self._shelf[product_id] = self._on_shelf(product_id) + quantity
        return self._shelf[product_id]

    def _on_shelf(self, product_id: str) -> int:
        try:
            return self._shelf[product_id]
        except KeyError:
            raise ProductNotFound(product_id=product_id) from None

    def _put_back(self, goods: Counter[str]) -> None:
        for product_id, quantity in goods.items():
            self._shelf[product_id] += quantity

    def _let_go_of_expired(self) -> None:
        while self._held:
            order_id, hold = next(iter(self._held.items()))
            if self._now() < hold.until:
                return
            del self._held[order_id]
            self._put_back(hold.goods)
