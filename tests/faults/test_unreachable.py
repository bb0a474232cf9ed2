"""An instance has died and its registry has not said so yet: calls wait for news instead of failing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from homeport.balancing.policy import Policy, Retries
from homeport.errors import NotSent
from homeport.rpc.handles import Handle
from homeport.rpc.routes import Route
from homeport.rpc.server import serve
from tests.faults.culprits import Culprit
from tests.rpc.conftest import world
from tests.rpc.test_conformance import settled
from tests.rpc.test_resilience import Fleet, fleet


async def die(f: Fleet, name: str) -> None:
    await f.servers[name].close()
    await lost(f.caller.route("counter"))


async def lost(route: Route) -> None:
    await settled(lambda: all(peer.link is None or peer.link.closed for peer in route.peers))


@pytest.mark.parametrize("method", ["read", "write"])
async def test_calls_of_any_kind_wait_for_the_successor_of_the_only_instance(method: str, tmp_path: Path) -> None:
    async with fleet(tmp_path, "a") as f:
        await f.handle.read()
        await die(f, "a")
        calls = [asyncio.create_task(getattr(f.handle, method)()) for _ in range(50)]
        await asyncio.sleep(0.1)
        assert not any(call.done() for call in calls)
        del f.view.instances["a"]
        await f.add("b")
        assert set(await asyncio.gather(*calls)) == {"b"}
        assert f.tellers["b"].calls == 50


async def test_without_news_the_error_says_that_nobody_could_be_reached(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a") as f:
        await f.handle.read()
        await die(f, "a")
        with pytest.raises(NotSent, match="cannot connect"):
            await Handle(f.caller, "counter", types=lambda: f.signature, timeout=0.1).write()


async def test_who_wants_no_retries_waits_for_nobody(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a", policy=Policy(retries=Retries(attempts=1))) as f:
        await f.handle.read()
        await die(f, "a")
        async with asyncio.timeout(1):
            with pytest.raises(NotSent):
                await f.handle.read()


async def test_a_stream_waits_for_the_successor_of_the_only_instance_too(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Culprit) as w:
        await w.get(Culprit).well()
        assert w.server is not None
        await w.server.close()
        await lost(w.caller.route("culprit"))
        first = asyncio.ensure_future(anext(w.get(Culprit).stream([7])))
        await asyncio.sleep(0.1)
        assert not first.done()
        endpoint = f"unix:{tmp_path}/successor.sock"
        async with serve(endpoint, w.host, name="successor"):
            instances = w.caller.view.service("culprit").instances
            instances["culprit-1"] = msgspec.structs.replace(instances["culprit-1"], endpoints=(endpoint,))
            w.caller.route("culprit").refresh()
            assert len(await first) == 7
