"""The boutique as a user runs it: how soon it is ready, what it weighs, what it bears.

Rounds alternate between a worker per service and one for all; every start is on a fresh data folder.
"""

from __future__ import annotations

import asyncio
import sys
import time
from statistics import median
from typing import Any

import msgspec

from benchmarks.harness import machine, nodes
from benchmarks.harness.figures import spread
from benchmarks.harness.results import Report, Table, at_most, parser, publish
from examples.boutique import load

LAYOUTS = ("spread", "single")
TARGET = "examples/boutique"
USERS_BEFORE, SECONDS_BEFORE = 5, 1.0  # shoppers who warm up what is measured


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One start, and one time of shopping after it."""

    layout: str
    ready: float  # seconds from the command to all services being ready
    memory: dict[str, int]  # bytes resident right after the start, by process
    memory_after: dict[str, int]  # … and after the load
    cpu: dict[str, float]  # seconds during the load, by process
    cpu_load: float  # seconds of the load generator
    load: dict[str, Any]  # its report; times in milliseconds

    def cpu_per_thousand(self, *roles: str) -> float:
        requests: int = self.load["requests"]
        return sum(self.cpu[role] for role in roles) / requests * 1000

    @property
    def workers(self) -> list[str]:
        return [role for role in self.cpu if role not in ("node", "front")]


def measure(layout: str, users: int, seconds: float) -> Sample:
    with nodes.running(TARGET, layout=layout) as node:
        pids = node.processes()
        memory = {role: machine.memory_bytes(pid) for role, pid in pids.items()}
        url = node.address.url
        asyncio.run(load.run(url, USERS_BEFORE, min(SECONDS_BEFORE, seconds), 0.0, False))
        before, own = {role: machine.cpu_seconds(pid) for role, pid in pids.items()}, time.process_time()
        report = asyncio.run(load.run(url, users, seconds, 0.0, False))
        own = time.process_time() - own
        return Sample(
            layout=layout,
            ready=node.seconds,
            memory=memory,
            memory_after={role: machine.memory_bytes(pid) for role, pid in pids.items()},
            cpu={role: machine.cpu_seconds(pid) - before[role] for role, pid in pids.items()},
            cpu_load=own,
            load=report,
        )


def run(users: int, seconds: float, rounds: int) -> Report:
    with nodes.running(TARGET):
        pass  # the first start ever compiles Python files
    samples: list[Sample] = []
    for turn in range(rounds):
        for layout in LAYOUTS[turn % 2 :] + LAYOUTS[: turn % 2]:
            samples.append(measure(layout, users, seconds))
            print(f"round {turn + 1}/{rounds}: {told(samples[-1])}", file=sys.stderr)
    of = {layout: [one for one in samples if one.layout == layout] for layout in LAYOUTS}
    return Report(
        name="boutique",
        title="The boutique",
        tables=[starting(of), shopping(of, users), memory(of)],
        bars=[at_most("command to all ready, spread", 3.0, median(one.ready for one in of["spread"]), unit=" s")],
        notes=[
            f"{rounds} rounds of {seconds:g} s, {users} shoppers that never pause, the usual mix; median "
            "(lowest–highest). Nothing is pinned: shop and load generator share the cores.",
            "Command to all ready: from starting `homeport run --detach` to its return, on a fresh data folder.",
            "Memory is resident and counts shared pages in every process. No peers: nothing else runs this shop.",
        ],
        raw=samples,
    )


def told(sample: Sample) -> str:
    load = sample.load
    return (
        f"{sample.layout}: ready in {sample.ready:.1f} s, {load['requests_per_second']:,} requests/s, "
        f"p50 {load['p50']} ms, p99 {load['p99']} ms, {load['failed']} failed"
    )


def starting(of: dict[str, list[Sample]]) -> Table:
    def row(layout: str, samples: list[Sample]) -> tuple[str, ...]:
        total = [sum(one.memory.values()) / 2**20 for one in samples]
        return layout, spread([one.ready for one in samples], ".2f"), str(len(samples[0].memory)), spread(total)

    columns = ("layout", "command to all ready, s", "processes", "memory of all, MB")
    return Table(columns, [row(layout, of[layout]) for layout in LAYOUTS], "Starting")


def shopping(of: dict[str, list[Sample]], users: int) -> Table:
    def row(layout: str, samples: list[Sample]) -> tuple[str, ...]:
        return (
            layout,
            spread([one.load["requests_per_second"] for one in samples]),
            spread([one.load["p50"] for one in samples], ".1f"),
            spread([one.load["p99"] for one in samples], ".1f"),
            f"{sum(one.load['failed'] for one in samples):,}",
            f"{median(one.cpu_per_thousand(*one.workers) for one in samples):.2f}",
            f"{median(one.cpu_per_thousand('front') for one in samples):.2f}",
            f"{median(one.cpu_per_thousand('node') for one in samples):.3f}",
            f"{median(one.cpu_load / one.load['requests'] * 1000 for one in samples):.2f}",
        )

    cpu = ("workers", "front", "node", "load generator")
    columns = ("layout", "requests/s", "p50 ms", "p99 ms", "failed", *(f"CPU s per 1,000: {part}" for part in cpu))
    return Table(columns, [row(layout, of[layout]) for layout in LAYOUTS], f"Under load, {users} shoppers")


def memory(of: dict[str, list[Sample]]) -> Table:
    def megabytes(layout: str, role: str, when: str) -> str:
        found = [sizes[role] / 2**20 for sizes in (getattr(one, when) for one in of[layout]) if role in sizes]
        return f"{median(found):.0f}" if found else ""

    roles = list(dict.fromkeys(role for layout in LAYOUTS for role in of[layout][0].memory))
    rows = [
        (role, *(megabytes(layout, role, when) for layout in LAYOUTS for when in ("memory", "memory_after")))
        for role in roles
    ]
    columns = ("process", *(f"{layout}, {when}" for layout in LAYOUTS for when in ("at start", "after the load")))
    return Table(columns, rows, "Memory of each process, MB")


def main() -> int:
    made = parser("boutique", __doc__)
    made.add_argument("--users", type=int, default=20)
    made.add_argument("--seconds", type=float, default=10.0, help="of each load")
    made.add_argument("--rounds", type=int, default=3)
    options = made.parse_args()
    return publish(run(options.users, options.seconds, options.rounds), options)


if __name__ == "__main__":
    sys.exit(main())
