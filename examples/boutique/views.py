"""The pages of the shop, as data: what the frontend answers."""

from __future__ import annotations

import msgspec

from .money import Money
from .types import Ad, CartItem, Product


class ProductView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    description: str
    price: Money

    @classmethod
    def of(cls, product: Product, price: Money) -> ProductView:
        return cls(id=product.id, name=product.name, description=product.description, price=price)


class CartLine(msgspec.Struct, frozen=True, kw_only=True):
    product: ProductView
    quantity: int
    cost: Money


class IndexPage(msgspec.Struct, frozen=True, kw_only=True):
    products: list[ProductView]
    currency: str
    currencies: list[str]
    cart_size: int
    ad: Ad | None


class ProductPage(msgspec.Struct, frozen=True, kw_only=True):
    product: ProductView
    available: int
    recommendations: list[ProductView]
    cart_size: int
    ad: Ad | None


class CartPage(msgspec.Struct, frozen=True, kw_only=True):
    lines: list[CartLine]
    shipping: Money
    total: Money
    recommendations: list[ProductView]


def size_of(cart: list[CartItem]) -> int:
    return sum(item.quantity for item in cart)
