"""The registry as workers know it: sessions, registrations, readiness, commands, deaths."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from homeport.contracts.api import Contract, MethodContract
from homeport.errors import BadArguments
from homeport.model import Cause, Dependency, State
from homeport.registry.api import DrainInstance, DrainWorker, Heartbeat, OpenSession, StartInstance
from homeport.registry.server import DeclaredService
from homeport.registry.sessions import UnknownSession
from tests.registry.harbour import CRASH, harbour, settled, watch

DRAIN = Cause(what="scaled down", actor="homeport scale")


async def test_a_registration_is_answered_with_where_the_dependencies_are_and_what_is_missing(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        ledger = await port.worker("ledger-1", "ledger")
        port.registry.declare([DeclaredService(name="mail")])
        payment = await port.worker("payment-1")
        reply = await payment.register("payment", requires=("ledger", "mail", "ledgers"))
        found = {answer.service: [one.id for one in answer.instances] for answer in reply.dependencies}
        assert found == {"ledger": [ledger.id("ledger")], "ledgers": [], "mail": []}
        assert reply.missing == ("ledgers", "mail")
        assert reply.near == {"ledgers": ("ledger",)}
        assert reply.revision == port.registry.revision


async def test_the_discovery_sequence_is_visible_step_for_step(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "homeport")
    async with harbour(tmp_path) as port:
        ledger = await port.worker("ledger-1", "ledger", ready=False)
        await settled()
        await port.worker("payment-1", "payment", requires=("ledger",), ready=False)
        await settled()
        await ledger.report("ledger", State.READY)
        await settled()
    steps = [record.message for record in caplog.records if record.message.startswith(("discovery.", "registry.up"))]
    again = steps[steps.index("discovery.register", 1) :]
    assert again == [
        "discovery.register",
        "discovery.discover",
        "discovery.query",
        "discovery.answer",
        "registry.updated",
        "discovery.waiting",
        "discovery.ready",
    ]


async def test_an_instance_is_told_to_start_when_its_dependencies_are_ready_and_shows_what_it_waits_for(
    tmp_path: Path,
) -> None:
    async with harbour(tmp_path) as port:
        payment = await port.worker("payment-1", "payment", requires=("ledger",), ready=False)
        assert await payment.told() == []
        waiting = await port.instance("payment@payment-1")
        assert waiting is not None
        assert (waiting.state, waiting.waiting_for) == (State.WAITING, ("ledger",))
        ledger = await port.worker("ledger-1", "ledger", ready=False)
        assert await ledger.told() == [StartInstance(instance="ledger@ledger-1")]
        assert await payment.told() == []
        await ledger.report("ledger", State.READY)
        assert await payment.told() == [StartInstance(instance="payment@payment-1")]
        waiting = await port.instance("payment@payment-1")
        assert waiting is not None
        assert waiting.waiting_for == ()


async def test_idle_counts_as_ready_and_a_cycle_is_not_waited_for(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        port.registry.declare(
            [
                DeclaredService(name="reports", replicas=0),
                DeclaredService(name="a", requires=(Dependency(service="b"),)),
                DeclaredService(name="b", requires=(Dependency(service="a"),)),
            ]
        )
        first = await port.worker("a-1", "a", requires=("b", "reports"), ready=False)
        assert await first.told() == [StartInstance(instance="a@a-1")]


async def test_scaling_a_dependency_to_zero_lets_those_start_that_waited_for_it(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        port.registry.declare([DeclaredService(name="reports")])
        worker = await port.worker("a-1", "a", requires=("reports",), ready=False)
        assert await worker.told() == []
        await port.registry.set_wanted("reports", 0, DRAIN)
        assert await worker.told() == [StartInstance(instance="a@a-1")]


async def test_a_dependency_lost_later_does_not_unready_its_callers(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.worker("ledger-1", "ledger")
        await port.worker("payment-1", "payment", requires=("ledger",))
        await port.registry.worker_gone("ledger-1", CRASH)
        await settled()
        assert await port.state("payment@payment-1") is State.READY


async def test_a_start_is_told_once_on_a_stream_and_again_only_on_a_new_one(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a", ready=False)
        commands = worker.commands()
        assert await commands.news() == [StartInstance(instance="a@a-1")]
        await port.worker("b-1", "b")
        assert await commands.news() == []
        assert await worker.told() == [StartInstance(instance="a@a-1")]
        assert await commands.news() == []
        assert commands.ended  # the new stream ended the old one
        await worker.report("a", State.READY)
        assert await worker.told() == []


async def test_commands_of_the_node_reach_the_worker_until_they_are_carried_out(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        drain = DrainInstance(instance="a@a-1", cause=DRAIN)
        assert port.registry.send("a-1", drain)
        assert port.registry.send("a-1", DrainWorker(cause=DRAIN))
        assert not port.registry.send("nobody", drain)
        assert await worker.told() == [drain, DrainWorker(cause=DRAIN)]
        await worker.registry.deregister(worker.session, "a@a-1", DRAIN)
        assert await worker.told() == [DrainWorker(cause=DRAIN)]
        commands = worker.commands()
        await commands.news()
        await worker.registry.close_session(worker.session, DRAIN)
        assert await commands.news() == []
        assert commands.ended


async def test_one_session_keeps_all_instances_of_a_worker_alive(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("all-1", "a", "b", "c")
        before = port.registry.revision
        await port.live(30, worker)
        assert len(await port.registry.instances()) == 3
        assert port.registry.revision == before  # heartbeats take no revision
        port.alive.clear()
        await port.live(4)
        assert await port.registry.instances() == []


async def test_the_silence_of_a_living_process_makes_its_instances_unhealthy_and_not_gone(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await worker.beat(lag=2.5)
        await port.live(4)
        instance = await port.instance("a@a-1")
        assert instance is not None
        assert instance.state is State.UNHEALTHY
        assert instance.cause is not None
        assert instance.cause.what == "lease expired"
        assert "3.0 s of silence" in instance.cause.evidence
        assert "2.5 s behind" in instance.cause.evidence
        assert not await worker.beat()
        assert await worker.open()  # resumed
        await worker.register("a", resumed={"a": State.READY})
        assert await port.state("a@a-1") is State.READY
        await port.live(10, worker)
        assert await port.state("a@a-1") is State.READY


async def test_a_silent_process_that_ends_after_all_takes_its_instances_with_it(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await port.live(4)
        port.alive.discard(worker.pid)
        await port.live(1)
        assert await port.registry.instances() == []
        assert (await port.registry.why("a@a-1")).entries[-1].cause.what == "process exited"


async def test_an_instance_that_waited_when_its_worker_fell_silent_waits_again_when_it_is_back(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a", requires=("b",), ready=False)
        await port.live(4)
        assert await port.state("a@a-1") is State.UNHEALTHY
        await worker.open()
        await worker.register("a", requires=("b",))
        await port.worker("b-1", "b")
        assert await worker.told() == [StartInstance(instance="a@a-1")]


async def test_a_stalled_registry_expires_nobody(tmp_path: Path) -> None:
    async with harbour(tmp_path, knows_processes=False) as port:
        worker = await port.worker("a-1", "a")
        port.clock.jump(3600)
        await settled()
        assert await port.state("a@a-1") is State.READY
        await port.live(10, worker)
        assert await port.state("a@a-1") is State.READY


async def test_a_changed_wall_clock_expires_nobody(tmp_path: Path) -> None:
    async with harbour(tmp_path, knows_processes=False) as port:
        worker = await port.worker("a-1", "a")
        port.clock.set_wall(4_000_000_000)
        await port.live(5, worker)
        assert await port.state("a@a-1") is State.READY


async def test_registering_again_changes_nothing(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        before, instance = port.registry.revision, await port.instance("a@a-1")
        assert await worker.open()
        await worker.register("a", resumed={"a": State.READY})
        assert port.registry.revision == before
        assert await port.instance("a@a-1") == instance


async def test_an_id_that_another_living_worker_has_is_refused(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.worker("a-1", "a")
        impostor = await port.worker("a-1", ready=False)
        with pytest.raises(BadArguments, match="taken by worker a-1"):
            await impostor.register("a")


async def test_a_worker_that_the_registry_does_not_know_is_told_to_open_its_session(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await port.registry.worker_gone("a-1", CRASH)
        with pytest.raises(UnknownSession, match="open it and register again"):
            await worker.register("a")
        with pytest.raises(UnknownSession):
            await worker.report("a", State.READY)
        with pytest.raises(UnknownSession):
            await worker.commands().news()
        assert not (await port.registry.heartbeat(Heartbeat(session=worker.session))).known
        await port.registry.close_session(worker.session, DRAIN)  # nothing to do


async def test_a_report_of_the_same_again_takes_no_revision(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await worker.report("a", State.UNHEALTHY, "health() says: disk full")
        before = port.registry.revision
        await worker.report("a", State.UNHEALTHY, "health() says: disk full")
        assert port.registry.revision == before
        await worker.report("a", State.UNHEALTHY, "health() says: no memory")
        assert port.registry.revision == before + 1


async def test_what_drains_does_not_become_ready_again(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        await worker.report("a", State.DRAINING)
        with pytest.raises(BadArguments, match="draining and cannot become ready"):
            await worker.report("a", State.READY)


async def test_contracts_are_kept_while_used_and_the_last_of_a_service_for_ever(tmp_path: Path) -> None:
    def contract(fingerprint: str) -> Contract:
        return Contract(service="a", methods=(MethodContract(name="do"),), fingerprint=fingerprint)

    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", ready=False)
        await worker.register("a", contracts=(contract("old"),))
        assert await port.registry.contract("old") == contract("old")
        await worker.register("a", contracts=(contract("new"),))
        await port.live(61, worker)
        assert await port.registry.contract("old") is None
        await port.registry.worker_gone("a-1", CRASH)
        await port.live(61)
        assert await port.registry.contract("new") == contract("new")


async def test_a_client_that_hosts_nothing_has_a_session_too_and_leaves_no_trace(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        reader = watch(port.registry)
        await reader.news()
        await port.registry.open_session(OpenSession(session="script", kind="client"))
        assert (await port.registry.heartbeat(Heartbeat(session="script"))).known
        await port.live(5)
        assert not (await port.registry.heartbeat(Heartbeat(session="script"))).known
        assert await reader.news() == []


async def test_thousands_of_instances_of_one_worker_go_with_it_each_told_once(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("big", ready=False)
        for batch in range(5):
            await worker.register(*(f"s{batch}_{number}" for number in range(1000)))
        gone: list[str] = []
        port.registry.on_change(lambda change: gone.append(change.instance_id) if change.instance is None else None)
        await port.registry.worker_gone("big", CRASH)
        assert len(gone) == len(set(gone)) == 5000


@pytest.mark.parametrize("ttl", [0.0, -1.0, float("nan"), float("inf"), 1e9])
async def test_a_lease_of_no_sensible_length_is_refused(tmp_path: Path, ttl: float) -> None:
    async with harbour(tmp_path) as port:
        with pytest.raises(BadArguments, match="ttl:"):
            await port.registry.open_session(OpenSession(session="s", ttl=ttl))


async def test_a_failing_caller_sees_its_own_error_and_no_group(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with harbour(tmp_path):
            raise KeyError("mine")
