"""How fast large code bases of others are scanned, and that nothing is found in them that is not there.

They are downloaded once, unpacked and read; nothing of them is ever run.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness.children import compile_all, measured
from benchmarks.harness.figures import ratio, spread
from benchmarks.harness.results import CACHE, Report, Table, at_most, parser, publish

PACKAGES = ("django==5.2.19", "sqlalchemy==2.1.9", "apache-airflow-core==3.3.2", "homeassistant==2024.3.3")
WHOLE = "."  # where it is said that there is no service at all, as is true of these
PARSE, FULL, AGAIN = "parse", "scan", "rescan"


def run(packages: Sequence[str], rounds: int) -> Report:
    compile_all()
    folders = {package: unpacked(package) for package in packages}
    samples = {package: [measure(folder) for _ in range(rounds)] for package, folder in folders.items()}
    return report(samples)


def unpacked(package: str) -> Path:
    """The folder with what the package's wheel holds; downloaded and unpacked if that has not been done yet."""
    folder = CACHE / "codebases" / package.replace("==", "-")
    if not folder.exists():
        wheels = folder.with_name(f"{folder.name}.whl")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", str(wheels), package], check=True)
        [wheel] = wheels.iterdir()
        unfinished = folder.with_name(f"{folder.name}.part")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unfinished)
        unfinished.rename(folder)
    return folder


def measure(folder: Path) -> dict[str, Any]:
    """Parse, scan without a cache, and scan again with one."""
    cache = folder.with_name(f"{folder.name}.cache")
    measured("benchmarks.harness.scanning", "rescan", folder, cache)  # fills it
    return {way: measured("benchmarks.harness.scanning", way, folder, cache) for way in (PARSE, FULL, AGAIN)}


def false_findings(one: dict[str, Any]) -> list[str]:
    """Services where there are none, and errors in files that Python itself compiles."""
    false = [f"service {name}" for name in one[FULL]["services"]]
    for severity, code, path, line, message in one[FULL]["findings"]:
        if severity == "error" and path != WHOLE and path not in one[PARSE]["refused"]:
            false.append(f"{path}:{line}: {code} {message}")
    return false


def report(samples: dict[str, list[dict[str, Any]]]) -> Report:
    rows, slowest, wrong = [], 0.0, 0
    for package, found in samples.items():
        parse, full, again = ([one[way]["seconds"] for one in found] for way in (PARSE, FULL, AGAIN))
        megabytes, files = found[0][PARSE]["bytes"] / 1e6, found[0][PARSE]["files"]
        times = ratio(full, parse) or 0.0
        slowest, wrong = max(slowest, times), wrong + sum(len(false_findings(one)) for one in found)
        rows.append(
            (
                package.replace("==", " "),
                f"{files:,}",
                f"{megabytes:.1f}",
                spread(full, ".2f"),
                f"{megabytes / median(full):.1f}",
                f"{times:.2f}×",
                f"{1000 * median(again):,.0f}",
                f"{len(found[0][PARSE]['refused'])}",
            )
        )
    columns = ("package", "files", "MB", "scan s", "MB/s", "over ast.parse", "again, ms", "unparsable")
    return Report(
        name="codebases",
        title="Scanning large code bases of others",
        tables=[Table(columns, rows)],
        bars=[
            at_most("services, or errors in files that compile, where there are none", 0, wrong, ".0f"),
            at_most("full scan over bare ast.parse, at worst", 1.5, slowest, unit="×"),
        ],
        notes=[
            f"{len(next(iter(samples.values())))} rounds; a process for each figure, files in the page cache.",
            "As everywhere, a scan leaves out tests, so files and MB are those that it reads.",
        ],
        raw=samples,
    )


def main() -> int:
    made = parser("codebases", __doc__)
    made.add_argument("--packages", nargs="+", default=PACKAGES, metavar="NAME==VERSION")
    made.add_argument("--rounds", type=int, default=10)
    options = made.parse_args()
    return publish(run(options.packages, options.rounds), options)


if __name__ == "__main__":
    sys.exit(main())
