"""A boutique of real processes, which may be killed and stopped one by one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from homeport import processes
from homeport.node.adoption import Records
from homeport.nodes import read_node
from tests.chaos.plan import FRONT, NODE
from tests.real_node import RealNode

ROOT = Path(__file__).parents[2]


class Shop(RealNode):
    """``homeport run examples/boutique`` in the background, on a data folder of its own."""

    def __init__(self, scratch: Path) -> None:
        super().__init__(ROOT, scratch / "data")
        self.seen: dict[int, str] = {}  # every process there ever was: pid and identity

    def start(self) -> None:
        """Start the node process; returns when all is ready. Workers and front that run already are taken over."""
        started = self.homeport("run", "examples/boutique", "--detach", "--port", "0", "--data", str(self.data))
        assert started.returncode == 0, started.stdout + started.stderr
        self.pids()

    def stop(self) -> None:
        stopped = self.homeport("stop")
        assert stopped.returncode in (0, 3), stopped.stdout + stopped.stderr

    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        found = {record.name: record.pid for record in Records(self.data / "run" / "workers").survivors()}
        address = read_node(self.data)
        if address is not None:
            found[NODE] = address.pid
        for pid in found.values():
            identity = processes.identity(pid)
            if identity:
                self.seen[pid] = identity
        return {name: pid for name, pid in found.items() if processes.identity(pid)}

    def workers(self) -> list[str]:
        return sorted(name for name in self.pids() if name not in (NODE, FRONT))

    def left_behind(self) -> list[int]:
        """Processes of this shop that still run."""
        self.pids()
        return [pid for pid, identity in self.seen.items() if processes.runs(pid, identity)]

    def clear(self) -> None:
        """End what a failed run left, so that the machine is as before."""
        for pid in self.left_behind():
            if processes.runs(pid, self.seen[pid]):
                os.kill(pid, signal.SIGKILL)

    def answers(self) -> bool:
        """Whether the front does."""
        try:
            return httpx.get(f"{self.url}/api/v1/services", timeout=2, trust_env=False).is_success
        except (httpx.HTTPError, AssertionError):
            return False


def until(condition: Callable[[], bool], within: float) -> bool:
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
