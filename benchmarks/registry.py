"""The registry under ten thousand instances: registrations, the way of a change, memory, and what idling costs.

A real node on one core; its workers and watchers are played by this process on the other, over real connections.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from time import perf_counter

import msgspec
import uvloop

import homeport
from benchmarks.harness import machine, nodes
from benchmarks.harness.crowd import Crowd, Member
from benchmarks.harness.figures import percentile
from benchmarks.harness.results import Report, Table, parser, publish
from benchmarks.harness.watchers import Audience
from homeport.registry.api import RegistryApi


class Size(msgspec.Struct, frozen=True, kw_only=True):
    sessions: int
    instances: int  # in all
    watchers: int
    changes: int  # that are told to the watchers, one after the other
    idle: float  # seconds


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """So many of something, and what they took of the node process."""

    what: str
    count: int
    seconds: float
    cpu_seconds: float

    @property
    def row(self) -> tuple[str, ...]:
        per_cpu_second = f"{self.count / self.cpu_seconds:,.0f}" if self.cpu_seconds else "–"
        return self.what, f"{self.count:,}", f"{self.count / self.seconds:,.0f}", per_cpu_second


class Found(msgspec.Struct, kw_only=True):
    size: Size
    work: list[Work] = []
    bytes_per_instance: float = 0.0
    bytes_per_watcher: float = 0.0
    idle_before: float = 0.0  # share of a core, with no more than one service
    idle_crowded: float = 0.0
    delays: list[float] = []  # seconds from sending a change to each watcher's having it, sorted
    bytes_per_change: float = 0.0  # on the wire, to one watcher
    bytes_elsewhere: int = 0  # to all watchers, for changes of services they do not watch


async def measure(node: nodes.RunningNode, size: Size) -> Found:
    found = Found(size=size)
    pid = node.address.pid
    async with homeport.connect(node.folder, name="benchmark") as hp:
        found.idle_before = await idle_share(pid, size.idle)
        async with Crowd.open(hp.registry, node.address.endpoint, size.sessions, size.instances) as crowd:
            before = machine.memory_bytes(pid)
            found.work += await register_all(hp.registry, crowd, pid)
            found.bytes_per_instance = (machine.memory_bytes(pid) - before) / size.instances
            found.idle_crowded = await idle_share(pid, size.idle)
            found.work.append(await register_singly(hp.registry, crowd, pid))
            await tell_changes(hp.registry, node, crowd, found)
    return found


async def register_all(registry: RegistryApi, crowd: Crowd, pid: int) -> list[Work]:
    async with working("registered, all of a session at once", crowd.size, pid) as together:
        for member in crowd.members:
            await registry.register(member.registration())
    async with working("reported ready, one by one", crowd.size, pid) as ready:
        for member in crowd.members:
            await asyncio.gather(*(registry.report(report) for report in member.ready()))
    return [*together, *ready]


async def register_singly(registry: RegistryApi, crowd: Crowd, pid: int) -> Work:
    """On top of all the others, as when one worker after the other starts."""
    newcomers = [spec for member in crowd.members for spec in member.newcomers(max(1, 2000 // len(crowd.members)))]
    async with working("registered, one at a time", len(newcomers), pid) as singly:
        for start in range(0, len(newcomers), 64):
            await asyncio.gather(*(registry.register(one) for one in newcomers[start : start + 64]))
    return singly[0]


@asynccontextmanager
async def working(what: str, count: int, pid: int) -> AsyncIterator[list[Work]]:
    done: list[Work] = []
    began, cpu = perf_counter(), machine.cpu_seconds(pid)
    yield done
    seconds, cpu_seconds = perf_counter() - began, machine.cpu_seconds(pid) - cpu
    done.append(Work(what=what, count=count, seconds=seconds, cpu_seconds=cpu_seconds))


async def idle_share(pid: int, seconds: float) -> float:
    await asyncio.sleep(min(1.0, seconds))  # what was asked before has settled
    began, cpu = perf_counter(), machine.cpu_seconds(pid)
    await asyncio.sleep(seconds)
    return (machine.cpu_seconds(pid) - cpu) / (perf_counter() - began)


async def tell_changes(registry: RegistryApi, node: nodes.RunningNode, crowd: Crowd, found: Found) -> None:
    """Everybody watches one service; its first instance becomes unhealthy and ready again, over and over."""
    member, size, pid = crowd.members[0], found.size, node.address.pid
    async with AsyncExitStack() as stack:
        before = machine.memory_bytes(pid)
        opening = Audience.open(node.address.endpoint, member.service, size.watchers)
        audience = await stack.enter_async_context(aclosing(await opening))
        await asyncio.sleep(0.5)
        found.bytes_per_watcher = (machine.memory_bytes(pid) - before) / size.watchers
        for number in range(size.changes):
            began = perf_counter()
            told = audience.next_change()
            await registry.report(member.flapped(0, number))
            arrivals = await told
            found.delays += [when - began for when in arrivals]
        found.bytes_per_change = audience.bytes / (size.watchers * size.changes)
        found.bytes_elsewhere = await elsewhere(registry, crowd.members[-1], audience, size.changes)
    found.delays.sort()


async def elsewhere(registry: RegistryApi, member: Member, audience: Audience, changes: int) -> int:
    before = audience.bytes
    for number in range(changes):
        await registry.report(member.flapped(0, number))
    await asyncio.sleep(0.5)
    return audience.bytes - before


def report(found: Found) -> Report:
    size = found.size
    p50, p99 = (percentile(found.delays, rank) * 1000 for rank in (50, 99))
    figures = [
        (f"one change to {size.watchers:,} watchers, p50", f"{p50:.1f} ms"),
        (f"one change to {size.watchers:,} watchers, p99", f"{p99:.1f} ms"),
        ("a change on the wire, per watcher", f"{found.bytes_per_change:,.0f} bytes"),
        (f"{size.changes} changes of another service, to all watchers", f"{found.bytes_elsewhere:,} bytes"),
        ("memory of the node process per instance", f"{found.bytes_per_instance:,.0f} bytes"),
        ("memory of the node process per watcher", f"{found.bytes_per_watcher:,.0f} bytes"),
        ("idle CPU of the node process, one service", f"{found.idle_before:.1%} of a core"),
        (f"idle CPU, {size.instances:,} instances with heartbeats", f"{found.idle_crowded:.1%} of a core"),
    ]
    return Report(
        name="registry",
        title=f"The registry with {size.instances:,} instances over {size.sessions:,} sessions",
        tables=[
            Table(("work", "count", "per second", "per CPU second of the node"), [work.row for work in found.work]),
            Table(("figure", "value"), figures),
        ],
        notes=[
            "The node runs as `homeport run` starts it, journal and front included; the node process has core 0 to "
            "itself. Sessions beat once a second each, with the calls in flight of every instance.",
            f"A watcher has a connection of its own; all {size.watchers:,} are in one process on core 1, so the time "
            f"to tell all of them includes its reading. {size.changes} changes, one after the other.",
        ],
        raw=found,
    )


@contextmanager
def started(size: Size) -> Iterator[nodes.RunningNode]:
    """A node whose node process has a core to itself; all else, this process too, is on the other."""
    machine.allow_connections(size.watchers)  # one for each watcher; the node inherits the limit
    running = nodes.running("benchmarks/apps/near", layout="single")
    with running as node, machine.staying_on(machine.CLIENT_CORE):
        others = [pid for pid in node.processes().values() if pid != node.address.pid]
        machine.pin([node.address.pid], machine.SERVER_CORE)
        machine.pin(others, machine.CLIENT_CORE)
        yield node


def main() -> int:
    made = parser("registry", __doc__)
    made.add_argument("--sessions", type=int, default=100)
    made.add_argument("--instances", type=int, default=10_000)
    made.add_argument("--watchers", type=int, default=1_000)
    made.add_argument("--changes", type=int, default=50)
    made.add_argument("--idle", type=float, default=10.0, help="seconds to look at the idle node")
    options = made.parse_args()
    size = Size(
        sessions=options.sessions,
        instances=options.instances,
        watchers=options.watchers,
        changes=options.changes,
        idle=options.idle,
    )
    with started(size) as node:
        found = uvloop.run(measure(node, size))
    return publish(report(found), options)


if __name__ == "__main__":
    sys.exit(main())
