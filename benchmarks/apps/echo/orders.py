"""What is sent and answered: 99 and 95 bytes of msgpack."""

from __future__ import annotations

import msgspec


class Order(msgspec.Struct, frozen=True):
    id: str
    customer: str
    product: str
    quantity: int
    amount: int
    currency: str


class Receipt(msgspec.Struct, frozen=True):
    order: str
    payment: str
    amount: int
    currency: str
    status: str


ORDER = Order("order-2026-000417", "customer-901334", "sku-4471-b", 3, 12_990, "EUR")


def receipt_for(order: Order) -> Receipt:
    return Receipt(order.id, "payment-771209455-eu/2", order.amount, order.currency, "accepted")
