"""What callers have seen counts at once: a broken connection is news before any lease is over."""

from __future__ import annotations

from pathlib import Path

from homeport.model import Instance, State
from homeport.registry.api import OutsideInstance
from tests.registry.harbour import harbour, settled


async def test_an_instance_whose_process_is_gone_is_gone_with_the_first_caller_who_notices(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a", "b")
        port.alive.discard(worker.pid)
        await port.registry.lost("a@a-1", "front: the connection was lost")
        await settled()
        assert await port.registry.instances() == []
        story = await port.registry.why("a")
        assert "front: the connection was lost" in story.entries[-1].cause.evidence


async def test_an_instance_whose_process_lives_stays(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await port.registry.lost("a@a-1", "front: the connection was lost")
        await port.live(5, worker)
        assert await port.state("a@a-1") is State.READY


async def test_an_outside_program_is_looked_at_at_once(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        suspected: list[Instance] = []
        port.registry.on_suspicion(suspected.append)
        await port.registry.put_instance(
            OutsideInstance(id="legacy-1", service="legacy", endpoints=("http://127.0.0.1:9",), ttl=30)
        )
        await port.registry.lost("legacy-1", "script: the connection was lost")
        assert [one.id for one in suspected] == ["legacy-1"]


async def test_an_instance_that_nobody_has_is_no_news(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.registry.lost("nobody-1", "script: the connection was lost")
