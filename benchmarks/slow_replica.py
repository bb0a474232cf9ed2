"""One slow replica among eleven: which share of the calls still gets its answer within a second.

First as Homeport comes. Then only the choice of the instance is compared, with the service's adaptive limit off, which
would shed calls from the slow instance whoever chooses: Homeport's, round robin and the least loaded.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

import homeport
from benchmarks.apps.depot.services import SLOW
from benchmarks.harness import nodes
from benchmarks.harness.callers import Calls, calling
from benchmarks.harness.choices import CHOICES
from benchmarks.harness.figures import percentile
from benchmarks.harness.results import Report, Table, at_least, parser, publish

SERVICE, METHOD = "depot", "depot.look"
TAKES = 0.005  # seconds, of an instance that is well
IN_TIME = 1.0  # seconds
WARM_UP = 2.0  # seconds of the same load before, not counted


class Case(msgspec.Struct, frozen=True):
    title: str
    choice: str = ""  # another than Homeport's
    adaptive: bool = False  # the instances adapt how many calls they admit, as they do by default


CASES = (
    Case("Homeport", adaptive=True),
    Case("Homeport's choice, no adaptive limit"),
    *(Case(f"{name}, no adaptive limit", name) for name in CHOICES),
)


class Size(msgspec.Struct, frozen=True, kw_only=True):
    copies: int
    rate: float  # calls a second, of one caller
    seconds: float
    slow: float  # seconds of these, in the middle


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    case: Case
    calls: int
    in_time: float  # share
    failed: dict[str, int]
    p50: float  # seconds
    p99: float
    p999: float
    most: float


def settings(size: Size, adaptive: bool) -> list[str]:
    return [
        f"services.{SERVICE}.replicas={size.copies}",
        f"services.{SERVICE}.limit.adaptive={str(adaptive).lower()}",
        "services.errands.replicas=0",
    ]


async def measure(node: nodes.RunningNode, case: Case, size: Size) -> Sample:
    async with homeport.connect(node.folder, name="benchmark") as hp:
        slow = (await hp.instances(SERVICE))[0].pid
    well = (size.seconds - size.slow) / 2
    with calling(node.folder, 1, service=SERVICE, choice=case.choice) as callers:
        callers.load(size.rate, {METHOD: [TAKES]})
        await asyncio.sleep(WARM_UP)
        callers.finish()
        callers.load(size.rate, {METHOD: [TAKES]})
        await asyncio.sleep(well)
        callers.load(size.rate, {METHOD: [TAKES, slow]})
        await asyncio.sleep(size.slow)
        callers.load(size.rate, {METHOD: [TAKES]})
        await asyncio.sleep(well)
        return sample(case, callers.finish()[METHOD])


def sample(case: Case, calls: Calls) -> Sample:
    times = sorted(calls.seconds)
    p50, p99, p999, most = (percentile(times, rank) for rank in (50, 99, 99.9, 100))
    return Sample(
        case=case,
        calls=calls.calls,
        in_time=calls.within(IN_TIME),
        failed=calls.failed,
        p50=p50,
        p99=p99,
        p999=p999,
        most=most,
    )


def run(size: Size) -> Report:
    samples = []
    for adaptive in (True, False):
        with nodes.running("benchmarks/apps/depot", settings=settings(size, adaptive)) as node:
            for case in CASES:
                if case.adaptive is adaptive:
                    samples.append(asyncio.run(measure(node, case, size)))
                    print(f"{case.title}: {samples[-1].in_time:.3%} within {IN_TIME:g} s", file=sys.stderr)
    return Report(
        name="slow_replica",
        title="A slow replica",
        tables=[Table(COLUMNS, [row(one) for one in samples])],
        bars=[at_least("calls done within 1 s", 99.9, samples[0].in_time * 100, ".3f", " %")],
        notes=[
            f"{size.copies} instances, each in a worker; one caller process, {size.rate:,.0f} calls a second for "
            f"{size.seconds:g} s, each case on its own. For {size.slow:g} s of them one instance takes {SLOW:g} s "
            f"instead of {TAKES * 1000:g} ms. Calls are sent when they are due, whatever is still unanswered.",
            "Ejection, retries and pings are on in every case, but round robin and least loaded choose from all "
            "instances, ejected or not. The adaptive limit is the default; without it, nothing but the choice tells "
            "the slow instance apart.",
        ],
        raw=samples,
    )


COLUMNS = ("case", "calls", "within 1 s", "failed", "p50 ms", "p99 ms", "p99.9 ms", "max ms")


def row(one: Sample) -> tuple[str, ...]:
    times = (f"{seconds * 1000:,.1f}" for seconds in (one.p50, one.p99, one.p999, one.most))
    return one.case.title, f"{one.calls:,}", f"{one.in_time:.3%}", str(sum(one.failed.values())), *times


def main() -> int:
    made = parser("slow_replica", __doc__)
    made.add_argument("--copies", type=int, default=11)
    made.add_argument("--rate", type=float, default=1000.0, help="calls a second")
    made.add_argument("--seconds", type=float, default=60.0, help="of each case")
    made.add_argument("--slow", type=float, default=30.0, help="seconds of these with a slow instance")
    options = made.parse_args()
    size = Size(copies=options.copies, rate=options.rate, seconds=options.seconds, slow=options.slow)
    return publish(run(size), options)


if __name__ == "__main__":
    sys.exit(main())
