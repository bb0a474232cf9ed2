"""Watching the registry: ordered, each change once, resumable, woken only by what was asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.contracts.api import Contract
from homeport.discovery.view import View
from homeport.model import Cause, State
from homeport.registry.api import OutsideInstance, WatchItem, WatchRequest
from homeport.registry.server import Registry
from tests.registry.harbour import CRASH, Harbour, harbour, settled, watch


async def test_a_watch_begins_with_a_snapshot_and_goes_on_with_changes(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        reader = watch(port.registry, "a", "unknown")
        (first,) = await reader.news()
        assert first.snapshot is not None
        assert [(one.service, one.known, len(one.instances)) for one in first.snapshot] == [
            ("a", True, 1),
            ("unknown", False, 0),
        ]
        await worker.report("a", State.UNHEALTHY, "ill")
        await settled()
        await worker.report("a", State.READY)
        items = await reader.news()
        told = [
            (change.instance.state, change.cause.what) for item in items for change in item.changes if change.instance
        ]
        assert told[-1] == (State.READY, "ready")
        await port.registry.worker_gone("a-1", CRASH)
        (last,) = await reader.news()
        assert [(change.instance_id, change.instance, change.cause.evidence) for change in last.changes] == [
            ("a@a-1", None, "exit status 1")
        ]


async def test_a_watch_resumes_after_the_revision_it_has_reached(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        (first,) = await watch(port.registry, "a").news()
        await worker.report("a", State.UNHEALTHY)
        await port.registry.worker_gone("a-1", CRASH)
        (item,) = await watch(port.registry, "a", since=first.revision, store=first.store).news()
        assert item.snapshot is None
        assert [change.instance for change in item.changes] == [None]  # coalesced to the newest
        (empty,) = await watch(port.registry, "a", since=item.revision, store=item.store).news()
        assert (empty.snapshot, empty.changes, empty.revision) == (None, (), item.revision)


async def test_only_those_are_woken_whom_it_concerns(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("all", "a", "b")
        reader, everything = watch(port.registry, "a"), watch(port.registry)
        await reader.news()
        await everything.news()
        woken = []
        (watcher,) = port.registry._ledger.watchers._of_service["a"]
        port.registry._ledger.watchers._of_service["a"] = {Spy(watcher, woken)}  # type: ignore[arg-type]
        await worker.report("b", State.UNHEALTHY)
        await worker.beat(lag=1.0)
        await port.registry.put_instance(OutsideInstance(id="x", service="legacy", endpoints=("http://x",)))
        assert woken == []
        assert await reader.news() == []
        assert len(await everything.news()) >= 1
        await worker.report("a", State.UNHEALTHY)
        assert woken == ["a"]


class Spy:
    def __init__(self, watcher: object, woken: list[str]) -> None:
        self._watcher, self._woken = watcher, woken
        self.unsure = False

    def wake(self) -> None:
        self._woken.append("a")


async def test_a_slow_watcher_is_given_the_newest_state_once(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        stream = port.registry.watch(WatchRequest(services=("a",)))
        await anext(stream)
        for number in range(500):
            await worker.report("a", State.UNHEALTHY, f"attempt {number}")
        item = await anext(stream)
        assert [change.cause.what for change in item.changes] == ["attempt 499"]
        await stream.aclose()  # type: ignore[attr-defined]


async def test_a_thousand_watchers_that_are_equally_far_are_given_one_answer(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        streams = [port.registry.watch(WatchRequest(services=("a",))) for _ in range(1000)]
        for stream in streams:
            await anext(stream)
        waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]  # type: ignore[arg-type]
        await settled()
        await worker.report("a", State.UNHEALTHY)
        items = await asyncio.gather(*waiting)
        assert len(set(map(id, items))) == 1
        assert [change.instance_id for change in items[0].changes] == ["a@a-1"]
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]


async def test_contracts_come_once_per_watch(tmp_path: Path) -> None:
    contract = Contract(service="a", fingerprint="f1")
    async with harbour(tmp_path) as port:
        reader = watch(port.registry, "a")
        await reader.news()
        worker = await port.worker("a-1", ready=False)
        await worker.register("a", contracts=(contract,))
        (item,) = await reader.news()
        assert item.contracts == (contract,)
        await worker.report("a", State.READY)
        assert [item.contracts for item in await reader.news()] == [()]
        (fresh,) = await watch(port.registry, "a").news()
        assert fresh.snapshot is not None
        assert fresh.snapshot[0].contracts == (contract,)


async def test_a_watcher_that_leaves_is_forgotten(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        readers = [watch(port.registry, "a", "b"), watch(port.registry)]
        for reader in readers:
            await reader.news()
        assert len(port.registry._ledger.watchers) == 2
        for reader in readers:
            await reader.close()
        assert len(port.registry._ledger.watchers) == 0
        assert port.registry._ledger.watchers._of_service == {}


async def test_a_callback_that_fails_does_not_keep_others_from_hearing(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        heard: list[int] = []
        port.registry.on_change(lambda change: 1 // 0)
        port.registry.on_change(lambda change: heard.append(change.revision))
        await port.worker("a-1", "a")
        assert heard == sorted(set(heard)) != []


SERVICES = ["a", "b", "c"]
STEP = st.tuples(
    st.sampled_from(["ready", "unhealthy", "crash", "register", "look", "leave"]), st.sampled_from(SERVICES)
)


@settings(max_examples=25, deadline=None)
@given(st.lists(STEP, max_size=25), st.sampled_from([(), ("a",), ("a", "b")]))
async def test_a_folded_view_always_equals_the_catalog(
    tmp_path_factory: object, steps: list[tuple[str, str]], services: tuple[str, ...]
) -> None:
    folder = tmp_path_factory.mktemp("registry")  # type: ignore[attr-defined]
    async with harbour(folder) as port:
        view, reader = View(), watch(port.registry, *services)
        workers = {}
        for what, service in steps:
            await act(port, workers, what, service)
            if what == "look":
                fold(view, await reader.news())
                assert seen(view) == await truth(port.registry, services)
        fold(view, await reader.news())
        assert seen(view) == await truth(port.registry, services)


async def act(port: Harbour, workers: dict, what: str, service: str) -> None:  # type: ignore[type-arg]
    worker = workers.get(service)
    if what == "register" and worker is None:
        workers[service] = await port.worker(f"{service}-1", service, ready=False)
    elif what in ("ready", "unhealthy") and worker is not None:
        await worker.report(service, State(what), reason=f"at {port.registry.revision}")
    elif what == "crash" and worker is not None:
        await port.registry.worker_gone(worker.name, CRASH)
        del workers[service]
    elif what == "leave" and worker is not None:
        await port.registry.deregister(worker.session, worker.id(service), Cause(what="drained", actor="test"))
        await port.registry.close_session(worker.session, CRASH)
        del workers[service]
    await settled()


def fold(view: View, items: list[WatchItem]) -> None:
    for item in items:
        revisions = [change.revision for change in item.changes]
        assert revisions == sorted(set(revisions))
        assert all(view.revision < revision <= item.revision for revision in revisions)
        view.fold(item)


def seen(view: View) -> dict[str, object]:
    return {one.id: one for name in view.names() for one in view.service(name).instances.values()}


async def truth(registry: Registry, services: tuple[str, ...]) -> dict[str, object]:
    return {one.id: one for one in await registry.instances() if not services or one.service in services}
