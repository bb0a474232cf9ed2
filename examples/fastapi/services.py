"""Two services: the app of orders.py under the name ``orders``, and the stock that it asks and that asks it."""

from __future__ import annotations

from orders import app

from homeport import ServiceError, method, service


class OutOfStock(ServiceError, status=409):
    sku: str
    left: int


@service
class Orders:
    """Answers HTTP at /apps/orders/."""

    asgi = app

    async def docs(self) -> str:
        """Where people read what it can do."""
        return "/apps/orders/docs"


@service
class Stock:
    """Counts what is on the shelf."""

    def __init__(self) -> None:
        self.shelf = {"pen": 10, "ink": 2}

    @method(raises=[OutOfStock])
    async def take(self, sku: str, quantity: int) -> int:
        """Take pieces from the shelf; answers with how many are left."""
        left = self.shelf.get(sku, 0)
        if left < quantity:
            raise OutOfStock(sku=sku, left=left)
        self.shelf[sku] = left - quantity
        return left - quantity

    async def report(self) -> dict[str, dict[str, int]]:
        """What is left and what was ordered; the latter is asked of the FastAPI app, over HTTP."""
        found = {}
        for sku, left in self.shelf.items():
            answer = await self.orders.request("GET", f"/orders/{sku}")
            found[sku] = {"left": left, "ordered": answer.json()}
        return found
