"""What each shopper has chosen so far."""

from __future__ import annotations

from homeport import method, service

from .errors import ProductNotFound
from .recent import Recent
from .types import CartItem, Quantity

MOST_OF_ONE = 99


# The carts are attributes of this one instance: a second would not see them, and a restart forgets them. A shop that
# minds keeps them in a database and drops `singleton`; here, one instance is the whole truth.
@service(singleton=True)
class CartService:
    """Remembers what each shopper has chosen."""

    def __init__(self) -> None:
        self._carts: Recent[str, dict[str, int]] = Recent(limit=100_000)

    @method(idempotent=True)
    async def items(self, user_id: str) -> list[CartItem]:
        return [CartItem(product_id, quantity) for product_id, quantity in self._carts.get(user_id, {}).items()]

    @method(raises=[ProductNotFound])
    async def add(self, user_id: str, product_id: str, quantity: Quantity = 1) -> list[CartItem]:
        """Put more of a product into the cart, at most 99 of each; answers with the whole cart."""
        await self.product_catalog.product(product_id)  # nothing declares it: Homeport finds it by this line
        cart = self._carts.get(user_id, {})
        self._carts[user_id] = {**cart, product_id: min(cart.get(product_id, 0) + quantity, MOST_OF_ONE)}
        return await self.items(user_id)

    @method(idempotent=True)
    async def remove(self, user_id: str, product_id: str) -> list[CartItem]:
        self._carts.get(user_id, {}).pop(product_id, None)
        return await self.items(user_id)

    @method(idempotent=True)
    async def empty(self, user_id: str) -> None:
        self._carts.pop(user_id, None)
