"""How long a scan takes: beside bare ``ast.parse`` of the same files, and again when little or nothing has changed.

Every figure is of a process of its own, from when it has imported Homeport to the plan with all its findings.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import synthetic
from benchmarks.harness.children import compile_all, measured
from benchmarks.harness.figures import ratio, spread
from benchmarks.harness.results import Report, Table, at_least, at_most, parser, publish
from benchmarks.harness.synthetic import Size

CHANGED = 10  # files
PARSE, FULL, FIRST = "bare ast.parse", "full scan, no cache", "full scan, fills the cache"
AGAIN, BY_CONTENT, EDITED = "nothing changed", "nothing changed, contents compared", f"{CHANGED} files changed"
WAYS = {PARSE: "parse", FULL: "scan", FIRST: "rescan", AGAIN: "rescan", BY_CONTENT: "rescan-content", EDITED: "rescan"}


def run(size: Size, rounds: int) -> Report:
    with tempfile.TemporaryDirectory(prefix="homeport-benchmark-") as folder:
        top = Path(folder)
        paths = synthetic.write(size, top / "app")
        compile_all()
        rounds_found = [measure(top / "app", top / f"cache-{number}", paths, number) for number in range(rounds)]
    wanted = sorted(synthetic.names(size))
    for one in rounds_found:
        for way, found in one.items():
            if way != PARSE and (found["services"] != wanted or found["findings"]):
                raise RuntimeError(
                    f"{way}: not the services that the application has, or findings where none should be"
                )
    return report(size, rounds_found)


def measure(app: Path, cache: Path, paths: Sequence[Path], number: int) -> dict[str, dict[str, Any]]:
    """Each way once, the edits last; ``cache`` is empty before."""
    found = {}
    for way, order in WAYS.items():
        if way == EDITED:
            edit(paths, number)
        found[way] = measured("benchmarks.harness.scanning", order, app, cache)
    return found


def edit(paths: Sequence[Path], number: int) -> None:
    """Change files of the application, services and others, drawn at random."""
    chosen = random.Random(number).sample(list(paths), min(CHANGED, len(paths)))
    for path in chosen:
        path.write_text(f"{path.read_text()}\n\ndef added_{number}(text: str) -> str:\n    return text.strip()\n")


def report(size: Size, rounds: list[dict[str, dict[str, Any]]]) -> Report:
    seconds = {way: [one[way]["seconds"] for one in rounds] for way in WAYS}
    cpu = {way: [one[way]["cpu"] for one in rounds] for way in WAYS}
    files, read = rounds[0][PARSE]["files"], rounds[0][PARSE]["bytes"]
    rows = [
        (
            way,
            spread([1000 * one for one in seconds[way]]),
            f"{1000 * median(cpu[way]):,.0f}",
            f"{read / 1e6 / median(seconds[way]):,.0f}",
        )
        for way in WAYS
    ]
    return Report(
        name="scan",
        title=f"Scanning {files:,} files with {size.services:,} services",
        tables=[Table(("what", "ms (median, lowest–highest)", "CPU ms", "MB/s"), rows)],
        bars=[
            at_most("full scan over bare ast.parse", 1.5, ratio(seconds[FULL], seconds[PARSE]), unit="×"),
            at_least("nothing changed: faster than full", 10, ratio(seconds[FULL], seconds[AGAIN]), ".1f", "×"),
            at_least(f"{CHANGED} changed: faster than full", 8, ratio(seconds[FULL], seconds[EDITED]), ".1f", "×"),
        ],
        notes=[
            f"{read / 1e6:.0f} MB of source, made up by `benchmarks/harness/synthetic.py`; {len(rounds)} rounds, all "
            "ways in turn, each in a process of its own. Files are in the page cache.",
            "The garbage collector rests during the bare parse too, as it does in a scan; with it, both take longer.",
            "CPU is of the process and of those that it has had read for it.",
        ],
        raw=rounds,
    )


def main() -> int:
    made = parser("scan", __doc__)
    made.add_argument("--services", type=int, default=2000)
    made.add_argument("--files", type=int, default=10_000)
    made.add_argument("--rounds", type=int, default=10)
    options = made.parse_args()
    return publish(run(Size(options.services, options.files), options.rounds), options)


if __name__ == "__main__":
    sys.exit(main())
