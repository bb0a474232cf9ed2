"""Readers that stop reading: what is kept for them has a bound, and nobody else waits with them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from homeport.contracts import plain
from homeport.errors import DeadlineExceeded, NotSent
from homeport.rpc.client import connect
from homeport.rpc.frames import INITIAL_CREDIT, Bind
from tests.faults.culprits import Culprit
from tests.rpc.conftest import World, world
from tests.rpc.test_conformance import settled

ITEM = 2**16
GIVE = Bind(service="culprit", method="give", instance="culprit-1")


def buffered(w: World) -> int:
    """Bytes that the serving side keeps for peers that have not read them."""
    assert w.server is not None
    return sum(link._transport.get_write_buffer_size() for link in w.server.links if link._transport is not None)


async def still(value: object, turns: int = 50) -> None:
    """Until ``value()`` has not changed for a while."""
    before, quiet = value(), 0  # type: ignore[operator]
    while quiet < turns:
        await asyncio.sleep(0.001)
        now = value()  # type: ignore[operator]
        before, quiet = now, quiet + 1 if now == before else 0


@pytest.mark.parametrize("mode", ["local", "codec", "remote"])
async def test_a_stream_whose_reader_stops_goes_only_so_far_ahead_and_ends_with_its_reader(
    mode: str, tmp_path: Path
) -> None:
    async with world(mode, tmp_path, Culprit) as w:
        culprit = w.hosted("culprit").target
        items = w.get(Culprit).flood(10_000, ITEM)
        await anext(items)
        await still(lambda: culprit.produced)
        assert culprit.produced <= INITIAL_CREDIT + 1
        assert [await w.get(Culprit).well() for _ in range(20)] == ["well"] * 20
        await items.aclose()
        await settled(lambda: culprit.ended == 1 and w.hosted("culprit").admission.in_flight == 0)


async def test_a_reader_that_takes_its_time_gets_everything(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Culprit) as w:
        culprit = w.hosted("culprit").target
        seen = 0
        async for item in w.get(Culprit).flood(300, 1000):
            seen += len(item)
            if not seen % 50_000:
                await still(lambda: culprit.produced, turns=5)
            assert culprit.produced - seen // 1000 <= INITIAL_CREDIT + 1
        assert seen == 300_000


async def test_a_process_that_does_not_read_its_stream_fills_no_memory_and_holds_up_no_other(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Culprit) as w:
        culprit = w.hosted("culprit").target
        stopped = await connect(f"unix:{tmp_path}/s.sock", name="stopped")
        flood = Bind(service="culprit", method="flood", instance="culprit-1")
        arguments = plain.encode([10_000, 2**20])
        items = stopped.stream(stopped.number(flood), "flood", arguments, bytes, None, None, None)
        stopped.pause_reading()
        await settled(lambda: culprit.produced > 0)
        await still(lambda: culprit.produced)
        assert buffered(w) < 2 * 2**20 < INITIAL_CREDIT * 2**20
        assert [await w.get(Culprit).well() for _ in range(20)] == ["well"] * 20
        stopped.close()
        await settled(lambda: culprit.ended == 1 and w.hosted("culprit").admission.in_flight == 0)
        items.close()


async def test_who_does_not_read_its_answers_is_not_listened_to_either(tmp_path: Path) -> None:
    size, calls = 2**18, 400
    async with world("remote", tmp_path, Culprit, concurrency=8) as w:
        deaf = await connect(f"unix:{tmp_path}/s.sock", name="deaf")
        number = deaf.number(GIVE)
        deaf.pause_reading()
        replies = []
        for _ in range(calls):
            replies.append(deaf.call(number, "give", plain.encode([size]), bytes, None, None))
            await asyncio.sleep(0.0002)
        await still(lambda: buffered(w))
        assert buffered(w) < 20 * size < calls * size
        assert await w.get(Culprit).well() == "well"
        deaf.resume_reading()  # and when it reads again, all is answered
        answers = await asyncio.gather(*(reply.future for reply in replies), return_exceptions=True)
        assert len(answers) == calls
        assert any(isinstance(answer, bytes) for answer in answers)
        deaf.close()


async def test_a_full_send_buffer_ends_calls_at_their_deadline_and_not_later(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Culprit) as w:
        assert w.server is not None
        await w.get(Culprit).well()
        for link in w.server.links:
            link.pause_reading()
        body = bytes(2**20)
        calls = [w.get(Culprit, timeout=0.3).take(body) for _ in range(30)]
        async with asyncio.timeout(5):
            ends = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(end) for end in ends} <= {DeadlineExceeded, NotSent}
