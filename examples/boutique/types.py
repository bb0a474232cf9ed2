"""The values that the boutique's services tell each other."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from .money import Money

Quantity = Annotated[int, msgspec.Meta(ge=1, le=99)]
EmailAddress = Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+$")]


class Product(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    description: str
    categories: tuple[str, ...]
    price: Money
    weight_grams: int


class CartItem(msgspec.Struct, frozen=True):
    product_id: str
    quantity: Quantity


class Address(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    street: str
    city: str
    postcode: str
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]


class CreditCard(msgspec.Struct, frozen=True, kw_only=True):
    number: str
    expiry_year: int
    expiry_month: Annotated[int, msgspec.Meta(ge=1, le=12)]
    security_code: Annotated[str, msgspec.Meta(pattern="^[0-9]{3,4}$")]

    @property
    def digits(self) -> str:
        return self.number.replace(" ", "").replace("-", "")

    def __repr__(self) -> str:  # so that no log and no traceback ever shows a whole number
        return f"CreditCard(…{self.number[-4:]})"


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the payment service answers to a charge."""

    transaction_id: str
    amount: Money


class ShippingQuote(msgspec.Struct, frozen=True, kw_only=True):
    cost: Money
    days: int


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    tracking_id: str
    days: int


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    product_id: str
    name: str
    quantity: int
    price: Money  # of one

    @property
    def cost(self) -> Money:
        return self.price * self.quantity


class Order(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    placed_at: datetime
    lines: tuple[OrderLine, ...]
    goods: Money
    shipping: Money
    total: Money
    address: Address
    shipment: Shipment
    receipt: Receipt


class Ad(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    product_id: str


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    to: EmailAddress
    subject: str
    text: str
