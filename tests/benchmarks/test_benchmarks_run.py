"""Every benchmark runs from end to end; how fast is not what is asked here."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from benchmarks import (
    artefact,
    boutique,
    check,
    codebases,
    death,
    local,
    registry,
    rollout,
    rpc,
    scan,
    slow_replica,
    start,
    storm,
)
from benchmarks.apps.echo.load import closed_loop
from benchmarks.apps.echo.orders import ORDER, receipt_for
from benchmarks.harness import synthetic
from benchmarks.harness.results import Report
from homeport.build import application


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
    ways = {f"call by handle inside the worker, {whose}" for whose in local.DEADLINES}
    assert {"bare await of the method"} | ways <= set(found)


async def test_the_registry_is_measured() -> None:
    size = registry.Size(sessions=2, instances=6, watchers=3, changes=4, idle=0.05)
    with registry.started(size) as node:
        found = await registry.measure(node, size)
    assert [work.count for work in found.work[:2]] == [6, 6]
    assert len(found.delays) >= 12
    assert found.bytes_per_change > 0
    assert found.bytes_elsewhere == 0
    assert registry.report(found).tables


def test_a_made_up_application_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    size = synthetic.Size(services=25, files=30, active=3)
    assert list(synthetic.application(size)) == list(synthetic.application(size))
    assert list(synthetic.application(size)) != list(synthetic.application(msgspec.structs.replace(size, seed=8)))


def test_a_made_up_application_has_its_services_and_nothing_to_complain_of(tmp_path: Path) -> None:
    size = synthetic.Size(services=45, files=60, active=4)
    synthetic.write(size, tmp_path)
    plan = application.scan(".", tmp_path)
    assert [finding for finding in plan.findings if finding.severity != "note"] == []
    assert [service.name for service in plan.services] == sorted(synthetic.names(size))
    assert sum(service.replicas for service in plan.services) == 4
    assert sum(len(service.dependencies) for service in plan.services) > 30


def test_scans_are_measured() -> None:
    report = scan.run(synthetic.Size(services=3, files=9), rounds=1)
    assert len(rows(report)) == len(scan.WAYS)
    assert all(bar.met is not None for bar in report.bars)


def test_what_is_found_where_nothing_is_counts_as_false() -> None:
    found = [
        ["error", "HP110", ".", 1, "no service"],
        ["error", "HP100", "a.py", 3, "wrong"],
        ["note", "", "b.py", 1, ""],
    ]
    one = {"scan": {"services": ["shop"], "findings": found}, "parse": {"refused": []}}
    assert codebases.false_findings(one) == ["service shop", "a.py:3: HP100 wrong"]
    one["parse"]["refused"] = ["a.py"]
    assert codebases.false_findings(one) == ["service shop"]


def test_the_start_of_a_worker_is_measured() -> None:
    report = start.run(12, 6, rounds=1, runs=0)
    assert [one.case.way for one in report.raw["samples"]] == [start.BUILT, start.BUILT, start.REFLECTED]


def test_a_check_is_measured() -> None:
    assert set(rows(check.run(rounds=1))) == set(check.WAYS)


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_built_file_is_measured() -> None:
    report = artefact.run(rounds=1, cold_rounds=1, binary=False)
    assert set(rows(report)) == {artefact.ENVIRONMENT, artefact.FILE}
    assert len(report.raw) == 6
    assert all(bar.met is not None for bar in report.bars)


@pytest.mark.long
def test_the_start_of_a_node_with_idle_services_is_measured() -> None:
    report = start.run(12, 6, rounds=1, runs=1)
    assert [one.services for one in report.raw["runs"]] == [12, 6]


@pytest.mark.long
def test_the_boutique_is_measured() -> None:
    report = boutique.run(users=1, seconds=0.2, rounds=1)
    assert {one.layout for one in report.raw} == set(boutique.LAYOUTS)
    assert all(one.load["failed"] == 0 for one in report.raw)


@pytest.mark.long
def test_the_death_of_an_instance_is_measured() -> None:
    report = death.run([death.Load(callers=6, rate=100, kills=1)], pauses=1, paused_at=6)
    [kill], [pause] = report.raw["kills"][6], report.raw["pauses"]
    assert len(kill.times) == 6
    assert kill.calls[death.IDEMPOTENT].failed == {}
    assert len(pause.with_calls) + len(pause.without) == 6
    assert pause.unhealthy is not None


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_slow_replica_is_measured_whoever_chooses() -> None:
    size = slow_replica.Size(copies=3, rate=100, seconds=3, slow=2)
    report = slow_replica.run(size)
    by_choice = {one.case.choice: one for one in report.raw if not one.case.adaptive}
    assert by_choice["round robin"].in_time < 0.9
    assert by_choice[""].in_time > by_choice["round robin"].in_time


@pytest.mark.long
def test_a_storm_is_measured() -> None:
    report = storm.run(rate=100, seconds=1, newcomers=3)
    before, during, _ = report.raw["phases"]
    assert before.attempts == before.calls == 50
    assert during.attempts > during.calls == 100
    assert len(report.raw["newcomers"]) == 3
    assert [bar.met for bar in report.bars] == [None]


@pytest.mark.long
@pytest.mark.timeout(240)  # a deploy replaces one instance after the other
def test_restarts_deploys_and_the_death_of_the_node_are_measured() -> None:
    report = rollout.run(users=1, soak=0.2, services=["ad"])
    assert len(report.raw) == 3
    assert all(one.counts.requests and one.counts.calls for one in report.raw)
