"""One run: a shop under load, blows from a seed, and what did not go as promised."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from homeport.client import Client, connect
from homeport.errors import HomeportError, UnknownService
from homeport.model import State
from homeport.node.api import NodeStatus
from homeport.nodes import read_node
from tests.chaos import plan
from tests.chaos.plan import FRONT, KILL, KINDS, NODE, ORPHAN, PAUSE, WORKER, Blow, blows
from tests.chaos.shop import Shop
from tests.chaos.traffic import Account, traffic
from tests.chaos.verdict import Call, Struck, verdict

READY_WITHIN = 25.0  # seconds, on a machine with other things to do
SHOPPERS, PROGRAMS = 3, 2

Say = Callable[[str], None]


class Report(msgspec.Struct):
    """What a run came to."""

    calls: list[Call]
    struck: list[Struck]
    broken: list[str]
    gone: int = 0  # instances that disappeared

    def __str__(self) -> str:
        failed = sum(bool(call.error) for call in self.calls)
        slowest = max((one.well - one.at for one in self.struck), default=0.0)
        return (
            f"{len(self.calls)} calls, {failed} of them failed as they may; {len(self.struck)} blows, all well again "
            f"within {slowest:.1f} s; {self.gone} instances disappeared, each with its cause"
        )


class Onlooker:
    """Remembers every instance it has ever been told of."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.known: set[str] = set()

    async def look(self) -> None:
        while True:
            try:
                self.known |= {one.id for one in await self._client.registry.instances()}
            except HomeportError:
                pass  # the node process is away
            await asyncio.sleep(0.1)

    async def unexplained(self) -> tuple[int, list[str]]:
        """How many have disappeared, and those of them that have no cause."""
        here = {one.id for one in await self._client.registry.instances()}
        missing = sorted(self.known - here)
        return len(missing), [f"{name} disappeared without a cause" for name in missing if not await self._told(name)]

    async def _told(self, name: str) -> bool:
        try:
            last = (await self._client.registry.why(name)).entries[-1]
        except UnknownService:
            return False
        return last.event == "gone" and bool(last.cause.what) and bool(last.cause.actor)


async def chaos(
    scratch: Path,
    seed: int,
    *,
    count: int | None = None,
    seconds: float = 60.0,
    kinds: Sequence[tuple[str, str]] = KINDS,
    say: Say = print,
) -> Report:
    """Deal ``count`` blows, or as many as ``seconds`` take."""
    shop = Shop(scratch)
    try:
        await asyncio.to_thread(shop.start)
        dealt = blows(seed, shop.workers(), kinds)
        report = await _under_load(shop, islice(dealt, count) if count else _for(seconds, dealt), say)
        await asyncio.to_thread(shop.stop)
        left = shop.left_behind()
        report.broken += [f"process {pid} was left behind" for pid in left]
        return report
    finally:
        shop.clear()


def _for(seconds: float, dealt: Iterator[Blow]) -> Iterator[Blow]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield next(dealt)


async def _under_load(shop: Shop, dealt: Iterator[Blow], say: Say) -> Report:
    address = read_node(shop.data)
    assert address is not None
    struck: list[Struck] = []
    broken: list[str] = []
    async with connect(address.endpoint, name="chaos", follow_all=True) as client:
        onlooker = Onlooker(client)
        looking = asyncio.create_task(onlooker.look(), name="chaos.onlooker")
        try:
            async with traffic(address.url, client, SHOPPERS, PROGRAMS) as account:
                for blow in dealt:
                    await asyncio.sleep(blow.calm)
                    say(str(blow))
                    one, trouble = await _strike(shop, client, blow)
                    struck.append(one)
                    broken += trouble
                    say(f"  well again after {one.well - one.at:.2f} s; {_count(account)}")
                    if trouble:
                        break
                await asyncio.sleep(0.5)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        gone, unexplained = await onlooker.unexplained()
    return Report(account.calls, struck, broken + unexplained + verdict(account.calls, struck), gone)


def _count(account: Account) -> str:
    return f"{len(account.calls)} calls, {sum(bool(call.error) for call in account.calls)} failed"


async def _strike(shop: Shop, client: Client, blow: Blow) -> tuple[Struck, list[str]]:
    before = shop.pids()
    blow = _aimed(blow, before)
    at, wall = time.monotonic(), time.time()
    await _carry_out(shop, client, blow, before)
    over = time.monotonic()
    if blow.takes_node:
        await asyncio.to_thread(shop.start)
    well = await _well_again(shop, client, blow, set(before.values()))
    after = shop.pids()
    trouble = [] if well else [f"{blow}: not well again within {READY_WITHIN:g} s: {await _status(client)}"]
    others = [name for name in before if not blow.may_end(name) and before[name] != after.get(name)]
    if blow.action == PAUSE and blow.of == WORKER and not await _told_unhealthy(client, blow.service, wall):
        trouble.append(f"{blow}: nobody said that its instances were unhealthy")
    if others:
        trouble.append(f"{blow}: it took {', '.join(others)} with it")
    return Struck(blow=blow, at=at, over=over, well=time.monotonic()), trouble


def _aimed(blow: Blow, pids: dict[str, int]) -> Blow:
    """At the worker that hosts the service now: a rollout gives its successor another name."""
    if blow.target in pids:
        return blow
    hosting = sorted(name for name in pids if name.rpartition("-")[0] == blow.service)
    return msgspec.structs.replace(blow, target=hosting[0])


async def _carry_out(shop: Shop, client: Client, blow: Blow, pids: dict[str, int]) -> None:
    """Strike; returns when what was struck may live again."""
    pid = pids[blow.target]
    match blow.action:
        case plan.PAUSE:
            os.kill(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(blow.seconds)
            finally:
                os.kill(pid, signal.SIGCONT)
        case plan.ORPHAN:
            os.kill(pids[NODE], signal.SIGKILL)
            await asyncio.sleep(blow.seconds / 10)
            os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(blow.seconds)
        case plan.ROLL:
            await client.node.restart(blow.service, 1, 0.5, "chaos")
            await asyncio.sleep(blow.seconds)
            os.kill(pids[NODE], signal.SIGKILL)
        case _:
            os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(blow.seconds)


async def _well_again(shop: Shop, client: Client, blow: Blow, before: set[int]) -> bool:
    end = time.monotonic() + READY_WITHIN
    while time.monotonic() < end:
        replaced = blow.action not in (KILL, ORPHAN) or blow.replaced(shop.pids(), before)
        if replaced and await _ready(client) and (blow.of != FRONT or await asyncio.to_thread(shop.answers)):
            return True
        await asyncio.sleep(0.05)
    return False


async def _told_unhealthy(client: Client, service: str, since: float) -> bool:
    entries = (await client.registry.why(service)).entries
    return any(entry.event.endswith("→ unhealthy") and entry.cause.at >= since for entry in entries)


async def _ready(client: Client) -> bool:
    try:
        async with asyncio.timeout(5):
            status = await client.node.status()
            instances = await client.registry.instances()
            rollout = await client.node.rollout()
    except (HomeportError, TimeoutError):
        return False
    rolling = rollout is not None and not rollout.over
    return status.ready and not rolling and all(one.state is State.READY for one in instances)


async def _status(client: Client) -> NodeStatus | str:
    try:
        async with asyncio.timeout(5):
            return await client.node.status()
    except (HomeportError, TimeoutError) as error:
        return str(error)
