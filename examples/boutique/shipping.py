"""What it costs to send a parcel, and where it is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from homeport import method, service

from .errors import OrderClosed, ProductNotFound
from .money import Money
from .recent import Recent
from .types import Address, CartItem, Shipment, ShippingQuote

if TYPE_CHECKING:
    from .product_catalog import ProductCatalogService

HOME = "NL"
FREE = Money("EUR", 0)
BASE = Money.of("EUR", "4.95")
ABROAD = Money.of("EUR", "6.50")
PER_KILOGRAM = Money.of("EUR", "1.20")
ITEMS_PER_BOX = 12
PER_EXTRA_BOX = Money.of("EUR", "2.50")


@service
class ShippingService:
    """Prices parcels and sends them."""

    catalog: ProductCatalogService  # the type says which service it is, so the name may be our own

    def __init__(self) -> None:
        self._shipments: Recent[str, Shipment | None] = Recent()  # by order; None: cancelled

    @method(idempotent=True, raises=[ProductNotFound])
    async def quote(self, items: list[CartItem], country: str) -> ShippingQuote:
        """The price in euro of sending the items there; for nothing at all, nothing."""
        products = await self.catalog.select([item.product_id for item in items])
        grams = sum(product.weight_grams * item.quantity for product, item in zip(products, items, strict=True))
        return price(count=sum(item.quantity for item in items), grams=grams, country=country)

    @method(idempotent=True, raises=[OrderClosed])
    async def ship(self, order_id: str, address: Address) -> Shipment:
        if order_id not in self._shipments:
            self._shipments[order_id] = Shipment(
                tracking_id=tracking_id(order_id, address.country), days=days_to(address.country)
            )
        shipment = self._shipments[order_id]
        if shipment is None:
            raise OrderClosed(order_id=order_id)
        return shipment

    @method(idempotent=True)
    async def cancel(self, order_id: str) -> None:
        """Call the parcel back, or see to it that it never leaves."""
        self._shipments[order_id] = None


def price(count: int, grams: int, country: str) -> ShippingQuote:
    if count == 0:
        return ShippingQuote(cost=FREE, days=0)
    extra_boxes = (count - 1) // ITEMS_PER_BOX
    kilograms = -(-grams // 1000)  # each one begun counts
    cost = BASE + PER_KILOGRAM * kilograms + PER_EXTRA_BOX * extra_boxes
    return ShippingQuote(cost=cost if country == HOME else cost + ABROAD, days=days_to(country))


def days_to(country: str) -> int:
    return 2 if country == HOME else 6


def tracking_id(order_id: str, country: str) -> str:
    """``NL-4821-90573312``: the same for the same order, so that shipping it twice sends one parcel."""
    digits = f"{int.from_bytes(hashlib.sha256(order_id.encode()).digest()[:8]) % 10**12:012}"
    return f"{country}-{digits[:4]}-{digits[4:]}"
