"""Every benchmark runs from end to end; how fast is not what is asked here."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from benchmarks import boutique, local, registry, rpc
from benchmarks.apps.echo.load import closed_loop
from benchmarks.apps.echo.orders import ORDER, receipt_for
from benchmarks.harness.results import Report


def rows(report: Report) -> dict[str, tuple[str, ...]]:
    return {row[0]: row for table in report.tables for row in table.rows}


def test_what_is_sent_and_answered_has_the_size_that_the_results_say() -> None:
    assert len(msgspec.msgpack.encode(ORDER)) == 99
    assert len(msgspec.msgpack.encode(receipt_for(ORDER))) == 95


async def test_a_closed_loop_keeps_so_many_calls_in_flight() -> None:
    now, most = 0, 0

    async def call() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    figures = await closed_loop(call, 7, 0.005)
    assert most == 7
    assert figures["calls"] >= 7
    assert figures["p50"] <= figures["p99"]


def test_the_calls_between_processes_are_measured() -> None:
    report = rpc.run(["homeport"], [1, 8], rounds=1, seconds=0.05)
    assert [one.in_flight for one in report.raw] == [1, 8]
    assert all(one.calls_per_second > 0 for one in report.raw)


def test_the_calls_inside_a_worker_are_measured() -> None:
    found = rows(local.run(calls=50, repeats=2))
    assert {"bare await of the method", "call by handle inside the worker"} <= set(found)


async def test_the_registry_is_measured() -> None:
    size = registry.Size(sessions=2, instances=6, watchers=3, changes=4, idle=0.05)
    with registry.started(size) as node:
        found = await registry.measure(node, size)
    assert [work.count for work in found.work[:2]] == [6, 6]
    assert len(found.delays) >= 12
    assert found.bytes_per_change > 0
    assert found.bytes_elsewhere == 0
    assert registry.report(found).tables


@pytest.mark.long
def test_the_boutique_is_measured() -> None:
    report = boutique.run(users=1, seconds=0.2, rounds=1)
    assert {one.layout for one in report.raw} == set(boutique.LAYOUTS)
    assert all(one.load["failed"] == 0 for one in report.raw)
