"""How soon the one built file starts, beside the environment that it was built from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import msgspec

from benchmarks.harness import nodes
from benchmarks.harness.children import compile_all
from benchmarks.harness.figures import ratio, spread
from benchmarks.harness.results import Report, Table, at_most, parser, publish

ENVIRONMENT, FILE, BINARY = "environment", "built file", "executable without Python"
VERSION, READY = "version", "ready"


class Program(msgspec.Struct, frozen=True):
    """A way to run the boutique."""

    name: str
    command: tuple[str, ...]
    target: tuple[str, ...] = ()  # to `run`; a built file knows its own

    @property
    def size(self) -> str:
        return f"{Path(self.command[0]).stat().st_size / 1e6:.0f}" if self.name != ENVIRONMENT else ""


class Sample(msgspec.Struct, frozen=True):
    program: str
    what: str
    cold: bool  # nothing unpacked before
    seconds: float


def run(rounds: int, cold_rounds: int, *, binary: bool) -> Report:
    with tempfile.TemporaryDirectory(prefix="homeport-benchmark-") as folder:
        top = Path(folder)
        shutil.copytree(nodes.ROOT / "examples/boutique", top / "app/boutique")
        compile_all([top / "app"])
        programs = made(top, binary=binary)
        samples = [
            Sample(program.name, what, True, measure(program, what, top, top / f"unpacked-cold-{number}-{what}"))
            for number in range(cold_rounds)
            for program in programs[1:]
            for what in (VERSION, READY)
        ]
        for number in range(rounds + 1):
            for program in programs:
                for what in (VERSION, READY):
                    seconds = measure(program, what, top, top / "unpacked")
                    if number:  # the first unpacks
                        samples.append(Sample(program.name, what, False, seconds))
        return report(programs, samples)


def made(top: Path, *, binary: bool) -> list[Program]:
    """The programs, those that have to be built made now."""
    homeport = (sys.executable, "-m", "homeport")
    programs = [Program(ENVIRONMENT, homeport, ("boutique",))]
    for name, options in ((FILE, ()), (BINARY, ("--binary",)))[: 2 if binary else 1]:
        out = top / f"dist{len(programs)}"
        command = [*homeport, "build", "boutique", "--output", str(out), "--name", "shop", *options]
        called(command, top, {})
        programs.append(Program(name, (str(out / "shop"),)))
    return programs


def measure(program: Program, what: str, top: Path, unpacked: Path) -> float:
    """Seconds that a command takes; that of ``run`` ends when all services are ready."""
    surroundings = {"HOMEPORT_ROOT": str(unpacked)}
    if what == VERSION:
        return called([*program.command, "--version"], top, surroundings)
    with tempfile.TemporaryDirectory(prefix="homeport-benchmark-") as folder:
        data = Path(folder) / ".homeport"
        seconds = called([*program.command, "run", *program.target, "--detach", "--data", str(data)], top, surroundings)
        called([*program.command, "stop", "--node", str(data)], top, surroundings)
        return seconds


def called(command: list[str], top: Path, surroundings: Mapping[str, str]) -> float:
    """
    Raises:
        RuntimeError: it failed.
    """
    environment = {**nodes.environment(), **surroundings}
    began = perf_counter()
    done = subprocess.run(
        command, cwd=top / "app", env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    seconds = perf_counter() - began
    if done.returncode:
        shown = " ".join([os.path.basename(command[0]), *command[1:]])
        raise RuntimeError(f"{shown} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return seconds


def report(programs: list[Program], samples: list[Sample]) -> Report:
    def figures(program: str, what: str, *, cold: bool) -> list[float]:
        return [1000 * one.seconds for one in samples if (one.program, one.what, one.cold) == (program, what, cold)]

    rows = [
        (
            program.name,
            program.size,
            spread(figures(program.name, VERSION, cold=False)),
            spread(figures(program.name, READY, cold=False)),
            spread(figures(program.name, VERSION, cold=True)),
            spread(figures(program.name, READY, cold=True)),
        )
        for program in programs
    ]
    columns = ("boutique from", "MB", "--version, ms", "run to ready, ms", "--version, cold", "run to ready, cold")
    return Report(
        name="artefact",
        title="The built file beside the environment it was built from",
        tables=[Table(columns, rows)],
        bars=[
            at_most(
                f"{name}, warm, over the environment: {title}",
                1.6,
                ratio(figures(name, what, cold=False), figures(ENVIRONMENT, what, cold=False)),
                unit="×",
            )
            for name in [program.name for program in programs[1:]]
            for what, title in ((READY, "run to ready"), (VERSION, "--version"))
        ],
        notes=[
            "`homeport run --detach` on a fresh data folder, until all eleven services are ready; medians with lowest "
            "and highest. The environment has the code compiled, as the file does.",
            "Cold: nothing has been unpacked yet; the files themselves are in the page cache.",
        ],
        raw=samples,
    )


def main() -> int:
    made = parser("artefact", __doc__)
    made.add_argument("--rounds", type=int, default=10)
    made.add_argument("--cold-rounds", type=int, default=3)
    made.add_argument("--binary", action="store_true", help="also the executable that needs no Python")
    options = made.parse_args()
    return publish(run(options.rounds, options.cold_rounds, binary=options.binary), options)


if __name__ == "__main__":
    sys.exit(main())
