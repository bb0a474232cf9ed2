"""A real node, started by ``homeport run`` and stopped by ``homeport stop``, on a data folder of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from homeport.nodes import NodeAddress, read_node

ROOT = Path(__file__).resolve().parent.parent.parent


class RunningNode:
    """``seconds`` passed from the command to all services being ready."""

    def __init__(self, address: NodeAddress, seconds: float) -> None:
        self.address, self.seconds = address, seconds

    @property
    def folder(self) -> str:
        """What ``connect()`` and ``--node`` take."""
        return str(self.address.data)

    def processes(self) -> dict[str, int]:
        """The pid of each process, by what it is: ``node``, ``front``, or the name of a worker."""
        node = psutil.Process(self.address.pid)
        return {"node": node.pid, **{_role(child): child.pid for child in node.children(recursive=True)}}

    def stop(self) -> None:
        """
        Raises:
            RuntimeError: it had to be killed.
        """
        processes = [psutil.Process(pid) for pid in self.processes().values()]
        try:
            _homeport("stop", "--node", self.folder)
        except RuntimeError:
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            raise


def _role(process: psutil.Process) -> str:
    line = process.cmdline()
    return Path(line[-1]).name.removesuffix(".spec.json") if line else str(process.pid)


@contextmanager
def running(target: str, *, layout: str = "spread") -> Iterator[RunningNode]:
    """Run ``target``, a path from the project's root, for as long as the block lasts.

    Raises:
        RuntimeError: it does not start, or does not stop.
    """
    with tempfile.TemporaryDirectory(prefix="homeport-benchmark-") as folder:
        data = Path(folder) / ".homeport"
        began = time.perf_counter()
        _homeport("run", target, "--detach", "--layout", layout, "--data", str(data))
        seconds = time.perf_counter() - began
        address = read_node(data)
        if address is None:
            raise RuntimeError(f"the node of {target} has started and is gone again; see {data / 'logs'}")
        node = RunningNode(address, seconds)
        try:
            yield node
        finally:
            node.stop()


def _homeport(*arguments: str) -> None:
    # Settings of the caller's own are no part of what is measured.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HOMEPORT_")}
    command = [sys.executable, "-m", "homeport", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"homeport {' '.join(arguments)} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
