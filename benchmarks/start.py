"""How soon a worker with 5 services of a large application is ready, and how much memory it takes.

From the built registry, beside importing the whole application and reflecting on it; and beside a small application.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

import msgspec

from benchmarks.harness import machine, nodes, programs, synthetic
from benchmarks.harness.children import compile_all
from benchmarks.harness.figures import ratio, spread
from benchmarks.harness.results import Report, Table, at_least, at_most, parser, publish
from benchmarks.harness.synthetic import Size
from homeport.build.application import scan
from homeport.build.generator.registry import built_registry
from homeport.build.reflection import reflect

HOSTED = 5
BUILT, REFLECTED = "built", "reflected"


class Case(msgspec.Struct, frozen=True):
    way: str
    services: int


class Sample(msgspec.Struct, frozen=True):
    case: Case
    seconds: float  # from the start of the process
    memory: int  # bytes, resident, shared pages included


class Run(msgspec.Struct, frozen=True):
    """``homeport run --detach`` until the hosted services are ready, all others waiting at zero."""

    services: int
    first: float  # seconds, on a fresh data folder
    again: float  # seconds, with what the first one kept


def run(large: int, small: int, rounds: int, runs: int) -> Report:
    cases = [Case(BUILT, large), Case(BUILT, small), Case(REFLECTED, large)]
    with made(large) as big, made(small) as little:
        apps = {large: big, small: little}
        samples = [measure(case, apps[case.services]) for _ in range(rounds) for case in cases]
        started = [measure_run(size, apps[size]) for _ in range(runs) for size in (large, small)]
    return report(cases, samples, started)


@contextmanager
def made(services: int) -> Iterator[Path]:
    """The folder of an application, compiled, with its registry beside it."""
    with tempfile.TemporaryDirectory(prefix="homeport-benchmark-") as folder:
        app = Path(folder) / "app"
        synthetic.write(Size(services, active=HOSTED), app)
        compile_all([app])
        plan = scan(".", app)
        reflection = reflect(plan)
        if len(reflection.contracts) != services:
            raise RuntimeError(f"{services} services were made, and {len(reflection.contracts)} have a contract")
        (Path(folder) / "registry").write_bytes(built_registry(plan, reflection).to_bytes())
        yield app


def measure(case: Case, app: Path) -> Sample:
    size = Size(case.services, active=HOSTED)
    every = synthetic.names(size)
    names = [every[number] for number in synthetic.hosted(size)]
    registry = app.with_name("registry")
    command = [sys.executable, "-m", "benchmarks.harness.starting", case.way, str(app), str(registry), *names]
    began = perf_counter()
    with programs.started(command, "the worker") as worker:
        answer = worker.answer()
        seconds = perf_counter() - began
        if answer != {"instances": HOSTED, "contracts": HOSTED}:
            raise RuntimeError(f"the worker hosts something else: {answer}")
        return Sample(case, seconds, machine.memory_bytes(worker.pid))


def measure_run(services: int, app: Path) -> Run:
    with nodes.running(str(app)) as node:
        first = node.seconds
        node.stop()
        began = perf_counter()
        node.start_again()
        return Run(services, first, perf_counter() - began)


def report(cases: list[Case], samples: list[Sample], runs: list[Run]) -> Report:
    seconds = {case: [one.seconds for one in samples if one.case == case] for case in cases}
    memory = {case: [one.memory for one in samples if one.case == case] for case in cases}
    large, small, reflected = cases
    titles = {
        large: f"built registry, {large.services:,} services",
        small: f"built registry, {small.services:,} services",
        reflected: f"import and reflect, {reflected.services:,} services",
    }
    rows = [
        (titles[case], spread([1000 * one for one in seconds[case]]), f"{median(memory[case]) / 2**20:.1f}")
        for case in cases
    ]
    tables = [Table(("worker that hosts 5", "ready after ms (median, lowest–highest)", "MiB"), rows)]
    if runs:
        run_rows = [
            (
                f"{services:,} services, 5 of them running",
                spread([one.first for one in runs if one.services == services], ".2f"),
                spread([one.again for one in runs if one.services == services], ".2f"),
            )
            for services in (large.services, small.services)
        ]
        tables.append(Table(("homeport run --detach", "first, s", "again, s"), run_rows))
    growth = ratio(seconds[large], seconds[small])
    return Report(
        name="start",
        title=f"A worker with {HOSTED} of {large.services:,} services",
        tables=tables,
        bars=[
            at_least("built registry: sooner ready", 10, ratio(seconds[reflected], seconds[large]), ".1f", "×"),
            at_least("built registry: less memory", 2, ratio(memory[reflected], memory[large]), ".1f", "×"),
            at_most(f"ready, {large.services:,} services over {small.services:,}", 1.2, growth, unit="×"),
        ],
        notes=[
            f"{len(samples) // len(cases)} rounds, the cases in turn. From the start of the process, Python's own "
            "included, to what it would register: classes imported, instances made, contracts known. Code is compiled.",
            "Import and reflect: all modules imported, the signature of every service made; then the same five hosted.",
            "Memory is resident, with what processes share.",
        ],
        raw={"samples": samples, "runs": runs},
    )


def main() -> int:
    made = parser("start", __doc__)
    made.add_argument("--services", type=int, default=2000)
    made.add_argument("--small", type=int, default=50)
    made.add_argument("--rounds", type=int, default=10)
    made.add_argument("--runs", type=int, default=3, help="of `homeport run` with each application")
    options = made.parse_args()
    return publish(run(options.services, options.small, options.rounds, options.runs), options)


if __name__ == "__main__":
    sys.exit(main())
