"""A node and its worker inside one event loop: the real registry, served over a socket, and a real worker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from homeport.build.live.planned import planned_service
from homeport.model import Cause, State
from homeport.node.api import NODE_SERVICE, NodeApi
from homeport.registry.api import REGISTRY_SERVICE, RegistryApi
from homeport.registry.server import DeclaredService, Registry
from homeport.rpc import ambient
from homeport.rpc.api_host import serve_api
from homeport.worker.api import HostedService, WorkerSpec
from homeport.worker.main import Worker
from tests.client import shop

LEASE = 600.0  # these tests are about clients: no lease ends


class Node:
    """A node process's insides, to be stopped and started again on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.endpoint = f"unix:{folder}/node.sock"
        self.registry: Registry
        self._stack = AsyncExitStack()
        self._workers: dict[str, tuple[Worker, asyncio.Task[int]]] = {}

    async def start(self, folder: str = "registry") -> None:
        self.registry = await self._stack.enter_async_context(Registry.open(self.folder / folder, node="test"))
        self.registry.declare([DeclaredService(name="payments"), DeclaredService(name="refunds")])
        apis: dict[str, tuple[object, type]] = {
            REGISTRY_SERVICE: (self.registry, RegistryApi),
            NODE_SERVICE: (NodeStub(), NodeApi),
        }
        await self._stack.enter_async_context(serve_api(self.endpoint, apis, name="node"))

    async def stop(self) -> None:
        await self._stack.aclose()

    async def work(self, *classes: type, name: str = "payments-1") -> None:
        """Host these classes in a worker of that name until the end; returns when they are ready."""
        spec = WorkerSpec(
            name=name,
            node=self.endpoint,
            runtime=str(self.folder),
            root=str(self.folder),
            services=tuple(hosted(cls) for cls in classes),
            lease=LEASE,
            drain_timeout=1.0,
        )
        worker = InProcess(spec)
        task = asyncio.create_task(worker.run(), name=f"worker {name}")
        self._workers[name] = (worker, task)
        wanted = {service.name for service in spec.services}
        await until(lambda: self.ready(name) == wanted or task.done())
        if task.done():
            task.result()

    def ready(self, worker: str) -> set[str]:
        found = self.registry._catalog.instances.values()
        return {one.service for one in found if one.worker == worker and one.state is State.READY}

    async def end_work(self, name: str = "payments-1") -> None:
        worker, task = self._workers.pop(name)
        worker.stop(Cause(what="stopped", actor="test"))
        await task

    async def close(self) -> None:
        for name in list(self._workers):
            await self.end_work(name)
        await self.stop()


def hosted(cls: type) -> HostedService:
    plan = planned_service(cls)
    return HostedService(name=plan.name, plan=plan)


class InProcess(Worker):
    """A worker whose process is the test's: its signals are not ours to catch."""

    def _catch_signals(self) -> None:
        pass


class NodeStub:
    """As much of the node's own API as a client meets here."""

    def __init__(self) -> None:
        self.asked = ""

    async def kill(self, actor: str) -> None:
        self.asked = actor

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return None


async def until(condition: Callable[[], bool]) -> None:
    """Until something that is on its way has come about."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not come to that")


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Node]:
    node = Node(folder)
    await node.start()
    try:
        await node.work(shop.Payments)
        yield node
    finally:
        await node.close()
        assert ambient.installed() is None, "a worker that has ended lends its connections to nobody"


@pytest.fixture(autouse=True)
def nobody_elses_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No node of this machine's user is found by accident, nor anything of a test before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HOMEPORT_NODE", raising=False)
    monkeypatch.chdir(tmp_path)
    shop.SEEN.__init__()  # type: ignore[misc]


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with running(tmp_path) as node:
        yield node


class ThreadedNode:
    """A node in a thread of its own, for clients that block theirs."""

    def __init__(self, node: Node, loop: asyncio.AbstractEventLoop) -> None:
        self.endpoint = node.endpoint
        self._node, self._loop = node, loop

    def do(self, action: Callable[[Node], Any]) -> Any:
        """Await ``action(node)`` over there."""
        return asyncio.run_coroutine_threadsafe(action(self._node), self._loop).result(timeout=20)


@pytest.fixture
def node_aside(tmp_path: Path) -> Iterator[ThreadedNode]:
    started: list[ThreadedNode] = []
    up, failed = threading.Event(), []

    async def main() -> None:
        over = asyncio.Event()
        async with running(tmp_path) as node:
            loop = asyncio.get_running_loop()
            started.append(ThreadedNode(node, loop))
            ends.append(lambda: loop.call_soon_threadsafe(over.set))
            up.set()
            await over.wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failed.append(error)
            up.set()

    ends: list[Callable[[], object]] = []
    thread = threading.Thread(target=run, name="node aside")
    thread.start()
    assert up.wait(20)
    if failed:
        raise failed[0]
    yield started[0]
    ends[0]()
    thread.join(20)
    if failed:
        raise failed[0]
