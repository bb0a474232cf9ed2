"""A draining instance takes calls until everybody who might call it has heard that it leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from homeport.model import Cause, State
from homeport.registry.api import Drained, WatchItem, WatchRequest
from tests.registry.harbour import Harbour, Reader, harbour, settled

RESTART = Cause(what="restarted", actor="homeport restart")


def caller(port: Harbour, name: str, *services: str) -> Reader[WatchItem]:
    return Reader(port.registry.watch(WatchRequest(services=services, watcher=name)))


async def draining(port: Harbour) -> asyncio.Task[Drained]:
    worker = await port.worker("a-1", "a")
    task = asyncio.create_task(port.registry.drain(worker.session, "a@a-1", RESTART))
    await settled()
    return task


async def test_without_watchers_there_is_nobody_to_wait_for(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        task = await draining(port)
        assert (await task).unheard == ()
        assert await port.state("a@a-1") is State.DRAINING


async def test_it_waits_until_every_live_watcher_of_the_service_has_acknowledged(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.worker("b-1", "a", "b")
        callers = [caller(port, "one", "a"), caller(port, "two", "a", "b"), caller(port, "all")]
        other = caller(port, "elsewhere", "b")
        for reader in [*callers, other]:
            await reader.news()
        task = await draining(port)
        for name, reader in zip(("one", "two", "all"), callers, strict=True):
            assert not task.done()
            items = await reader.news()
            await port.registry.acknowledge(name, items[-1].revision)
            await settled()
        assert (await task).unheard == ()


async def test_an_acknowledgement_of_something_earlier_does_not_count(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        reader = caller(port, "one", "a")
        (first,) = await reader.news()
        task = await draining(port)
        await port.registry.acknowledge("one", first.revision)
        await settled()
        assert not task.done()
        await port.registry.acknowledge("one", port.registry.revision)
        assert (await task).unheard == ()


async def test_a_watcher_that_leaves_is_not_waited_for(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        reader = caller(port, "one", "a")
        await reader.news()
        task = await draining(port)
        assert not task.done()
        await reader.close()
        assert (await task).unheard == ()


async def test_a_watcher_that_comes_later_has_never_seen_it_ready(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        first = caller(port, "one", "a")
        await first.news()
        task = await draining(port)
        await caller(port, "late", "a").news()
        await port.registry.acknowledge("one", port.registry.revision)
        assert (await task).unheard == ()


async def test_a_dead_or_paused_watcher_holds_it_up_no_longer_than_the_grace(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await caller(port, "paused", "a").news()
        task = await draining(port)
        await port.clock.advance(1.9)
        assert not task.done()
        await port.clock.advance(0.2)
        assert (await task).unheard == ("paused",)


async def test_nobody_waits_for_those_who_only_look(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await caller(port, "", "a").news()
        assert (await (await draining(port))).unheard == ()
