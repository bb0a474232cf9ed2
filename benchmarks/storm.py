"""A storm of failures, and what its callers' retries add to it; and how soon a new instance is called.

The load is counted where it arrives, by the instances' own counters.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec

import homeport
from benchmarks.harness import nodes
from benchmarks.harness.callers import Callers, Calls, calling
from benchmarks.harness.figures import percentile
from benchmarks.harness.newcomer import SERVICE as NEWCOMER
from benchmarks.harness.newcomer import Life, Nursery
from benchmarks.harness.results import Report, Table, at_most, parser, publish

SERVICE, METHOD, COPIES = "depot", "depot.toss", 4
FAILING = 0.5  # share of the attempts
SHARE, PER_SECOND = 0.2, 10.0  # of the calls, and besides: what retries may add
WINDOW = 10.0  # seconds, of the budget
HEARD = 1.5  # seconds after which counters have come with a heartbeat
SETTLE = 0.2  # seconds for the last calls to be sent and answered
HELD = 0.02  # seconds before an instance comes for which a call is made that waits for it


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    seconds: float
    calls: int
    attempts: int  # that arrived at the instances
    failed: dict[str, int]

    @property
    def extra(self) -> float:
        """Attempts a second beyond the calls."""
        return (self.attempts - self.calls) / self.seconds

    @property
    def row(self) -> tuple[str, ...]:
        failed = sum(self.failed.values())
        return (
            self.title,
            f"{self.seconds:g}",
            f"{self.calls:,}",
            f"{self.attempts:,}",
            f"{self.extra:,.0f}",
            f"{self.attempts / self.calls - 1:.1%}",
            f"{failed:,}",
        )


async def arrived(hp: homeport.client.Client) -> int:
    """Calls that the instances have answered so far, well or not."""
    await asyncio.sleep(HEARD)
    return sum(one.calls for one in (await hp.registry.counters(SERVICE)).values())


async def phase(
    hp: homeport.client.Client, callers: Callers, title: str, rate: float, seconds: float, failing: float
) -> Phase:
    before = await arrived(hp)
    callers.load(rate, {METHOD: [failing]}, total=round(rate * seconds))
    await asyncio.sleep(seconds + SETTLE)
    calls: Calls = callers.finish()[METHOD]
    attempts = await arrived(hp) - before
    return Phase(title=title, seconds=seconds, calls=calls.calls, attempts=attempts, failed=calls.failed)


async def measure_storm(node: nodes.RunningNode, rate: float, seconds: float) -> list[Phase]:
    async with homeport.connect(node.folder, name="benchmark") as hp:
        with calling(node.folder, 1, service=SERVICE) as callers:
            return [
                await phase(hp, callers, "before", rate, seconds / 2, 0.0),
                await phase(hp, callers, f"storm: {FAILING:.0%} of the attempts fail", rate, seconds, FAILING),
                await phase(hp, callers, "after", rate, seconds / 2, 0.0),
            ]


async def measure_newcomers(node: nodes.RunningNode, count: int) -> list[Life]:
    """Each is waited for by a call from a worker of the node, which goes out as soon as that knows of it."""
    with tempfile.TemporaryDirectory(prefix="homeport-benchmark-") as folder:
        async with (
            homeport.connect(node.folder, name="benchmark") as hp,
            Nursery.open(node.address.endpoint, Path(folder)) as nursery,
        ):
            errands = hp.service("errands")

            async def visit(after: float) -> None:
                await asyncio.sleep(after)
                await errands.visit(NEWCOMER)

            async def one(visit_after: float = 0.0) -> Life:
                async with asyncio.TaskGroup() as both:
                    both.create_task(visit(visit_after), name="storm.visit")
                    await asyncio.sleep(HELD)
                    return await nursery.raise_one()

            await one(visit_after=2 * HELD)  # before it nobody knows the name, so nobody may wait for it
            return [await one() for _ in range(count)]


def run(rate: float, seconds: float, newcomers: int) -> Report:
    settings = [f"services.{SERVICE}.replicas={COPIES}"]
    with nodes.running("benchmarks/apps/depot", settings=settings) as node:
        phases = asyncio.run(measure_storm(node, rate, seconds))
        lives = asyncio.run(measure_newcomers(node, newcomers))
    storm = phases[1]
    # A burst may spend the credit of the whole window, so only over one is the budget's promise one about rates.
    extra = storm.extra if seconds >= WINDOW else None
    return Report(
        name="storm",
        title="A storm of failures, and how soon a new instance is called",
        tables=[
            Table(PHASE_COLUMNS, [one.row for one in phases], "One caller, an idempotent method"),
            Table(("from sending the registration to", "p50 ms", "p99 ms", "max ms"), lived(lives), "A new instance"),
        ],
        bars=[
            at_most("retries in the storm, a second (20 % of the calls + 10)", SHARE * rate + PER_SECOND, extra, ".1f")
        ],
        notes=[
            f"{COPIES} instances, each in a worker; {rate:,.0f} calls a second from one caller. Without a budget, "
            f"three attempts a call would add {FAILING + FAILING**2:.0%} to the load.",
            f"A new instance: {newcomers} of them, one after the other. A worker of the node waits with a call for the "
            "service; the instance is registered, told to start, reports that it is ready, and the call arrives. It is "
            "hosted by the benchmark's process, so that no start of Python is in the figures.",
        ],
        raw={"phases": phases, "newcomers": lives},
    )


PHASE_COLUMNS = ("phase", "seconds", "calls", "attempts", "extra a second", "extra", "failed calls")


def lived(lives: list[Life]) -> list[tuple[str, ...]]:
    steps = {"its reply": "registered", "ready, as the registry knows": "ready", "the first call": "called"}
    rows = []
    for title, field in steps.items():
        times = sorted(getattr(life, field) for life in lives)
        rows.append((title, *(f"{percentile(times, rank) * 1000:.2f}" for rank in (50, 99, 100))))
    return rows


def main() -> int:
    made = parser("storm", __doc__)
    made.add_argument("--rate", type=float, default=1000.0, help="calls a second")
    made.add_argument("--seconds", type=float, default=10.0, help="of the storm; half of it before and after")
    made.add_argument("--newcomers", type=int, default=300)
    options = made.parse_args()
    return publish(run(options.rate, options.seconds, options.newcomers), options)


if __name__ == "__main__":
    sys.exit(main())
