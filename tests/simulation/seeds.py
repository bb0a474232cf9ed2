"""Tries seeds until one fails: ``python -m tests.simulation.seeds SCENARIO[,SCENARIO…] FIRST LAST``."""

from __future__ import annotations

import sys

from homeport.testing.simulate import Failed, simulate
from tests.simulation.scenarios import SCENARIOS


def main() -> int:
    names, first, last = sys.argv[1].split(","), int(sys.argv[2]), int(sys.argv[3])
    for seed in range(first, last):
        for name in names:
            try:
                simulate(SCENARIOS[name], seed)
            except Failed as failure:
                print(failure)
                print(f"{name} {seed}: {failure.broken[0].splitlines()[0]}")
                return 1
    print(f"seeds {first} to {last - 1} of {', '.join(names)}: all well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
