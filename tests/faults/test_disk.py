"""A full or slow disk: declarations fail or wait and say so, what happens meanwhile is told, nothing crashes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from homeport.model import Cause, Durability, State
from homeport.registry.server import DeclaredService, Registry
from homeport.registry.store import database, journal
from homeport.registry.store.port import StoreFailure
from tests.registry.harbour import CRASH, Harbour, harbour, settled, watch
from tests.registry.test_store_embedded import full_disk

ASKED = Cause(what="asked", actor="test")


@contextmanager
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every write hangs until the event is set."""
    through, insert = threading.Event(), database.insert

    def hang(*args: object) -> None:
        through.wait(timeout=20)
        insert(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(database, "insert", hang)
        try:
            yield through
        finally:
            through.set()


@asynccontextmanager
async def port_with_services(folder: Path) -> AsyncIterator[Harbour]:
    async with harbour(folder) as port:
        port.registry.declare([DeclaredService(name="a"), DeclaredService(name="b")])
        yield port


async def declared(registry: Registry, replicas: int) -> bool:
    try:
        return (await registry.set_wanted("a", replicas, ASKED)).durability is Durability.SYNCED
    except StoreFailure:
        return False


async def test_on_a_full_disk_life_goes_on_and_is_written_down_when_there_is_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "RETRY", 0.02)
    async with port_with_services(tmp_path) as port:
        reader = watch(port.registry, "a")
        await reader.news()
        with full_disk():
            with pytest.raises(StoreFailure, match="free disk space"):
                await port.registry.set_wanted("a", 3, ASKED)
            assert port.registry.wanted()["a"] == 1
            worker = await port.worker("a-1", "a")
            assert [change.instance_id for item in await reader.news() for change in item.changes][:1] == ["a@a-1"]
            await port.registry.worker_gone(worker.name, CRASH)
            other = await port.worker("a-2", "a")
            with pytest.raises(StoreFailure):
                await port.registry.eject("a@a-2", 30, ASKED)
            assert await port.state("a@a-2") is State.READY
            await port.live(3, other)
            assert (await port.registry.why("a@a-1")).entries[-1].cause.what == CRASH.what
        async with asyncio.timeout(10):
            while not await declared(port.registry, 2):
                await asyncio.sleep(0.01)
    async with harbour(tmp_path, alive=port.alive) as port:
        port.registry.declare([DeclaredService(name="a")])
        assert port.registry.wanted()["a"] == 2
        assert [one.id for one in await port.registry.instances()] == ["a@a-2"]


async def test_an_ejection_that_ends_on_a_full_disk_ends_all_the_same(tmp_path: Path) -> None:
    async with port_with_services(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await port.registry.eject("a@a-1", 2, ASKED)
        with full_disk():
            with pytest.raises(StoreFailure):
                await port.registry.readmit("a@a-1", ASKED)
            assert await port.state("a@a-1") is State.UNHEALTHY
            await port.live(3, worker)
            assert await port.state("a@a-1") is State.READY


async def test_a_slow_disk_holds_up_declarations_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with port_with_services(tmp_path) as port:
        reader = watch(port.registry, "a")
        await reader.news()
        with slow_disk(monkeypatch) as through:
            scaling = asyncio.create_task(port.registry.set_wanted("a", 3, ASKED))
            await settled()
            worker = await port.worker("a-1", "a")
            silent = await port.worker("b-1", "b")
            await worker.report("a", State.UNHEALTHY, "no disk")
            await worker.report("a", State.READY)
            news = [change for item in await reader.news() for change in item.changes]
            assert news[-1].instance is not None
            assert news[-1].instance.state is State.READY
            port.alive.discard(silent.pid)
            await port.live(4, worker)
            assert await port.state("b@b-1") is None, "its lease has expired"
            assert (await port.registry.why("b@b-1")).entries[-1].cause.what == "lease expired"
            assert not scaling.done()
            assert port.registry.wanted()["a"] == 1, "what is not on disk is told to nobody"
            through.set()
            assert (await scaling).durability is Durability.SYNCED
        assert port.registry.wanted()["a"] == 3


async def test_an_instance_may_die_while_its_ejection_is_on_its_way_to_a_slow_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with port_with_services(tmp_path) as port:
        worker, other = await port.worker("a-1", "a"), await port.worker("a-2", "a")
        with slow_disk(monkeypatch) as through:
            ejecting = asyncio.create_task(port.registry.eject("a@a-1", 30, ASKED))
            await settled()
            gone = port.registry.worker_gone(worker.name, CRASH)
            await port.live(2, other)
            await other.report("a", State.UNHEALTHY, "heard all the same")
            assert await port.state("a@a-2") is State.UNHEALTHY
            through.set()
            await asyncio.gather(ejecting, return_exceptions=True)
        await port.live(2, other)
        await gone
        assert await port.state("a@a-1") is None
        assert (await port.registry.why("a@a-1")).entries[-1].cause.what == CRASH.what
