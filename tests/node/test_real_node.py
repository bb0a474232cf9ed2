"""A real node with real workers: what dies is replaced, and what outlives its node is taken over."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from homeport.client import Client
from homeport.errors import HomeportError
from homeport.nodes import read_node
from homeport.processes import identity
from tests.node.real_process import RealNode, until, until_status


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
