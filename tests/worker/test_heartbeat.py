"""The thread that keeps a worker's lease alive."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from homeport.registry.api import REGISTRY_SERVICE, Counters, Heartbeat, HeartbeatReply, RegistryApi
from homeport.rpc.api_host import serve_api
from homeport.worker.heartbeat import HeartbeatThread


class Registry:
    """As much of the registry as hears beats."""

    def __init__(self) -> None:
        self.beats: asyncio.Queue[Heartbeat] = asyncio.Queue()
        self.known = True

    async def heartbeat(self, beat: Heartbeat) -> HeartbeatReply:
        self.beats.put_nowait(beat)
        return HeartbeatReply(known=self.known, revision=1)

    def __getattr__(self, name: str) -> None:
        if name.startswith("_"):
            raise AttributeError(name)


async def test_a_fault_in_what_a_beat_tells_does_not_end_the_beating(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def counters() -> dict[str, Counters]:
        raise RuntimeError("dictionary changed size during iteration")

    registry, endpoint = Registry(), f"unix:{tmp_path}/node.sock"
    async with serve_api(endpoint, {REGISTRY_SERVICE: (registry, RegistryApi)}, name="node"):
        with HeartbeatThread(endpoint, name="w", session="s", lease=0.03, counters=counters, lost=lambda: None):
            for _ in range(2):
                beat = await asyncio.wait_for(registry.beats.get(), 10)
                assert (beat.session, beat.counters) == ("s", {})
    assert "heartbeat.untold" in caplog.messages


async def test_a_session_that_is_not_known_any_more_is_told_on_the_loop(tmp_path: Path) -> None:
    registry, endpoint, lost = Registry(), f"unix:{tmp_path}/node.sock", asyncio.Event()
    registry.known = False
    async with serve_api(endpoint, {REGISTRY_SERVICE: (registry, RegistryApi)}, name="node"):
        with HeartbeatThread(endpoint, name="w", session="s", lease=0.03, counters=dict, lost=lost.set):
            await asyncio.wait_for(lost.wait(), 10)
