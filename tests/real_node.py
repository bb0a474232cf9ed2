"""A node of its own for a test: real processes in a folder of the test's, stopped whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homeport.nodes import read_node


class RealNode:
    """Runs commands as somebody in ``folder`` would, on a machine where nobody else runs a node."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.data = folder, data
        hidden = ("HOMEPORT_", "NO_COLOR", "FORCE_COLOR", "COLUMNS")
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        self._environ |= {"HOMEPORT_NODE": str(data), "XDG_RUNTIME_DIR": str(data.parent)}

    def homeport(self, *words: str, timeout: float = 50) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "homeport", *words, timeout=timeout)

    def python(self, *words: str, timeout: float = 50) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @property
    def url(self) -> str:
        address = read_node(self.data)
        assert address is not None, "no node runs"
        return address.url


@contextmanager
def running(target: str, folder: Path, scratch: Path, *options: str) -> Iterator[RealNode]:
    """``homeport run TARGET`` in ``folder``, ready; all of the node's files are under ``scratch``."""
    node = RealNode(folder, scratch / "data")
    started = node.homeport("run", target, "--detach", "--port", "0", "--data", str(node.data), *options)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield node
    finally:
        stopped = node.homeport("stop")
        assert stopped.returncode in (0, 3), stopped.stdout + stopped.stderr
