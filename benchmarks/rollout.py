"""Every service of the boutique restarted, all of them deployed anew, and the node killed: under full load.

Two loads at once. Shoppers that never pause, over HTTP, who see what the front and the shop make of it; and callers
with views of their own, who call the services directly, since the shop forgives what is only decoration.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import msgspec

import homeport
from benchmarks.harness import nodes
from benchmarks.harness.callers import Callers, calling
from benchmarks.harness.figures import percentile
from benchmarks.harness.results import Bar, Report, Table, at_most, parser, publish
from examples.boutique import load

TARGET = "examples/boutique"
CALLERS, RATE = 8, 200.0  # direct callers, and calls a second of all of them
DIRECT: dict[
    str, list[Any]
] = {  # what services ask of each other; the first two change something, so they are not idempotent
    "cart.add": ["caller", "brass-lantern", 1],
    "cart.empty": ["caller"],
    "cart.items": ["caller"],
    "shipping.quote": [[{"product_id": "brass-lantern", "quantity": 1}], "NL"],
    "ad.pick": [["kitchen"]],
    "currency.currencies": [],
    "product_catalog.products": [],
    "inventory.available": ["brass-lantern"],
    "recommendation.recommend": [["brass-lantern"]],
    "frontend.index": ["caller"],
}
SETTLE = 1.0  # seconds of load before and after
AWAY = 2.0  # seconds that the node process stays dead


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    requests: int  # of shoppers
    failed: dict[str, int]  # of these, by what the shopper was told
    p99: float  # seconds
    most: float
    calls: int  # of direct callers
    calls_failed: dict[str, int]  # of these, by method and error
    calls_most: float

    @property
    def lost(self) -> int:
        return sum(self.failed.values()) + sum(self.calls_failed.values())


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    seconds: float  # that it took
    counts: Counts
    error: str = ""  # why it did not succeed


class Shop:
    """The boutique under both loads."""

    def __init__(self, node: nodes.RunningNode, callers: Callers, users: int) -> None:
        self.node, self._callers, self._users = node, callers, users

    async def during(self, title: str, act: Callable[[], None]) -> Sample:
        """What goes wrong while ``act`` runs, in a thread, and shortly before and after."""
        async with self._shopping() as tally:
            self._callers.load(RATE, DIRECT)
            await asyncio.sleep(SETTLE)
            began = perf_counter()
            error = ""
            try:
                await asyncio.to_thread(act)
            except RuntimeError as failed:  # what the load met with is told all the same
                error = str(failed)
            seconds = perf_counter() - began
            await asyncio.sleep(SETTLE)
        sample = Sample(title=title, seconds=seconds, counts=await self._counts(tally), error=error)
        print(told(sample), file=sys.stderr)
        return sample

    @asynccontextmanager
    async def _shopping(self) -> AsyncIterator[load.Tally]:
        tally = load.Tally()
        async with AsyncExitStack() as stack:
            url, verify = self.node.address.url, httpx.create_ssl_context()
            clients = [
                await stack.enter_async_context(
                    httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, verify=verify)
                )
                for _ in range(self._users)
            ]
            front = await clients[0].post("/api/v1/call/frontend/index", json={"user_id": "benchmark"})
            product_ids = [product["id"] for product in front.raise_for_status().json()["products"]]
            shoppers = [load.Shopper(number, client, product_ids, tally) for number, client in enumerate(clients)]
            tasks = [asyncio.create_task(one.shop(float("inf"), 0.0), name="rollout.shopper") for one in shoppers]
            try:
                yield tally
            finally:
                for task in tasks:
                    task.cancel()
                ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if not isinstance(end, asyncio.CancelledError):
                raise RuntimeError("a shopper has left the shop early") from end

    async def _counts(self, tally: load.Tally) -> Counts:
        direct = await asyncio.to_thread(self._callers.finish)
        times = sorted(second for seconds in tally.seconds.values() for second in seconds)
        calls_failed = {
            f"{name}: {kind}": number for name, one in direct.items() for kind, number in one.failed.items()
        }
        return Counts(
            requests=tally.requests,
            failed=dict(tally.reasons),
            p99=percentile(times, 99),
            most=times[-1],
            calls=sum(one.calls for one in direct.values()),
            calls_failed=calls_failed,
            calls_most=max(second for one in direct.values() for second in one.seconds),
        )


def told(sample: Sample) -> str:
    counts = sample.counts
    return (
        f"{sample.title}: {sample.seconds:.1f} s, {counts.requests:,} requests, failed {counts.failed or 0}, "
        f"{counts.calls:,} calls, failed {counts.calls_failed or 0} {sample.error}"
    ).rstrip()


# -- what is done to it ------------------------------------------------------------------------------------------------


async def service_names(node: nodes.RunningNode) -> list[str]:
    async with homeport.connect(node.folder, name="benchmark") as hp:
        return [one.name for one in await hp.registry.services()]


def restart_all(node: nodes.RunningNode, services: list[str], soak: float) -> None:
    for service in services:
        nodes.homeport("restart", service, "--soak", f"{soak}s", "--node", node.folder)


def deploy(node: nodes.RunningNode, soak: float) -> None:
    """The same shop with a line more in a module that they all import: another release."""
    with tempfile.TemporaryDirectory(prefix="homeport-benchmark-") as folder:
        target = Path(folder) / "boutique"
        shutil.copytree(nodes.ROOT / TARGET, target, ignore=shutil.ignore_patterns("__pycache__"))
        with (target / "money.py").open("a") as file:
            file.write("\n# Another release.\n")
        nodes.homeport("deploy", str(target), "--soak", f"{soak}s", "--node", node.folder)


def kill_and_start(node: nodes.RunningNode) -> None:
    node.kill()
    time.sleep(AWAY)
    node.start_again()


async def measure(node: nodes.RunningNode, users: int, soak: float, services: list[str]) -> list[Sample]:
    services = services or await service_names(node)
    with calling(node.folder, CALLERS) as callers:
        shop = Shop(node, callers, users)
        return [
            await shop.during("rolling restart", lambda: restart_all(node, services, soak)),
            await shop.during("deploy of all", lambda: deploy(node, soak)),
            await shop.during("node killed", lambda: kill_and_start(node)),
        ]


def run(users: int, soak: float, services: list[str]) -> Report:
    with nodes.running(TARGET) as node:
        samples = asyncio.run(measure(node, users, soak, services))
    failures = [f"{one.title}: {one.error.splitlines()[-1]}" for one in samples if one.error]
    failures += [
        f"{one.title}: {number} × {what}"
        for one in samples
        for what, number in {**one.counts.failed, **one.counts.calls_failed}.items()
    ]
    return Report(
        name="rollout",
        title="Restarts, deploys and the death of the node",
        tables=[Table(COLUMNS, [row(one) for one in samples])],
        bars=[bar(one) for one in samples],
        notes=[
            *failures,
            f"{users} shoppers that never pause, over HTTP, the usual mix; besides, {CALLERS} callers with views of "
            f"their own make {RATE:g} calls a second of what services ask of each other. Nothing is pinned: shop, "
            "loads and rollouts share the cores.",
            f"Rolling restart: `homeport restart SERVICE --soak {soak:g}s`, {len(services) or 'all'} services one "
            f"after the other. Deploy: `homeport deploy COPY --soak {soak:g}s`. Node killed: `kill -9` of the node "
            f"process, {AWAY:g} s without one, then `homeport run` on the same data folder.",
        ],
        raw=samples,
    )


def bar(one: Sample) -> Bar:
    what = f"{one.title}: failed requests and calls"
    return Bar(what, "≤ 0", "it did not succeed", False) if one.error else at_most(what, 0, one.counts.lost, "d")


COLUMNS = ("what", "seconds", "requests", "failed", "p99 ms", "max ms", "direct calls", "failed", "max ms")


def row(one: Sample) -> tuple[str, ...]:
    counts = one.counts
    return (
        one.title,
        f"{one.seconds:.1f}",
        f"{counts.requests:,}",
        str(sum(counts.failed.values())),
        f"{counts.p99 * 1000:,.0f}",
        f"{counts.most * 1000:,.0f}",
        f"{counts.calls:,}",
        str(sum(counts.calls_failed.values())),
        f"{counts.calls_most * 1000:,.0f}",
    )


def main() -> int:
    made = parser("rollout", __doc__)
    made.add_argument("--users", type=int, default=20)
    made.add_argument("--soak", type=float, default=1.0, help="seconds that new instances are observed")
    made.add_argument("--services", nargs="+", default=[], metavar="NAME", help="to restart; all without it")
    options = made.parse_args()
    return publish(run(options.users, options.soak, options.services), options)


if __name__ == "__main__":
    sys.exit(main())
