"""Runs the benchmarks one after the other, each in a process of its own: ``python -m benchmarks [NAME …]``."""

from __future__ import annotations

import argparse
import subprocess
import sys

NAMES = (
    "rpc",
    "local",
    "registry",
    "boutique",
    "death",
    "slow_replica",
    "rollout",
    "storm",
    "scan",
    "codebases",
    "check",
    "start",
    "artefact",
)


def main() -> int:
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    made.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all without one")
    made.add_argument("--write", action="store_true", help="put the results in RESULTS.md, in place of those before")
    options = made.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        made.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    write = ["--write"] if options.write else []
    failed = [
        name
        for name in options.names or NAMES
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *write]).returncode
    ]
    if failed:
        print(f"a bar was missed, or it could not be measured; see above: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
