"""A whole shop in one process: the real classes, wired by hand, with a clock and a calendar that tests move."""

from __future__ import annotations

from datetime import date
from typing import Any

from boutique.ad import AdService
from boutique.cart import CartService
from boutique.checkout import CheckoutService
from boutique.currency import CurrencyService
from boutique.email import EmailService
from boutique.frontend import FrontendService
from boutique.inventory import InventoryService
from boutique.payment import PaymentService
from boutique.product_catalog import ProductCatalogService
from boutique.recommendation import RecommendationService
from boutique.shipping import ShippingService
from boutique.types import Address, CreditCard

TODAY = date(2030, 6, 15)
ADDRESS = Address(name="Ada", street="Kade 1", city="Harlingen", postcode="8862", country="NL")


def card(number: str = "4242424242424242", year: int = 2031, month: int = 1) -> CreditCard:
    return CreditCard(number=number, expiry_year=year, expiry_month=month, security_code="123")


class Failing:
    """Stands before a service and lets chosen methods fail instead."""

    def __init__(self, service: Any, **failures: BaseException) -> None:
        self._service, self._failures = service, failures

    def __getattr__(self, name: str) -> Any:
        if name not in self._failures:
            return getattr(self._service, name)

        async def fail(*_: Any, **__: Any) -> None:
            raise self._failures[name]

        return fail


class Shop:
    """Every service of the boutique, each holding the others as its dependencies."""

    def __init__(self) -> None:
        self.now = 0.0
        self.catalog = ProductCatalogService()
        self.currency = CurrencyService()
        self.email = EmailService()
        self.ad = AdService()
        self.inventory = InventoryService(now=lambda: self.now)
        self.payment = PaymentService(today=lambda: TODAY)

        self.cart: Any = CartService()
        self.cart.product_catalog = self.catalog
        self.recommendation: Any = RecommendationService()
        self.recommendation.product_catalog = self.catalog
        self.shipping = ShippingService()
        self.shipping.catalog = self.catalog

        self.checkout = CheckoutService()
        self.checkout.cart, self.checkout.catalog, self.checkout.currency = self.cart, self.catalog, self.currency
        self.checkout.email, self.checkout.inventory = self.email, self.inventory
        self.checkout.payment, self.checkout.shipping = self.payment, self.shipping

        self.frontend = FrontendService()
        self.frontend.ads, self.frontend.carts, self.frontend.catalog = self.ad, self.cart, self.catalog
        self.frontend.checkouts, self.frontend.currencies = self.checkout, self.currency
        self.frontend.inventory, self.frontend.recommendations = self.inventory, self.recommendation
        self.frontend.shipping = self.shipping
