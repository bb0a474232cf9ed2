"""The shop's door: every page is gathered here from the services behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from homeport import RemoteError, Unavailable, method, service

from .errors import ORDER_REFUSALS, ProductNotFound, UnsupportedCurrency
from .money import total
from .recent import Recent
from .types import Ad, Address, CreditCard, EmailAddress, Order, Product, Quantity
from .views import CartLine, CartPage, IndexPage, ProductPage, ProductView, size_of

if TYPE_CHECKING:
    from .ad import AdService
    from .cart import CartService
    from .checkout import CheckoutService
    from .currency import CurrencyService
    from .inventory import InventoryService
    from .product_catalog import ProductCatalogService
    from .recommendation import RecommendationService
    from .shipping import ShippingService

T = TypeVar("T")

DEFAULT_CURRENCY = "EUR"
QUOTED_COUNTRY = "NL"  # until checkout asks for the address


@service(public=True)
class FrontendService:
    """Answers with the pages of the shop, as data."""

    ads: AdService
    carts: CartService
    catalog: ProductCatalogService
    checkouts: CheckoutService
    currencies: CurrencyService
    inventory: InventoryService
    recommendations: RecommendationService
    shipping: ShippingService

    def __init__(self) -> None:
        # Every method is routed by the shopper, so each replica knows its own. After a restart they choose once more.
        self._chosen: Recent[str, str] = Recent(limit=100_000)

    @method(idempotent=True, route_by="user_id", raises=[UnsupportedCurrency])
    async def index(self, user_id: str, currency: str | None = None) -> IndexPage:
        currency = currency or self._currency_of(user_id)
        products, currencies, cart, ad = await asyncio.gather(
            self.catalog.products(),
            self.currencies.currencies(),
            self.carts.items(user_id),
            self._ad([]),
        )
        return IndexPage(
            products=await self._views(products, currency),
            currency=currency,
            currencies=currencies,
            cart_size=size_of(cart),
            ad=ad,
        )

    @method(idempotent=True, route_by="user_id", raises=(ProductNotFound, UnsupportedCurrency))
    async def product(self, product_id: str, user_id: str, currency: str | None = None) -> ProductPage:
        product = await self.catalog.product(product_id)
        available, cart, ad, others = await asyncio.gather(
            self.inventory.available(product_id),
            self.carts.items(user_id),
            self._ad(list(product.categories)),
            self._recommended([product_id]),
        )
        view, *recommendations = await self._views([product, *others], currency or self._currency_of(user_id))
        return ProductPage(
            product=view, available=available, recommendations=recommendations, cart_size=size_of(cart), ad=ad
        )

    @method(idempotent=True, route_by="user_id", raises=[UnsupportedCurrency])
    async def cart(self, user_id: str, currency: str | None = None) -> CartPage:
        currency = currency or self._currency_of(user_id)
        items = await self.carts.items(user_id)
        product_ids = [item.product_id for item in items]
        products, quote, others = await asyncio.gather(
            self.catalog.select(product_ids),
            self.shipping.quote(items, QUOTED_COUNTRY),
            self._recommended(product_ids),
        )
        views = await self._views([*products, *others], currency)
        [shipping] = await self.currencies.convert([quote.cost], currency)
        lines = [
            CartLine(product=view, quantity=item.quantity, cost=view.price * item.quantity)
            for view, item in zip(views, items, strict=False)
        ]
        return CartPage(
            lines=lines,
            shipping=shipping,
            total=total((line.cost for line in lines), currency) + shipping,
            recommendations=views[len(lines) :],
        )

    @method(route_by="user_id", raises=[ProductNotFound])
    async def add_to_cart(self, user_id: str, product_id: str, quantity: Quantity = 1) -> int:
        """Answers with the number of things in the cart."""
        return size_of(await self.carts.add(user_id, product_id, quantity))

    @method(idempotent=True, route_by="user_id", raises=[UnsupportedCurrency])
    async def set_currency(self, user_id: str, currency: str) -> None:
        """Show this shopper all prices in ``currency`` from now on."""
        if currency not in await self.currencies.currencies():
            raise UnsupportedCurrency(currency=currency)
        self._chosen[user_id] = currency

    @method(route_by="user_id", timeout=25, raises=ORDER_REFUSALS)
    async def checkout(
        self, user_id: str, address: Address, email: EmailAddress, card: CreditCard, currency: str | None = None
    ) -> Order:
        return await self.checkouts.place_order(user_id, currency or self._currency_of(user_id), address, email, card)

    def _currency_of(self, user_id: str) -> str:
        return self._chosen.get(user_id, DEFAULT_CURRENCY)

    async def _views(self, products: list[Product], currency: str) -> list[ProductView]:
        prices = await self.currencies.convert([product.price for product in products], currency)
        return [ProductView.of(product, price) for product, price in zip(products, prices, strict=True)]

    async def _recommended(self, product_ids: list[str]) -> list[Product]:
        others = await _or_else([], self.recommendations.recommend(product_ids))
        return await self.catalog.select(others)

    async def _ad(self, categories: list[str]) -> Ad | None:
        return await _or_else(None, self.ads.pick(categories))


async def _or_else(otherwise: T, decoration: Awaitable[T]) -> T:
    """What the call answers, or ``otherwise`` if it cannot: a plain page is better than none."""
    try:
        return await decoration
    except (Unavailable, RemoteError):
        return otherwise
