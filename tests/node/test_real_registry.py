"""A real node starts its workers from the registry beside the release, and keeps that in order."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.build.generator.registry_file import RegistryFile
from homeport.build.generator.registry_layout import pack
from tests.node.real_process import RealNode, until_status


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RealNode]:
    made = RealNode(tmp_path)
    yield made
    made.end()


async def test_whoever_registers_says_from_which_registry_it_was_started(node: RealNode) -> None:
    node.start()
    async with node.client() as client:
        status = await until_status(client, lambda status: status.ready)
        registry = RegistryFile(node.data / "releases" / f"{status.release}.registry")
        assert {one.registry for one in await client.registry.instances()} == {registry.digest[:16]}
        assert {one.registry for one in await client.registry.services()} == {registry.digest[:16]}
        assert registry.names == tuple(one.name for one in await client.registry.services())


async def test_the_registry_of_another_python_is_replaced_before_a_worker_starts_from_it(node: RealNode) -> None:
    node.start()
    async with node.client() as client:
        status = await until_status(client, lambda status: status.ready)
    registry = node.data / "releases" / f"{status.release}.registry"
    before = node.children()
    node.kill()
    registry.write_bytes(pack({}, (3, 7), "0.0.1"))
    node.start()
    async with node.client() as again:
        await until_status(again, lambda status: status.ready)
        os.kill(before["payments-1"], signal.SIGKILL)
        await until_status(again, lambda s: s.ready and all(w.pid != before["payments-1"] for w in s.workers))
        assert RegistryFile(registry).names == ("payment", "payments")
