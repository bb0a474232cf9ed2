"""What else a shopper may like."""

from __future__ import annotations

from collections.abc import Sequence

from homeport import method, service

from .types import Product


@service
class RecommendationService:
    """Suggests what goes with what is in the cart."""

    def __init__(self) -> None:
        self._products: list[Product] = []

    async def startup(self) -> None:
        # Runs once the catalog is ready: what a class calls as `self.product_catalog`, it waits for.
        self._products = await self.product_catalog.products()

    @method(idempotent=True)
    async def recommend(self, product_ids: list[str], limit: int = 4) -> list[str]:
        """Ids of products most like the given ones, without those themselves."""
        return most_alike(self._products, product_ids, limit)


def most_alike(products: Sequence[Product], given_ids: Sequence[str], limit: int) -> list[str]:
    liked = [category for product in products if product.id in given_ids for category in product.categories]
    others = [product for product in products if product.id not in given_ids]
    # Price breaks ties, dearest first: this is a shop.
    others.sort(key=lambda product: (-sum(map(liked.count, product.categories)), -product.price.minor))
    return [product.id for product in others[:limit]]
