"""One byte too many, in every direction: refused with the limit named, and nothing else on the connection harmed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from homeport.contracts import plain
from homeport.errors import BadArguments, BadResult
from homeport.rpc.context import metadata
from homeport.rpc.frames import CONTEXT_SIZE, MAX_BODY
from tests.faults.culprits import Culprit
from tests.rpc.conftest import World, world
from tests.rpc.test_conformance import settled

AROUND_ONE = len(plain.encode([b"x" * 2**16])) - 2**16  # what msgpack adds to one argument of this size
AROUND_RESULT = AROUND_ONE - 1
LARGEST_ARGUMENT = MAX_BODY - CONTEXT_SIZE - AROUND_ONE
LARGEST_RESULT = MAX_BODY - AROUND_RESULT


@asynccontextmanager
async def beside_another_call(folder: Path) -> AsyncIterator[World]:
    """A world in which a call runs over the same connection; it must be there afterwards."""
    async with world("remote", folder, Culprit) as w:
        other = asyncio.create_task(w.get(Culprit).never())
        await settled(lambda: w.hosted("culprit").admission.in_flight == 1)
        assert w.server is not None
        links = list(w.server.links)
        yield w
        assert not other.done()
        assert list(w.server.links) == links
        assert await w.get(Culprit).well() == "well"
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)


async def test_what_just_fits_is_carried(tmp_path: Path) -> None:
    async with beside_another_call(tmp_path) as w:
        assert await w.get(Culprit).take(bytes(LARGEST_ARGUMENT)) == LARGEST_ARGUMENT
        assert len(await w.get(Culprit).give(LARGEST_RESULT)) == LARGEST_RESULT


@pytest.mark.parametrize("size", [LARGEST_ARGUMENT + 1, MAX_BODY + 1])
async def test_an_argument_that_is_too_large_is_refused_before_it_is_sent(tmp_path: Path, size: int) -> None:
    async with beside_another_call(tmp_path) as w:
        served = w.hosted("culprit").admission.served
        with pytest.raises(BadArguments, match=f"over the limit of {MAX_BODY}; send a reference"):
            await w.get(Culprit).take(bytes(size))
        assert w.hosted("culprit").admission.served == served
        assert not w.caller.route("culprit").ejector.panic
        assert w.caller.route("culprit").peers[0].in_flight == 1  # the other call


async def test_a_result_that_is_too_large_is_the_callees_fault(tmp_path: Path) -> None:
    async with beside_another_call(tmp_path) as w:
        with pytest.raises(BadResult, match=rf"culprit\.give answered {MAX_BODY + 1} bytes, over the limit"):
            await w.get(Culprit).give(LARGEST_RESULT + 1)


async def test_a_stream_ends_at_an_item_that_is_too_large_and_what_came_before_has_arrived(tmp_path: Path) -> None:
    async with beside_another_call(tmp_path) as w:
        seen = []
        with pytest.raises(BadResult, match=r"culprit\.stream .* over the limit"):
            async for item in w.get(Culprit).stream([1, 2, LARGEST_RESULT + 1, 3]):
                seen.append(len(item))
        assert seen == [1, 2]


async def test_a_declared_error_that_is_too_large_is_the_callees_fault(tmp_path: Path) -> None:
    async with beside_another_call(tmp_path) as w:
        with pytest.raises(BadResult, match=rf"Verbose.* over the limit of {MAX_BODY}"):
            await w.get(Culprit).raise_verbose(MAX_BODY)


async def test_metadata_that_is_too_large_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with beside_another_call(tmp_path) as w:
        with pytest.raises(BadArguments, match="metadata"), metadata(note="x" * 2**16):
            await w.get(Culprit).well()


@pytest.mark.parametrize("mode", ["local", "codec"])
async def test_inside_one_process_nothing_has_a_size(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Culprit) as w:
        assert await w.get(Culprit).take(bytes(MAX_BODY + 1)) == MAX_BODY + 1
