"""A real node with real workers: what dies is replaced, and what outlives its node is taken over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from homeport.client import Client, connect
from homeport.config import Config, NodeConfig
from homeport.errors import HomeportError
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


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RealNode]:
    made = RealNode(tmp_path)
    yield made
    made.end()


@pytest.fixture
async def client(node: RealNode) -> AsyncIterator[Client]:
    node.start()
    async with node.client() as found:
        await until_status(found, lambda status: status.ready)
        yield found


async def call(client: Client) -> object:
    return await client.service("payment").process({"amount": 5})


async def test_a_killed_worker_is_replaced_and_its_death_explained(node: RealNode, client: Client) -> None:
    answer = await call(client)
    killed = node.children()["payments-1"]
    os.kill(killed, signal.SIGKILL)
    await until_status(client, lambda s: any(w.name == "payments-1" and w.pid not in (0, killed) for w in s.workers))
    await until_status(client, lambda status: status.ready)
    assert await call(client) == answer
    story = await client.registry.why("payments")
    assert any("killed by SIGKILL" in entry.cause.evidence for entry in story.entries)


async def test_a_killed_node_is_succeeded_by_one_that_takes_over_all_it_ran(node: RealNode, client: Client) -> None:
    answer = await call(client)
    before = node.children()
    url = (await client.node.status()).url
    node.kill()
    assert node.children() == before, "the services outlive their node"
    node.start()
    async with node.client() as again:
        status = await until_status(again, lambda status: status.ready)
        assert node.children() == before
        assert status.url == url
        assert await call(again) == answer
        os.kill(before["payments-1"], signal.SIGKILL)
        await until_status(again, lambda s: s.ready and all(w.pid != before["payments-1"] for w in s.workers))
        story = await again.registry.why("payments")
        assert any("exit status unknown" in entry.cause.evidence for entry in story.entries)


async def test_an_orderly_stop_leaves_nothing_behind(node: RealNode, client: Client) -> None:
    children = node.children()
    assert set(children) == {"front", "payment-1", "payments-1"}
    await client.node.stop_node("test")
    assert node.process is not None
    await until(lambda: node.process is not None and node.process.poll() is not None)
    assert node.process.returncode == 0
    assert not any(identity(pid) for pid in children.values())
    assert read_node(node.data) is None
    log = (node.data / "logs" / "node.log").read_text()
    assert log.index('"worker":"payment-1","cause"') < log.index('"worker":"payments-1","cause"'), "callers first"


async def test_killing_ends_all_at_once(node: RealNode, client: Client) -> None:
    children = node.children()
    with contextlib.suppress(HomeportError):  # the answer may not make it out
        await client.node.kill("test")
    await until(lambda: node.process is not None and node.process.poll() is not None)
    assert not any(identity(pid) for pid in children.values())
    node.start()
    async with node.client() as again:
        await until_status(again, lambda status: status.ready)
        assert not set(node.children().values()) & set(children.values())


async def test_a_node_whose_data_folder_is_removed_ends_with_all_it_runs(node: RealNode, client: Client) -> None:
    children = node.children()
    shutil.rmtree(node.data)
    await until(lambda: node.process is not None and node.process.poll() is not None)
    assert not any(identity(pid) for pid in children.values())


async def test_the_end_of_the_lifeline_is_an_orderly_stop(node: RealNode) -> None:
    node.start(lifeline=True, layout="single")
    async with node.client() as client:
        status = await until_status(client, lambda status: status.ready)
        assert [worker.name for worker in status.workers] == ["app-1"]
    children = node.children()
    assert node.process is not None
    assert node.process.stdin is not None
    node.process.stdin.close()
    await until(lambda: node.process is not None and node.process.poll() is not None)
    assert node.process.returncode == 0
    assert not any(identity(pid) for pid in children.values())


async def test_a_change_of_the_source_is_taken_in_and_an_error_leaves_the_old_code(node: RealNode) -> None:
    node.start(reload=True)
    async with node.client() as client:
        first = await until_status(client, lambda status: status.ready)
        source = node.app / "payment.py"
        text = source.read_text()
        source.write_text(text + "\nraise RuntimeError('not today')\n")
        status = await until_status(client, lambda status: "not today" in status.reload_error)
        assert await call(client) is not None
        source.write_text(text + "\n# better\n")
        status = await until_status(client, lambda s: not s.reload_error and s.ready and s.release != first.release)
        releases = {service: worker.release for worker in status.workers for service in worker.services}
        assert releases["payment"] == status.release
        assert releases["payments"] == first.release, "it does not import what changed"
        assert await call(client) is not None
