"""A real node, started by ``homeport run`` and stopped by ``homeport stop``, on a data folder of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from homeport.nodes import NodeAddress, read_node

ROOT = Path(__file__).resolve().parent.parent.parent


class RunningNode:
    """``seconds`` passed from the command to all services being ready."""

    def __init__(self, address: NodeAddress, seconds: float, command: list[str]) -> None:
        self.address, self.seconds, self._command = address, seconds, command

    @property
    def folder(self) -> str:
        """What ``connect()`` and ``--node`` take."""
        return str(self.address.data)

    def processes(self) -> dict[str, int]:
        """The pid of each process, by what it is: ``node``, ``front``, or the name of a worker."""
        node = psutil.Process(self.address.pid)
        found = {"node": node.pid}
        for child in node.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                found[_role(child)] = child.pid
        return found

    def kill(self) -> None:
        """End the node process, and only it, without a chance to say anything."""
        process = psutil.Process(self.address.pid)
        process.kill()
        process.wait(5)

    def start_again(self) -> None:
        """Run the same on the same data folder; returns when all is ready."""
        homeport(*self._command)
        self.address = _address(self.address.data)

    def stop(self) -> None:
        """
        Raises:
            RuntimeError: it had to be killed.
        """
        processes = [psutil.Process(pid) for pid in self.processes().values()]
        try:
            homeport("stop", "--node", self.folder)
        except RuntimeError:
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            raise


def _role(process: psutil.Process) -> str:
    line = process.cmdline()
    return Path(line[-1]).name.removesuffix(".spec.json") if line else str(process.pid)


@contextmanager
def running(target: str, *, layout: str = "spread", settings: Iterable[str] = ()) -> Iterator[RunningNode]:
    """Run ``target``, a path from the project's root, for as long as the block lasts; ``settings`` go to ``--set``.

    Raises:
        RuntimeError: it does not start, or does not stop.
    """
    with tempfile.TemporaryDirectory(prefix="homeport-benchmark-") as folder:
        data = Path(folder) / ".homeport"
        command = ["run", target, "--detach", "--layout", layout, "--data", str(data)]
        command += [part for setting in settings for part in ("--set", setting)]
        began = time.perf_counter()
        homeport(*command)
        seconds = time.perf_counter() - began
        node = RunningNode(_address(data), seconds, command)
        try:
            yield node
        finally:
            node.stop()


def _address(data: Path) -> NodeAddress:
    address = read_node(data)
    if address is None:
        raise RuntimeError(f"the node has started and is gone again; see {data / 'logs'}")
    return address


def homeport(*arguments: str) -> str:
    """Run the command line; what it printed.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", "homeport", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"homeport {' '.join(arguments)} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return done.stdout


def environment() -> dict[str, str]:
    """That of this process, without what is no part of what is measured.

    That is the caller's own settings of Homeport, and a wish to have no ``.pyc`` files, which makes each start compile.
    """
    spoiling = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
    return {
        name: value for name, value in os.environ.items() if not name.startswith("HOMEPORT_") and name not in spoiling
    }
