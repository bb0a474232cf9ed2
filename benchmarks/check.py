"""How long ``homeport check`` takes on the boutique, from the command to its answer, cold and warm."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.harness import nodes
from benchmarks.harness.children import compile_all
from benchmarks.harness.figures import spread
from benchmarks.harness.results import Report, Table, parser, publish

NOTHING, COLD, WARM, BY_CONTENT = "homeport --version", "check, cold", "check, warm", "check --hash, warm"
WAYS = {
    NOTHING: ("--version",),
    COLD: ("check", "boutique", "--no-cache"),
    WARM: ("check", "boutique"),
    BY_CONTENT: ("check", "boutique", "--hash"),
}


def run(rounds: int) -> Report:
    compile_all()
    with tempfile.TemporaryDirectory(prefix="homeport-benchmark-") as folder:
        shutil.copytree(nodes.ROOT / "examples/boutique", Path(folder) / "boutique")
        found: dict[str, list[float]] = {way: [] for way in WAYS}
        for number in range(rounds + 1):
            for way, arguments in WAYS.items():
                milliseconds = 1000 * called(arguments, Path(folder))
                if number:  # the first fills the cache
                    found[way].append(milliseconds)
    rows = [
        (way, spread(times), f"{median(times) - median(found[NOTHING]):,.0f}" if way != NOTHING else "")
        for way, times in found.items()
    ]
    return Report(
        name="check",
        title="Checking the boutique",
        tables=[Table(("command", "ms (median, lowest–highest)", "beyond --version"), rows)],
        notes=[f"{rounds} rounds, the commands in turn; Python's own start included."],
        raw=found,
    )


def called(arguments: tuple[str, ...], cwd: Path) -> float:
    """
    Raises:
        RuntimeError: it failed, or found something in an example that has nothing to find.
    """
    began = perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "homeport", *arguments],
        cwd=cwd,
        env=nodes.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    seconds = perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"homeport {' '.join(arguments)} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return seconds


def main() -> int:
    made = parser("check", __doc__)
    made.add_argument("--rounds", type=int, default=10)
    options = made.parse_args()
    return publish(run(options.rounds), options)


if __name__ == "__main__":
    sys.exit(main())
