"""One look at the files of an application, timed in a process of its own.

``python -m benchmarks.harness.scanning WAY FOLDER [CACHE]`` prints JSON. WAY is ``parse`` (bare ``ast.parse`` of every
file that a scan reads), ``scan`` (without a cache), ``rescan`` (with the cache in the folder CACHE) or
``rescan-content`` (which trusts no file's time and size).
"""

from __future__ import annotations

import ast
import gc
import json
import os
import sys
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

from homeport.build.application import scan
from homeport.build.plan import Plan
from homeport.build.scanner.sources import python_files


def main(way: str, folder: Path, cache: Path | None) -> dict[str, Any]:
    if way == "parse":
        return parse(folder)
    began, cpu = perf_counter(), cpu_seconds()
    plan = scanned(way, folder, cache)
    seconds = perf_counter() - began
    findings = [
        [found.severity, found.code, found.path, found.line, found.message]
        for found in plan.findings
        if found.severity != "note"
    ]
    return {
        "seconds": seconds,
        "cpu": cpu_seconds() - cpu,
        "services": [service.name for service in plan.services],
        "findings": findings,
    }


def cpu_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def scanned(way: str, folder: Path, cache: Path | None) -> Plan:
    if way == "scan":
        return scan(".", folder, cache=None)
    return scan(".", folder, cache=cache, trust="content" if way == "rescan-content" else "times")


def parse(folder: Path) -> dict[str, Any]:
    """Only parse, each file after the other; the garbage collector rests here as it does in a scan."""
    paths = list(python_files(folder))
    read, refused = 0, []
    warnings.simplefilter("ignore")
    gc.disable()
    began, cpu = perf_counter(), cpu_seconds()
    for path in paths:
        source = path.read_bytes()
        read += len(source)
        try:
            ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            refused.append(path.relative_to(folder).as_posix())
    seconds = perf_counter() - began
    return {
        "seconds": seconds,
        "cpu": cpu_seconds() - cpu,
        "files": len(paths),
        "bytes": read,
        "refused": refused,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)))
