"""``python -m tests.chaos --seed 7 --minutes 5``: kill and stop the processes of a shop under load."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.plan import DOUBLE, KINDS
from tests.chaos.run import chaos

SHOWN = 20  # broken promises; what is wrong with one is often wrong with many


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--seed", type=int, help="the same seed deals the same blows (default: another one each time)")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long (default 5)")
    options = parser.parse_args()
    seed = random.randrange(10_000) if options.seed is None else options.seed
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:7.1f} s  {line}", flush=True)

    say(f"seed {seed}, {options.minutes:g} minutes")
    with tempfile.TemporaryDirectory(prefix="homeport-chaos-") as scratch:
        report = asyncio.run(chaos(Path(scratch), seed, seconds=options.minutes * 60, kinds=KINDS + DOUBLE, say=say))
    for one in report.broken[:SHOWN]:
        say(f"BROKEN: {one}")
    say(f"{len(report.broken)} promises broken; make chaos SEED={seed}" if report.broken else str(report))
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
