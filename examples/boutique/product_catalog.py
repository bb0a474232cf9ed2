"""What the boutique sells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from homeport import method, service

from .errors import ProductNotFound
from .types import Product

PRODUCTS = Path(__file__).with_name("data") / "products.json"


@service
class ProductCatalogService:
    """Knows the products and finds them."""

    def __init__(self) -> None:
        products = msgspec.json.decode(PRODUCTS.read_bytes(), type=list[Product])
        self._products = {product.id: product for product in products}

    @method(idempotent=True)
    async def products(self) -> list[Product]:
        """Everything on sale."""
        return list(self._products.values())

    @method(idempotent=True, raises=[ProductNotFound])
    async def product(self, product_id: str) -> Product:
        try:
            return self._products[product_id]
        except KeyError:
            raise ProductNotFound(product_id=product_id) from None

    @method(idempotent=True, raises=[ProductNotFound])
    async def select(self, product_ids: list[str]) -> list[Product]:
        """The products of these ids, in the same order."""
        return [await self.product(product_id) for product_id in product_ids]

    async def search(self, words: str) -> AsyncIterator[Product]:
        """Products whose name or description has all the words, one by one as they are found."""
        wanted = words.casefold().split()
        for product in self._products.values():
            text = f"{product.name} {product.description}".casefold()
            if all(word in text for word in wanted):
                yield product
