"""Programs that measure once, print one line of JSON and end: each figure in a process of its own."""

from __future__ import annotations

import compileall
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.harness import nodes


def measured(module: str, *arguments: object, python: str = sys.executable) -> Any:
    """What ``python -m module …`` prints last.

    Raises:
        RuntimeError: it failed.
    """
    command = [python, "-m", module, *(str(argument) for argument in arguments)]
    done = subprocess.run(
        command, cwd=nodes.ROOT, env=nodes.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def compile_all(folders: Iterable[Path] = ()) -> None:
    """Have the ``.pyc`` of Homeport, and of what lies in ``folders``, written before anything is timed."""
    for folder in (nodes.ROOT / "src", nodes.ROOT / "benchmarks", *folders):
        compileall.compile_dir(folder, quiet=2, workers=0)
