"""Calls inside one worker beside a bare await, and what a handle decides before a call leaves.

The local call is measured in a worker of a real node, by one service calling another that shares its process.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter_ns

import homeport
from benchmarks.harness import machine, nodes
from benchmarks.harness.figures import spread
from benchmarks.harness.results import Report, Table, at_most, parser, publish
from homeport.discovery.view import View
from homeport.model import Instance, State
from homeport.registry.api import ServiceAnswer
from homeport.rpc.caller import Caller
from homeport.rpc.handles import Handle
from homeport.rpc.peers import Links

INSTANCES = (1, 3, 10, 100)  # that a handle chooses from
USUAL, PATIENT = "the caller's deadline rules", "its own deadline rules"
DEADLINES = {USUAL: "measure", PATIENT: "measure_patiently"}


def run(calls: int, repeats: int) -> Report:
    local = measure_local(calls, repeats)
    bare = median(local["bare"])
    times = {whose: median(local[whose]) / bare for whose in DEADLINES}
    choosing = asyncio.run(measure_choosing(calls, repeats))
    slowest = max(median(figures) for figures in choosing.values())
    table = Table(
        ("what", "ns (median, lowest–highest)", "over a bare await"),
        [
            ("bare await of the method", spread(local["bare"]), "1.0"),
            *(
                (f"call by handle inside the worker, {whose}", spread(local[whose]), f"{times[whose]:.1f}")
                for whose in DEADLINES
            ),
            *((f"handle resolved, 1 of {count} picked", spread(ns), "") for count, ns in choosing.items()),
        ],
    )
    return Report(
        name="local",
        title="Calls inside a worker, and choosing an instance",
        tables=[table],
        bars=[
            at_most("call inside a group over a bare await", 10, times[USUAL], ".1f", "×"),
            at_most("handle resolve + pick, at worst", 1.5, slowest / 1000, unit=" µs"),
        ],
        notes=[
            f"{repeats} repeats of {calls:,} calls each, taking turns.",
            "The caller's deadline rules where it comes first, as in every chain of calls with the default timeout. "
            "Its own rules where the caller has more time left; then the call is kept in the list of what may expire.",
            "The local call has its deadline, trace, admission limit, cancellation and counters, as everywhere.",
            "Resolve and pick: `self.stock.left` found, then two random choices over instances that have a history.",
        ],
        raw={"local": local, "choosing": choosing},
    )


def measure_local(calls: int, repeats: int) -> dict[str, list[float]]:
    with nodes.running("benchmarks/apps/near", layout="single") as node, homeport.connect_sync(node.folder) as hp:
        machine.pin(node.processes().values(), machine.SERVER_CORE)
        probe = hp.service("probe")
        found: dict[str, list[float]] = {way: [] for way in ("bare", *DEADLINES)}
        for turn in range(repeats + 1):
            for whose, method in DEADLINES.items():
                figures = getattr(probe, method)(calls)
                if turn:  # the first warms up
                    found["bare"].append(figures["bare"])
                    found[whose].append(figures["handle"])
        return found


async def measure_choosing(calls: int, repeats: int) -> dict[int, list[float]]:
    """Nanoseconds from the attribute of a service to the instance that takes the call, per number of instances."""
    loops = {count: choosing(count) for count in INSTANCES}
    found: dict[int, list[float]] = {count: [] for count in INSTANCES}
    for count, loop in list(loops.items()) * (repeats + 1):
        gc.collect()
        began = perf_counter_ns()
        loop(calls)
        found[count].append((perf_counter_ns() - began) / calls)
    return {count: figures[1:] for count, figures in found.items()}  # the first warms up


def choosing(count: int) -> Callable[[int], None]:
    view = View()
    instances = tuple(
        Instance(id=f"stock-{number:06x}", service="stock", endpoints=("unix:/nowhere",), state=State.READY)
        for number in range(count)
    )
    view.answer(ServiceAnswer(service="stock", revision=1, instances=instances))
    caller = Caller(view, Links("benchmark"), nothing_needed)
    route, now = caller.route("stock"), caller.loop.time
    for number, peer in enumerate(route.peers):
        peer.latency.observe(0.001 + number / 1e6, now())
    shop = Shop(Handle(caller, "stock"))

    def loop(calls: int) -> None:
        for _ in range(calls):
            shop.stock.left  # noqa: B018 - it is the finding that is measured
            route.choose(now())

    return loop


class Shop:
    def __init__(self, stock: Handle) -> None:
        self.stock = stock


async def nothing_needed(service: str) -> None:
    """The view knows all it needs."""


def main() -> int:
    made = parser("local", __doc__)
    made.add_argument("--calls", type=int, default=100_000, help="per repeat")
    made.add_argument("--repeats", type=int, default=15)
    options = made.parse_args()
    return publish(run(options.calls, options.repeats), options)


if __name__ == "__main__":
    sys.exit(main())
