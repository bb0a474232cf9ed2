"""Shoppers for the boutique: ``python -m examples.boutique.load --users 50 --seconds 30``.

Every user walks through the shop over HTTP, as a browser would, and does the usual mix of things. What the shop
answers as a matter of business (sold out, card declined) is counted apart from what fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from homeport.errors import NoNode
from homeport.nodes import find_node

DEFAULT_URL = "http://127.0.0.1:7070"
MIX = {"browse": 10, "cart": 3, "add": 2, "currency": 2, "index": 1, "checkout": 1}
CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF", "SEK")
BUSINESS = frozenset({"out_of_stock", "empty_cart", "card_declined", "card_expired", "checkout_in_progress"})
CARD = {"number": "4242 4242 4242 4242", "expiry_year": 2099, "expiry_month": 12, "security_code": "123"}
DECLINED_CARD = CARD | {"number": "4000 0000 0000 0002"}
ADDRESS = {"name": "A. Shopper", "street": "Kade 1", "city": "Harlingen", "postcode": "8862", "country": "NL"}


@dataclass
class Tally:
    """What happened so far, by kind of request."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in MIX})
    failures: Counter[str] = field(default_factory=Counter[str])  # by kind
    business: Counter[str] = field(default_factory=Counter[str])  # by error code
    reasons: Counter[str] = field(default_factory=Counter[str])  # of failures: "503 no_endpoint", "ConnectError"

    @property
    def requests(self) -> int:
        return sum(map(len, self.seconds.values()))

    @property
    def failed(self) -> int:
        return self.failures.total()

    def note(self, kind: str, seconds: float, response: httpx.Response | None, problem: str = "") -> None:
        self.seconds[kind].append(seconds)
        if response is not None and response.is_success:
            return
        code = problem if response is None else _code_of(response)
        if response is not None and code in BUSINESS:
            self.business[code] += 1
            return
        self.failures[kind] += 1
        self.reasons[code if response is None else f"{response.status_code} {code}".rstrip()] += 1

    def report(self, elapsed: float, users: int) -> dict[str, Any]:
        times = [second for seconds in self.seconds.values() for second in seconds]
        return {
            "users": users,
            "seconds": round(elapsed, 2),
            "requests": self.requests,
            "failed": self.failed,
            "requests_per_second": round(self.requests / elapsed, 1) if elapsed else 0.0,
            **percentiles(times),
            "by_kind": {
                kind: {"requests": len(seconds), "failed": self.failures[kind], **percentiles(seconds)}
                for kind, seconds in self.seconds.items()
            },
            "business_errors": dict(self.business),
            "failures": dict(self.reasons),
        }


def percentiles(seconds: list[float]) -> dict[str, float | None]:
    """The nearest-rank percentiles in milliseconds; ``None`` where there is nothing to rank."""
    ranked = sorted(seconds)
    ranks = {"p50": 50, "p90": 90, "p99": 99}
    return {
        name: round(1000 * ranked[(len(ranked) * rank - 1) // 100], 2) if ranked else None
        for name, rank in ranks.items()
    }


class Shopper:
    """One user: does one thing after another, and thinks in between."""

    def __init__(self, number: int, client: httpx.AsyncClient, product_ids: list[str], tally: Tally) -> None:
        self._user_id = f"user-{number}"
        self._client, self._product_ids, self._tally = client, product_ids, tally
        self._rng = random.Random(number)
        self._acts: dict[str, Callable[[], Awaitable[None]]] = {
            "browse": self._browse,
            "cart": self._view_cart,
            "add": self._add,
            "currency": self._choose_currency,
            "index": self._index,
            "checkout": self._checkout,
        }

    async def shop(self, until: float, think: float) -> None:
        await asyncio.sleep(self._rng.uniform(0, think))  # or they would all come through the door at once
        while time.perf_counter() < until:
            [kind] = self._rng.choices(list(MIX), weights=list(MIX.values()))
            await self._acts[kind]()
            if think:
                await asyncio.sleep(self._rng.expovariate(1 / think))

    async def _index(self) -> None:
        await self._call("index", "index")

    async def _browse(self) -> None:
        await self._call("browse", "product", product_id=self._rng.choice(self._product_ids))

    async def _view_cart(self) -> None:
        await self._call("cart", "cart")

    async def _add(self) -> None:
        product_id, quantity = self._rng.choice(self._product_ids), self._rng.randint(1, 3)
        await self._call("add", "add_to_cart", product_id=product_id, quantity=quantity)

    async def _choose_currency(self) -> None:
        await self._call("currency", "set_currency", currency=self._rng.choice(CURRENCIES))

    async def _checkout(self) -> None:
        # An empty cart is nobody's failure, but it would make "checkout" mean very little: put something in first.
        await self._add()
        card = DECLINED_CARD if self._rng.random() < 0.01 else CARD
        email = f"{self._user_id}@example.com"
        await self._call("checkout", "checkout", address=ADDRESS, email=email, card=card)

    async def _call(self, kind: str, method: str, **arguments: Any) -> None:
        body = {"user_id": self._user_id, **arguments}
        started = time.perf_counter()
        try:
            response = await self._client.post(f"/api/v1/call/frontend/{method}", json=body)
        except httpx.HTTPError as error:
            self._tally.note(kind, time.perf_counter() - started, None, type(error).__name__)
            await asyncio.sleep(0.05)  # a shop that is closed is not to be hammered
            return
        self._tally.note(kind, time.perf_counter() - started, response)


def _code_of(response: httpx.Response) -> str:
    try:
        problem = response.json()
    except ValueError:
        return ""
    return str(problem.get("code") or problem.get("title", "")) if isinstance(problem, dict) else ""


@asynccontextmanager
async def progress(tally: Tally, users: int, seconds: float, shown: bool) -> AsyncGenerator[None, None]:
    """A line on stderr that keeps count while the block runs."""

    async def show() -> None:
        started, before = time.perf_counter(), 0
        while True:
            await asyncio.sleep(0.5)
            elapsed, rate, before = time.perf_counter() - started, (tally.requests - before) * 2, tally.requests
            counts = f"{tally.requests:,} requests  {rate:,}/s  {tally.failed} failed"
            print(
                f"\r\x1b[2K{elapsed:5.1f}/{seconds:g} s  {users} users  {counts}", end="", file=sys.stderr, flush=True
            )

    task = asyncio.create_task(show(), name="load.progress") if shown else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


async def run(url: str, users: int, seconds: float, think: float, shown: bool) -> dict[str, Any]:
    tally = Tally()
    async with AsyncExitStack() as browsers:
        # A connection for each, as browsers have; a pool for all would look through all of it at every request.
        verify = httpx.create_ssl_context()
        clients = [
            await browsers.enter_async_context(
                httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, verify=verify)
            )
            for _ in range(users)
        ]
        front = await clients[0].post("/api/v1/call/frontend/index", json={"user_id": "load"})
        front.raise_for_status()
        product_ids = [product["id"] for product in front.json()["products"]]
        started = time.perf_counter()
        async with progress(tally, users, seconds, shown), asyncio.TaskGroup() as tasks:
            for number, client in enumerate(clients):
                shopper = Shopper(number, client, product_ids, tally)
                tasks.create_task(shopper.shop(started + seconds, think), name=f"load.user-{number}")
        return tally.report(time.perf_counter() - started, users)


def show(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{report['users']} users, {report['seconds']:g} s", title_justify="left")
    table.add_column("kind")
    for column in ("requests", "failed", "p50 ms", "p90 ms", "p99 ms"):
        table.add_column(column, justify="right")

    def row(name: str, figures: dict[str, Any], **style: Any) -> None:
        times = ("–" if figures[rank] is None else f"{figures[rank]:.1f}" for rank in ("p50", "p90", "p99"))
        table.add_row(name, f"{figures['requests']:,}", f"{figures['failed']:,}", *times, **style)

    for kind, figures in report["by_kind"].items():
        row(kind, figures)
    table.add_section()
    row("all", report, style="bold")
    console = Console()
    console.print(table)
    console.print(f"requests/s: {report['requests_per_second']:,}")
    for title, counts in (("answers of the business", report["business_errors"]), ("failures", report["failures"])):
        if counts:
            console.print(
                f"{title}: " + ", ".join(f"{count} × {name}" for name, count in counts.items()), highlight=False
            )


def url_of_the_node() -> str:
    try:
        return find_node(None, os.environ, Path.cwd()).url or DEFAULT_URL
    except NoNode:
        return DEFAULT_URL


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m examples.boutique.load", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--users", type=int, default=20, help="shoppers at the same time (default 20)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long they shop (default 10)")
    parser.add_argument(
        "--think", type=float, default=0.1, help="mean seconds between two requests of one (default 0.1)"
    )
    parser.add_argument("--url", help="of the front (default: of the node that runs here)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args()
    url = options.url or url_of_the_node()
    try:
        shown = sys.stderr.isatty() and not options.json
        report = asyncio.run(run(url, options.users, options.seconds, options.think, shown))
    except httpx.HTTPError as error:
        print(f"no boutique answers at {url} ({error}); start it: homeport run examples/boutique", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    return 1 if report["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
