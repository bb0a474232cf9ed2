"""The registry after a restart: partial until its workers are back, never empty by mistake, never going back."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import pytest

from homeport.errors import BadArguments
from homeport.model import Completeness, State
from homeport.registry.api import StartInstance, WatchRequest
from homeport.registry.server import DeclaredService
from tests.registry.harbour import CRASH, harbour, watch

PARTIAL, SUSPECT, COMPLETE = Completeness.PARTIAL, Completeness.SUSPECT, Completeness.COMPLETE


async def test_a_first_start_is_complete(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        assert port.registry.completeness is COMPLETE
        assert port.registry.recovery.fresh


async def test_instances_come_back_and_answers_are_partial_until_their_sessions_do(tmp_path: Path) -> None:
    alive: set[int] = set()
    async with harbour(tmp_path, alive=alive) as port:
        a, b = await port.worker("a-1", "a"), await port.worker("b-1", "b")
    async with harbour(tmp_path, alive=alive) as port:
        assert (await port.registry.resolve(["a"]))[0].completeness is PARTIAL
        assert await port.state("a@a-1") is State.READY
        for worker in (a, b):
            worker.harbour = port
            assert await worker.open()
        await port.live(0.5, a, b)
        assert (await port.registry.resolve(["a"]))[0].completeness is COMPLETE
        await a.register("a", resumed={"a": State.READY})
        assert await port.state("a@a-1") is State.READY


async def test_a_worker_that_does_not_come_back_is_gone_after_the_grace_with_a_cause(tmp_path: Path) -> None:
    async with harbour(tmp_path, knows_processes=False) as port:
        await port.worker("a-1", "a")
    async with harbour(tmp_path, knows_processes=False) as port:
        await port.live(5.5)
        assert await port.state("a@a-1") is State.READY
        assert port.registry.completeness is PARTIAL
        await port.live(0.5)
        assert await port.state("a@a-1") is None
        assert port.registry.completeness is COMPLETE
        cause = (await port.registry.why("a@a-1")).entries[-1].cause
        assert cause.what == "lease expired"
        assert "did not come back within 6.0 s of the registry's restart" in cause.evidence


async def test_a_worker_that_died_meanwhile_is_gone_at_once_with_a_cause(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.worker("a-1", "a")
    async with harbour(tmp_path) as port:  # no process is alive any more
        assert await port.registry.instances() == []
        assert "ended while the registry was down" in (await port.registry.why("a@a-1")).summary


async def test_a_worker_still_waiting_is_told_to_start_by_the_restarted_registry(tmp_path: Path) -> None:
    alive: set[int] = set()
    async with harbour(tmp_path, alive=alive) as port:
        a = await port.worker("a-1", "a", requires=("b",), ready=False)
    async with harbour(tmp_path, alive=alive) as port:
        a.harbour = port
        await a.open()
        await a.register("a", requires=("b",))
        assert await a.told() == []
        await port.worker("b-1", "b")
        assert await a.told() == [StartInstance(instance="a@a-1")]


async def test_a_watcher_of_before_the_restart_gets_a_snapshot_and_another_when_it_is_complete(tmp_path: Path) -> None:
    async with harbour(tmp_path, knows_processes=False) as port:
        await port.worker("a-1", "a")
        (item,) = await watch(port.registry, "a").news()
    async with harbour(tmp_path, knows_processes=False) as port:
        reader = watch(port.registry, "a", since=item.revision, store=item.store)
        (first,) = await reader.news()
        assert first.snapshot is not None
        assert first.completeness is PARTIAL
        await port.live(7)
        *changes, last = await reader.news()
        assert [change.instance for one in changes for change in one.changes] == [None]
        assert last.snapshot is not None
        assert last.snapshot[0].instances == ()
        assert last.completeness is COMPLETE


async def test_a_watch_that_begins_while_partial_hears_all_when_it_is_complete(tmp_path: Path) -> None:
    async with harbour(tmp_path, knows_processes=False) as port:
        await port.worker("a-1", "a")
    async with harbour(tmp_path, knows_processes=False) as port:
        reader = watch(port.registry, "a", since=port.registry.revision)
        (first,) = await reader.news()
        assert first.snapshot is None
        await port.live(7)
        assert (await reader.news())[-1].snapshot is not None


async def test_the_revision_never_goes_back_over_restarts(tmp_path: Path) -> None:
    told = 0
    for _ in range(3):
        async with harbour(tmp_path) as port:
            await port.worker("a-1", "a")
            assert port.registry.revision > told
            told = port.registry.revision


async def test_a_client_that_has_seen_a_higher_revision_makes_the_registry_jump_and_gets_a_snapshot(
    tmp_path: Path,
) -> None:
    async with harbour(tmp_path) as port:
        await port.worker("a-1", "a")
        request = WatchRequest(services=("a",), from_revision=5_000)
        async with aclosing(port.registry.watch(request)) as items:
            item = await anext(items)
        assert item.snapshot is not None
        assert item.revision > 5_000
        assert port.registry.revision > 5_000


async def test_a_worker_that_has_seen_more_makes_the_registry_jump_too(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        store = (await port.registry.resolve(["a"]))[0]
        assert store.revision < 900
        await worker.open(revision=900)
        assert port.registry.revision > 900
        assert await port.state("a@a-1") is State.READY


async def test_a_revision_of_another_store_says_nothing_here(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        (item,) = await watch(port.registry, "a", since=900, store="another").news()
        assert item.snapshot is not None
        assert port.registry.revision < 900


async def test_a_revision_out_of_all_bounds_is_refused(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        for absurd in (-1, 2**40, 2**53):
            with pytest.raises(BadArguments, match="revision:"):
                await watch(port.registry, "a", since=absurd).news()


async def test_what_was_asked_for_is_kept_over_restarts_and_told_to_the_node(tmp_path: Path) -> None:
    app = [DeclaredService(name="a", replicas=2), DeclaredService(name="b")]
    async with harbour(tmp_path) as port:
        port.registry.declare(app)
        told: list[tuple[str, int]] = []
        port.registry.on_wanted(lambda service, replicas: told.append((service, replicas)))
        assert port.registry.wanted() == {"a": 2, "b": 1}
        done = await port.registry.set_wanted("a", 5, CRASH)
        assert done.durability.value == "synced"
        assert told == [("a", 5)]
    async with harbour(tmp_path) as port:
        port.registry.declare(app)
        assert port.registry.wanted() == {"a": 5, "b": 1}


async def test_when_most_workers_fall_silent_together_answers_are_suspect_and_nobody_is_gone(tmp_path: Path) -> None:
    async with harbour(tmp_path, knows_processes=False) as port:
        fleet = [await port.worker(f"w{number}", f"s{number}") for number in range(8)]
        await port.live(5, *fleet)
        reader = watch(port.registry, "s0")
        await reader.news()
        await port.live(3.5)
        assert port.registry.completeness is SUSPECT
        assert len(await port.registry.instances()) == 8
        (item,) = await watch(port.registry, "s0").news()
        assert item.completeness is SUSPECT
        await port.live(1, *fleet)
        assert port.registry.completeness is COMPLETE
        assert await reader.news() == []
        await port.live(20, *fleet[1:])
        assert len(await port.registry.instances()) == 7


async def test_a_fleet_that_is_really_dead_is_gone_in_the_end(tmp_path: Path) -> None:
    async with harbour(tmp_path, knows_processes=False) as port:
        for number in range(8):
            await port.worker(f"w{number}", f"s{number}")
        await port.live(8)
        assert await port.registry.instances() == []
        assert port.registry.completeness is COMPLETE


async def test_the_story_survives_a_restart(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.worker("a-1", "a")
        await port.registry.worker_gone("a-1", CRASH)
        before = await port.registry.why("a@a-1")
    async with harbour(tmp_path) as port:
        assert await port.registry.why("a@a-1") == before


async def test_damage_is_reported_and_answers_are_partial_for_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with harbour(tmp_path) as port:
        port.registry.declare([DeclaredService(name="a")])
        await port.registry.set_wanted("a", 3, CRASH)
    (tmp_path / "journal.db").write_bytes(b"")
    async with harbour(tmp_path) as port:
        assert port.registry.recovery.lost
        assert port.registry.completeness is PARTIAL
        assert any(record.message == "registry.opened" and record.levelname == "ERROR" for record in caplog.records)
        await port.live(6.5)
        assert port.registry.completeness is COMPLETE


async def test_a_partial_answer_names_those_that_are_known_to_be_gone(tmp_path: Path) -> None:
    alive: set[int] = set()
    async with harbour(tmp_path, alive=alive) as port:
        a = await port.worker("a-1", "a")
        await port.worker("b-1", "b")
        (item,) = await watch(port.registry, "a").news()
    alive.discard(a.pid)
    async with harbour(tmp_path, alive=alive) as port:
        (first,) = await watch(port.registry, "a", since=item.revision, store=item.store).news()
        assert first.completeness is PARTIAL
        assert [(change.instance_id, change.instance) for change in first.changes] == [("a@a-1", None)]
        assert first.changes[0].cause.what == "process exited"
        (fresh,) = await watch(port.registry, "a").news()
        assert fresh.changes == ()  # who never knew it need not forget it
