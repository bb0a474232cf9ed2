"""The curve nobody publishes: from the death of an instance under load to the moment the last caller stopped using it.

Every caller has a client of its own, so a view and an ejector of its own. Killed with ``kill -9``, and paused with
``SIGSTOP``, by this process; the callers are in up to four others.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from statistics import median
from time import perf_counter

import msgspec

import homeport
from benchmarks.harness import machine, nodes
from benchmarks.harness.callers import Callers, Calls, calling
from benchmarks.harness.figures import percentile
from benchmarks.harness.results import Bar, Report, Table, at_most, parser, publish
from homeport.model import Instance, State

SERVICE, COPIES = "depot", 4
HOLDS = 0.02  # seconds an instance takes over a call, so that there are calls in flight when it ends
CALLS = {"depot.look": [HOLDS], "depot.book": [HOLDS]}
IDEMPOTENT, OTHER = CALLS
SETTLE = 1.0  # seconds of load before and after
LEASE = 3.0  # seconds, the default
PAUSE = LEASE + 1.5
PATIENCE = 30.0  # seconds for all copies to be back


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    callers: int
    times: list[float]  # seconds from the kill to each caller's stopping, sorted
    still: int  # callers that went on using it
    calls: dict[str, Calls]


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    callers: int
    with_calls: list[float]  # seconds from the oldest unanswered call, or from the pause, to the ejection; sorted
    without: list[float]  # from the pause, of callers with no call there
    still: int
    unhealthy: float | None  # seconds from the pause to the registry's saying so
    calls: dict[str, Calls]


class Load(msgspec.Struct, frozen=True, kw_only=True):
    callers: int
    rate: float  # calls a second, of all callers together
    kills: int


async def ready(hp: homeport.client.Client) -> list[Instance]:
    """All copies, once they are ready."""
    until = perf_counter() + PATIENCE
    while True:
        found = [one for one in await hp.instances(SERVICE) if one.state is State.READY]
        if len(found) == COPIES:
            return found
        if perf_counter() > until:
            raise RuntimeError(f"only {len(found)} of {COPIES} instances are ready after {PATIENCE:g} s")
        await asyncio.sleep(0.1)


def briefly(calls: dict[str, Calls]) -> dict[str, Calls]:
    """Without the single times, which nobody asks for here."""
    return {name: msgspec.structs.replace(one, seconds=[]) for name, one in calls.items()}


async def kill(hp: homeport.client.Client, callers: Callers, load: Load) -> Kill:
    victim = min(await ready(hp), key=lambda one: one.since)  # the oldest, so none is killed twice in a row
    callers.load(load.rate, CALLS)
    await asyncio.sleep(SETTLE)
    callers.watch(victim.id)
    began = perf_counter()
    os.kill(victim.pid, signal.SIGKILL)
    await asyncio.sleep(SETTLE)
    told = callers.told()
    times = sorted(one.at - began for one in told if one is not None)
    return Kill(callers=load.callers, times=times, still=told.count(None), calls=briefly(callers.finish()))


async def pause(hp: homeport.client.Client, callers: Callers, load: Load) -> Pause:
    victim = min(await ready(hp), key=lambda one: one.since)
    callers.load(load.rate, CALLS)
    await asyncio.sleep(SETTLE)
    callers.watch(victim.id)
    watching = asyncio.create_task(told_unhealthy(hp, victim.id), name="death.watch")
    await asyncio.sleep(0.1)  # the watch has begun
    began = perf_counter()
    os.kill(victim.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(PAUSE)
        told = callers.told()
    finally:
        os.kill(victim.pid, signal.SIGCONT)
    unhealthy = watching.result() - began if watching.done() else None
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    calls = briefly(callers.finish())
    stopped = [one for one in told if one is not None]
    return Pause(
        callers=load.callers,
        with_calls=sorted(one.at - max(began, one.since) for one in stopped if one.since is not None),
        without=sorted(one.at - began for one in stopped if one.since is None),
        still=told.count(None),
        unhealthy=unhealthy,
        calls=calls,
    )


async def told_unhealthy(hp: homeport.client.Client, instance: str) -> float:
    async for change in hp.watch(SERVICE):
        if change.instance_id == instance and change.instance and change.instance.state is State.UNHEALTHY:
            return perf_counter()
    raise RuntimeError("the watch has ended")


async def measure(node: nodes.RunningNode, load: Load, pauses: int) -> tuple[list[Kill], list[Pause]]:
    """The callers stay the same throughout; what they have learnt of one death must not help at the next."""
    async with homeport.connect(node.folder, name="benchmark") as hp:
        await ready(hp)
        with calling(node.folder, load.callers, service=SERVICE) as callers:
            kills = []
            for number in range(load.kills):
                kills.append(await kill(hp, callers, load))
                print(f"{load.callers} callers, kill {number + 1}: {told(kills[-1].times)}", file=sys.stderr)
            paused = []
            for _ in range(pauses):
                paused.append(await pause(hp, callers, load))
                print(f"{load.callers} callers, pause: {told(paused[-1].with_calls)}", file=sys.stderr)
            return kills, paused


def told(times: list[float]) -> str:
    return f"last caller after {times[-1] * 1000:.1f} ms" if times else "no caller stopped"


def run(loads: list[Load], pauses: int, paused_at: int) -> Report:
    machine.allow_connections(COPIES * max(load.callers for load in loads))
    kills: dict[int, list[Kill]] = {}
    paused: list[Pause] = []
    for load in loads:
        settings = [f"services.{SERVICE}.replicas={COPIES}", "services.errands.replicas=0"]
        with nodes.running("benchmarks/apps/depot", settings=settings) as node:
            found = asyncio.run(measure(node, load, pauses if load.callers == paused_at else 0))
        kills[load.callers] = found[0]
        paused += found[1]
    return Report(
        name="death",
        title="The death of an instance",
        tables=[killed(kills), *([stopped(paused)] if paused else []), lost(kills, paused)],
        bars=[*bars(kills), *pause_bars(paused)],
        notes=[
            f"{COPIES} instances, each in a worker; {loads[0].rate:,.0f} calls a second of all callers together, half "
            f"of them of an idempotent method; each takes {HOLDS * 1000:g} ms. Nothing is pinned: instances, callers "
            "and node share the cores.",
            "A caller has stopped when its balancer would not choose the instance any more: seen in the callers' own "
            "processes, whether they had a call there or not. From before the signal is sent.",
            "Not idempotent: a call that was under way when the instance was killed may have been carried out, so its "
            "caller is told (`ConnectionLost`); one that was certainly not started went elsewhere.",
            f"Paused: `SIGSTOP` for {PAUSE:g} s, more than the lease of {LEASE:g} s, then `SIGCONT`. A caller with a "
            "call there is measured from when that was sent, or from the pause if that came later; one without calls "
            "learns from the registry.",
        ],
        raw={"kills": kills, "pauses": paused},
    )


def milliseconds(times: list[float]) -> tuple[str, str, str]:
    if not times:
        return "–", "–", "–"
    p50, p99, most = (f"{percentile(times, rank) * 1000:.1f}" for rank in (50, 99, 100))
    return p50, p99, most


def killed(kills: dict[int, list[Kill]]) -> Table:
    rows = []
    for count, of in kills.items():
        times = sorted(time for one in of for time in one.times)
        last = median(one.times[-1] for one in of if one.times) * 1000
        rows.append(
            (f"{count:,}", str(len(of)), *milliseconds(times), f"{last:.1f}", str(sum(one.still for one in of)))
        )
    columns = ("callers", "kills", "p50 ms", "p99 ms", "max ms", "last caller, median kill, ms", "never stopped")
    return Table(columns, rows, "Killed: to a caller's stopping to use it")


def lost(kills: dict[int, list[Kill]], paused: list[Pause]) -> Table:
    cases: dict[str, Sequence[Kill | Pause]] = {f"{count:,} callers, killed": of for count, of in kills.items()}
    if paused:
        cases[f"{paused[0].callers:,} callers, paused"] = paused
    rows = []
    for case, of in cases.items():
        made = sum(one.calls for ending in of for one in ending.calls.values())
        rows.append((case, f"{made:,}", *(failures(of, method) for method in (IDEMPOTENT, OTHER))))
    return Table(("case", "calls", "failed, idempotent", "failed, others"), rows, "Failed calls, by kind")


def failures(of: Sequence[Kill | Pause], method: str) -> str:
    kinds: dict[str, int] = {}
    for one in of:
        for kind, number in one.calls[method].failed.items():
            kinds[kind] = kinds.get(kind, 0) + number
    return ", ".join(f"{number} × {kind}" for kind, number in kinds.items()) or "0"


def stopped(paused: list[Pause]) -> Table:
    with_calls = sorted(time for one in paused for time in one.with_calls)
    without = sorted(time for one in paused for time in one.without)
    unhealthy = sorted(one.unhealthy for one in paused if one.unhealthy is not None)
    rows = [
        ("a caller with a call there stops", str(len(with_calls)), *milliseconds(with_calls)),
        ("a caller with none stops", str(len(without)), *milliseconds(without)),
        ("the registry says `unhealthy`", str(len(unhealthy)), *milliseconds(unhealthy)),
        ("never stopped", str(sum(one.still for one in paused)), "", "", ""),
    ]
    title = f"Paused, {paused[0].callers:,} callers, {len(paused)} times"
    return Table(("what", "count", "p50 ms", "p99 ms", "max ms"), rows, title)


def bars(kills: dict[int, list[Kill]]) -> list[Bar]:
    of = kills.get(100)
    last = None if of is None else max(time for one in of for time in one.times) * 1000
    if of is not None and any(one.still for one in of):
        last = float("inf")
    failed = sum(sum(one.calls[IDEMPOTENT].failed.values()) for kind in kills.values() for one in kind)
    return [
        at_most("killed, 100 callers: the last one stops, worst kill", 100, last, ".1f", " ms"),
        at_most("killed: failed idempotent calls", 0, failed, "d"),
    ]


def pause_bars(paused: list[Pause]) -> list[Bar]:
    times = [time for one in paused for time in one.with_calls]
    unhealthy = [float("inf") if one.unhealthy is None else one.unhealthy for one in paused]
    # The lease counts from the last heartbeat, so it is over before the pause is as old.
    return [
        at_most("paused: every caller with a call there has ejected it", 1.0, max(times, default=None), unit=" s"),
        at_most("paused: `unhealthy` within the lease", LEASE, max(unhealthy, default=None), unit=" s"),
    ]


def main() -> int:
    made = parser("death", __doc__)
    made.add_argument("--callers", type=int, nargs="+", default=[10, 100, 1000])
    made.add_argument("--rate", type=float, default=1000.0, help="calls a second, of all callers together")
    made.add_argument("--kills", type=int, default=5, help="for each number of callers")
    made.add_argument("--pauses", type=int, default=2)
    options = made.parse_args()
    loads = [Load(callers=count, rate=options.rate, kills=options.kills) for count in options.callers]
    paused_at = 100 if 100 in options.callers else options.callers[0]
    return publish(run(loads, options.pauses, paused_at), options)


if __name__ == "__main__":
    sys.exit(main())
