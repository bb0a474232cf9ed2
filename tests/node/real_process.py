"""A real node process in a folder of its own, for tests that kill it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from homeport.client import Client, connect
from homeport.config import Config, NodeConfig
from homeport.node.adoption import Records
from homeport.node.api import NodeSpec, NodeStatus
from homeport.nodes import read_node, runtime_folder
from homeport.processes import identity

SEED = Path(__file__).parents[2] / "examples" / "seed"
PATIENCE = 25.0  # seconds; what takes a second alone may take many on a busy machine


class RealNode:
    """A node process on a folder of its own, started as the command line starts it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / ".homeport"
        self.app = folder / "seed"
        shutil.copytree(SEED, self.app, ignore=shutil.ignore_patterns("__pycache__"))
        self.process: subprocess.Popen[bytes] | None = None
        self._environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}

    def start(self, *, reload: bool = False, layout: str = "spread", lifeline: bool = False) -> None:
        node = NodeConfig(port=0, layout=layout)  # type: ignore[arg-type]
        spec = NodeSpec(
            target="seed",
            cwd=str(self.folder),
            data=str(self.data),
            config=Config(node=node),
            reload=reload,
            lifeline=lifeline,
        )
        told = self.folder / "spec.json"
        told.write_bytes(msgspec.json.encode(spec))
        with (self.folder / "out").open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "homeport.node", str(told)],
                stdin=subprocess.PIPE if lifeline else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environ,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def children(self) -> dict[str, int]:
        return {record.name: record.pid for record in Records(self.data / "run" / "workers").survivors()}

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        def announced() -> bool:
            address = read_node(self.data)
            assert self.process is None or self.process.poll() is None, (self.folder / "out").read_text()
            return address is not None and address.pid == self.pid

        await until(announced)
        address = read_node(self.data)
        assert address is not None
        async with connect(address.endpoint) as client:
            yield client

    def end(self) -> None:
        children = self.children() if self.data.exists() else {}
        for pid in [self.pid] * (self.process is not None) + list(children.values()):
            if identity(pid):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        shutil.rmtree(runtime_folder(self.data), ignore_errors=True)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def until_status(client: Client, condition: Callable[[NodeStatus], bool]) -> NodeStatus:
    deadline = time.monotonic() + PATIENCE
    while not condition(status := await client.node.status()):
        assert time.monotonic() < deadline, status
        await asyncio.sleep(0.05)
    return status
