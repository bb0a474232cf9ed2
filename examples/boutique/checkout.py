"""Turns a cart into an order, or into nothing at all."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from homeport import method, service

from .errors import ORDER_REFUSALS, CheckoutInProgress, EmptyCart, OrderNotFound
from .money import Money, total
from .recent import Recent
from .saga import Saga
from .types import Address, CartItem, CreditCard, EmailAddress, Order, OrderLine

if TYPE_CHECKING:
    from .cart import CartService
    from .currency import CurrencyService
    from .email import EmailService
    from .inventory import InventoryService
    from .payment import PaymentService
    from .product_catalog import ProductCatalogService
    from .shipping import ShippingService

log = logging.getLogger(__name__)


@service
class CheckoutService:
    """Places orders, or undoes every step of them."""

    cart: CartService
    catalog: ProductCatalogService
    currency: CurrencyService
    email: EmailService
    inventory: InventoryService
    payment: PaymentService
    shipping: ShippingService

    def __init__(self) -> None:
        self._placing: set[str] = set()
        self._orders: Recent[str, Order] = Recent()

    async def shutdown(self) -> None:
        await Saga.settled()

    # A shopper's calls all reach the same replica, so `_placing` sees the second click of an impatient one.
    @method(route_by="user_id", timeout=20, raises=ORDER_REFUSALS)
    async def place_order(
        self, user_id: str, currency: str, address: Address, email: EmailAddress, card: CreditCard
    ) -> Order:
        """Buy what is in the cart. Any failure leaves goods, money and cart as they were."""
        if user_id in self._placing:
            raise CheckoutInProgress(user_id=user_id)
        self._placing.add(user_id)
        try:
            items = await self.cart.items(user_id)
            if not items:
                raise EmptyCart(user_id=user_id)
            order = await self._buy(items, currency, address, card)
        finally:
            self._placing.discard(user_id)
        self._orders[order.id] = order
        await self._finish(order, user_id, email)
        return order

    @method(idempotent=True, route_by="user_id", raises=[OrderNotFound])
    async def order(self, user_id: str, order_id: str) -> Order:
        try:
            return self._orders[order_id]
        except KeyError:
            raise OrderNotFound(order_id=order_id) from None

    async def _buy(self, items: list[CartItem], currency: str, address: Address, card: CreditCard) -> Order:
        order_id = uuid4().hex
        async with Saga() as saga:
            saga.undo_with(self.inventory.release, order_id)
            await self.inventory.reserve(order_id, items)

            lines, shipping = await asyncio.gather(
                self._lines(items, currency), self._shipping_cost(items, currency, address)
            )
            goods = total((line.cost for line in lines), currency)

            saga.undo_with(self.payment.refund, order_id)
            receipt = await self.payment.charge(order_id, goods + shipping, card)

            saga.undo_with(self.shipping.cancel, order_id)
            shipment = await self.shipping.ship(order_id, address)

            await self.inventory.confirm(order_id)
        return Order(
            id=order_id,
            placed_at=datetime.now(UTC),
            lines=lines,
            goods=goods,
            shipping=shipping,
            total=goods + shipping,
            address=address,
            shipment=shipment,
            receipt=receipt,
        )

    async def _lines(self, items: list[CartItem], currency: str) -> tuple[OrderLine, ...]:
        products = await self.catalog.select([item.product_id for item in items])
        prices = await self.currency.convert([product.price for product in products], currency)
        return tuple(
            OrderLine(product_id=product.id, name=product.name, quantity=item.quantity, price=price)
            for item, product, price in zip(items, products, prices, strict=True)
        )

    async def _shipping_cost(self, items: list[CartItem], currency: str, address: Address) -> Money:
        quote = await self.shipping.quote(items, address.country)
        [cost] = await self.currency.convert([quote.cost], currency)
        return cost

    async def _finish(self, order: Order, user_id: str, email: EmailAddress) -> None:
        """The order stands: what fails from here on is a nuisance, and no reason to give the money back."""
        outcomes = await asyncio.gather(
            self.cart.empty(user_id), self.email.send_confirmation(email, order), return_exceptions=True
        )
        for failure in filter(None, outcomes):
            log.warning("order.unfinished", extra={"order": order.id}, exc_info=failure)
