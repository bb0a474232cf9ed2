"""Shoppers at the front and a program that calls services itself: each call is entered in one account."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx

import homeport
from examples.boutique.load import BUSINESS, Shopper, Tally
from homeport.client import Client
from homeport.errors import HomeportError, RemoteError, ServiceError
from tests.chaos.verdict import Call

BROWSER_PATIENCE = 30.0  # seconds, as of the shopper's browser
CALL_DEADLINE = 10.0
FORGOTTEN = frozenset(
    {"409 reservation_expired"}
)  # a matter of business: the inventory lives in a process that may die
IDEMPOTENT = frozenset({"browse", "cart", "index", "currency"})  # of what shoppers do
THINK = 0.05  # mean seconds between two things that one does


class Account(Tally):
    """All calls, and when they were made."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def note(self, kind: str, seconds: float, response: httpx.Response | None, problem: str = "") -> None:
        before = self.reasons.copy()
        super().note(kind, seconds, response, problem)
        failed = next(iter(self.reasons - before - Counter(FORGOTTEN)), "")
        now = time.monotonic()
        self.calls.append(
            Call(
                what=f"a shopper's {kind}",
                idempotent=kind in IDEMPOTENT,
                began=now - seconds,
                ended=now,
                deadline=BROWSER_PATIENCE,
                error=failed,
                http=True,
            )
        )

    async def of(self, what: str, idempotent: bool, call: Callable[[], Awaitable[Any]]) -> None:
        """Make one call of Homeport's own."""
        began, error = time.monotonic(), ""
        try:
            with homeport.timeout(CALL_DEADLINE):
                await call()
        except ServiceError as answer:
            error = "" if answer.code in BUSINESS else answer.code
        except RemoteError as failure:
            error = f"RemoteError {failure.kind}"
        except HomeportError as failure:
            error = type(failure).__name__
        self.calls.append(
            Call(
                what=what,
                idempotent=idempotent,
                began=began,
                ended=time.monotonic(),
                deadline=CALL_DEADLINE,
                error=error,
            )
        )


async def _call_directly(client: Client, account: Account, products: list[str], number: int) -> None:
    rng = random.Random(number)
    catalog, currency = client.service("product_catalog"), client.service("currency")
    cart, frontend = client.service("cart"), client.service("frontend")
    user = f"program-{number}"
    while True:
        product = rng.choice(products)
        await account.of("product_catalog.product", True, lambda product=product: catalog.product(product))
        await account.of("currency.currencies", True, currency.currencies)
        await account.of("cart.items", True, lambda: cart.items(user))
        await account.of("cart.add", False, lambda product=product: cart.add(user, product))
        await account.of("frontend.product", True, lambda product=product: frontend.product(product, user))
        await asyncio.sleep(rng.expovariate(1 / THINK))


@asynccontextmanager
async def traffic(url: str, client: Client, shoppers: int, programs: int) -> AsyncIterator[Account]:
    """Load for as long as the block runs."""
    account, verify = Account(), httpx.create_ssl_context()
    async with AsyncExitStack() as browsers:
        first = httpx.AsyncClient(base_url=url, timeout=BROWSER_PATIENCE, trust_env=False, verify=verify)
        async with first:
            shown = await first.post("/api/v1/call/frontend/index", json={"user_id": "chaos"})
            products = [product["id"] for product in shown.raise_for_status().json()["products"]]
        async with asyncio.TaskGroup() as tasks:
            running = []
            for number in range(shoppers):
                browser = await browsers.enter_async_context(
                    httpx.AsyncClient(base_url=url, timeout=BROWSER_PATIENCE, trust_env=False, verify=verify)
                )
                shopping = Shopper(number, browser, products, account).shop(float("inf"), THINK)
                running.append(tasks.create_task(shopping, name=f"chaos.shopper-{number}"))
            for number in range(programs):
                calling = _call_directly(client, account, products, number)
                running.append(tasks.create_task(calling, name=f"chaos.program-{number}"))
            try:
                yield account
            finally:
                for task in running:
                    task.cancel()
