"""Methods that never return, will not be cancelled, or raise what cannot be shown: each call ends, others go on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from homeport.errors import BadResult, DeadlineExceeded, RemoteError, ServiceError
from homeport.worker import crew
from tests.client.conftest import Node
from tests.faults.culprits import Culprit, Late, Mute, Unwritable
from tests.rpc.conftest import world
from tests.rpc.test_conformance import settled

MODES = pytest.mark.parametrize("mode", ["local", "codec", "remote"])


@MODES
async def test_a_method_that_never_returns_ends_at_its_deadline_and_frees_its_place(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Culprit, concurrency=3) as w:
        for _ in range(4):  # more than there are places
            with pytest.raises(DeadlineExceeded):
                await w.get(Culprit, timeout=0.02).never()
            await settled(lambda: w.hosted("culprit").admission.in_flight == 0)
        assert await w.get(Culprit).well() == "well"


async def test_a_method_that_will_not_be_cancelled_does_not_hold_up_its_caller_nor_others(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Culprit, concurrency=2) as w:
        culprit = w.hosted("culprit").target
        with pytest.raises(DeadlineExceeded):
            await w.get(Culprit, timeout=0.02).deaf()
        await settled(lambda: culprit.swallowed > 0)
        assert await w.get(Culprit).well() == "well"
        assert w.hosted("culprit").admission.in_flight == 1  # it still runs, and takes its place
        culprit.free.set()
        await settled(lambda: w.hosted("culprit").admission.in_flight == 0)


async def test_its_late_answer_reaches_nobody(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Culprit) as w:
        culprit = w.hosted("culprit").target
        given_up = asyncio.create_task(w.get(Culprit).deaf())
        await settled(lambda: w.hosted("culprit").admission.in_flight == 1)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        await settled(lambda: culprit.swallowed > 0)
        culprit.free.set()
        await settled(lambda: w.hosted("culprit").admission.in_flight == 0)
        assert [await w.get(Culprit).well() for _ in range(3)] == ["well"] * 3


async def test_draining_waits_for_it_no_longer_than_it_was_told(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Culprit) as w:
        culprit = w.hosted("culprit").target
        running = asyncio.create_task(w.get(Culprit, timeout=0.02).deaf())
        await settled(lambda: w.hosted("culprit").admission.in_flight == 1)
        assert not await w.hosted("culprit").admission.drained(within=0.05)
        with pytest.raises(DeadlineExceeded):
            await running
        culprit.free.set()
        await settled(lambda: w.hosted("culprit").admission.in_flight == 0)


@MODES
@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("raise_mute", "Mute"),
        ("raise_unborn", "KeyError"),
        ("raise_unwritable", "Unwritable"),
        ("raise_group", "ExceptionGroup"),
    ],
)
async def test_an_exception_that_cannot_be_shown_or_made_is_still_an_answer(
    mode: str, method: str, kind: str, tmp_path: Path
) -> None:
    async with world(mode, tmp_path, Culprit) as w:
        with pytest.raises(RemoteError) as caught:
            await getattr(w.get(Culprit, timeout=2), method)()
        assert caught.value.kind == kind
        assert str(caught.value)
        str(caught.value).encode()  # and can be logged
        assert await w.get(Culprit).well() == "well"


async def test_a_declared_error_that_cannot_be_made_again_arrives_as_a_plain_one_and_harms_no_other_call(
    tmp_path: Path,
) -> None:
    for mode in ("codec", "remote"):
        async with world(mode, tmp_path, Culprit) as w:
            other = asyncio.create_task(w.get(Culprit).never())
            await settled(lambda: w.hosted("culprit").admission.in_flight == 1)
            with pytest.raises(ServiceError) as caught:
                await w.get(Culprit, timeout=2).raise_moody()
            assert (type(caught.value), caught.value.code) == (ServiceError, "moody")
            assert caught.value.fields == {"mood": "black"}
            assert not other.done()
            other.cancel()
            await asyncio.gather(other, return_exceptions=True)


async def test_a_declared_error_that_cannot_be_written_is_the_callees_fault(tmp_path: Path) -> None:
    for mode in ("codec", "remote"):
        async with world(mode, tmp_path, Culprit) as w:
            with pytest.raises(BadResult, match="Verbose"):
                await w.get(Culprit, timeout=2).raise_unwritable_answer()
            assert await w.get(Culprit).well() == "well"


@pytest.mark.parametrize("error", [Mute(), Unwritable("half a character: \ud83d")], ids=["mute", "unwritable"])
async def test_a_startup_that_raises_what_cannot_be_shown_is_told_and_tried_again(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "STARTUP_RETRY_FIRST", 0.01)
    monkeypatch.setattr(crew.log, "propagate", False)  # pytest-xdist cannot hand on a captured half of a character
    Late.errors = [error]
    node = Node(tmp_path)
    await node.start()
    try:
        await node.work(Late, name="late-1")
        story = await node.registry.why("late")
        assert any(type(error).__name__ in entry.cause.what for entry in story.entries)
        assert [entry.event for entry in story.entries][-2:] == ["waiting → unhealthy", "unhealthy → ready"]
    finally:
        await node.close()
