"""The answers of the boutique that are not what the shopper hoped for."""

from __future__ import annotations

from homeport import ServiceError


class ProductNotFound(ServiceError, status=404):
    product_id: str


class UnsupportedCurrency(ServiceError, status=400):
    currency: str


class EmptyCart(ServiceError, status=400):
    user_id: str


class CheckoutInProgress(ServiceError, status=409):
    """The same shopper's order is being placed at this very moment."""

    user_id: str


class OutOfStock(ServiceError, status=409):
    product_id: str
    available: int


class ReservationExpired(ServiceError, status=409):
    order_id: str


class InvalidCard(ServiceError, status=422):
    reason: str


class CardExpired(ServiceError, status=422):
    year: int
    month: int


class CardDeclined(ServiceError, status=402):
    reason: str


class OrderClosed(ServiceError, status=409):
    """The order was cancelled before this step of it arrived."""

    order_id: str


class OrderNotFound(ServiceError, status=404):
    order_id: str


ORDER_REFUSALS = (
    CardDeclined,
    CardExpired,
    CheckoutInProgress,
    EmptyCart,
    InvalidCard,
    OrderClosed,
    OutOfStock,
    ProductNotFound,
    ReservationExpired,
    UnsupportedCurrency,
)
