"""The supervisor carries out what the fleet decides, and tells the registry what happens."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Mapping

import pytest

from homeport.model import Cause, Instance, State
from homeport.node.adoption import Record
from homeport.node.backoff import BackoffLimits
from homeport.node.desired import Fleet, Start, Wish
from homeport.node.launch import LaunchFailed
from homeport.node.supervisor import Supervisor
from homeport.registry.api import AnyCommand, DrainInstance, DrainWorker
from homeport.testing.clock import FakeClock

WHY = Cause(what="scaled to 0", actor="test")


class FakeProcess:
    """Ends when the test says so, or is killed."""

    pid, process = 2**22 + 7, "fake"

    def __init__(self) -> None:
        self.signals: list[int] = []
        self._ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def wait(self) -> int | None:
        return await asyncio.shield(self._ended)

    def signal(self, number: int) -> None:
        self.signals.append(number)
        if number == signal.SIGKILL:
            self.end(-9)

    def end(self, status: int | None) -> None:
        if not self._ended.done():
            self._ended.set_result(status)


class FakeLauncher:
    def __init__(self) -> None:
        self.started: list[str] = []
        self.processes: dict[str, FakeProcess] = {}
        self.refuses = False
        self.left: dict[str, Cause] = {}
        self.hosted: dict[str, dict[str, int]] = {}

    def launch(self, start: Start) -> FakeProcess:
        if self.refuses:
            raise LaunchFailed("cannot start /usr/bin/python: no such file")
        self.started.append(start.worker)
        process = self.processes[start.worker] = FakeProcess()
        return process

    def leaving(self, worker: str, cause: Cause) -> None:
        self.left[worker] = cause

    def hosts(self, worker: str, services: Mapping[str, int]) -> None:
        self.hosted[worker] = dict(services)

    def forget(self, worker: str) -> None:
        self.processes.pop(worker)

    def last_lines(self, worker: str) -> str:
        return f"ImportError in {worker}"


class FakeRegistry:
    def __init__(self) -> None:
        self.sent: list[tuple[str, AnyCommand]] = []
        self.gone: list[tuple[str, Cause]] = []
        self.sessions: set[str] = set()

    def send(self, worker: str, command: AnyCommand) -> bool:
        self.sent.append((worker, command))
        return worker in self.sessions

    def worker_gone(self, worker: str, cause: Cause) -> None:
        self.gone.append((worker, cause))

    def instances_at(self, worker: str, service: str) -> list[str]:
        return [f"{service}-new", f"{service}-old"]


class Bench:
    def __init__(self, layout: str = "spread") -> None:
        self.clock, self.launcher, self.registry = FakeClock(), FakeLauncher(), FakeRegistry()
        fleet = Fleet(layout, BackoffLimits(), drain_within=15)
        self.supervisor = Supervisor(fleet, self.launcher, self.registry, self.clock, random.Random(1))

    def wish(self, **replicas: int) -> None:
        self.supervisor.wish({name: Wish(replicas=count, release="r1") for name, count in replicas.items()})

    async def end(self, worker: str, status: int | None = 1) -> None:
        self.launcher.processes[worker].end(status)
        await self.clock.advance(0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    running = asyncio.ensure_future(made.supervisor.run())
    await made.clock.advance(0)
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_wishes_start_workers(bench: Bench) -> None:
    bench.wish(cart=2)
    assert bench.launcher.started == ["cart-1", "cart-2"]
    assert [status.state for status in bench.supervisor.status()] == ["starting", "starting"]


async def test_an_end_is_told_at_once_with_status_and_last_lines(bench: Bench) -> None:
    bench.wish(cart=1)
    await bench.end("cart-1", 1)
    ((worker, cause),) = bench.registry.gone
    assert worker == "cart-1"
    assert cause.what == "process exited"
    assert cause.evidence == "exit status 1\nImportError in cart-1"
    assert cause.at == bench.clock.wall()


async def test_a_signal_is_told_by_its_name(bench: Bench) -> None:
    bench.wish(cart=1)
    await bench.end("cart-1", -11)
    assert bench.registry.gone[0][1].evidence.startswith("killed by SIGSEGV")


async def test_a_crashed_worker_is_started_again_by_itself(bench: Bench) -> None:
    bench.wish(cart=1)
    await bench.end("cart-1")
    assert bench.supervisor.status()[0].state == "backing-off"
    await bench.clock.advance(1)
    assert bench.launcher.started == ["cart-1", "cart-1"]
    assert bench.supervisor.status()[0].restarts == 1


async def test_a_worker_that_cannot_be_started_is_tried_again_and_says_why(bench: Bench) -> None:
    bench.launcher.refuses = True
    bench.wish(cart=1)
    (status,) = bench.supervisor.status()
    assert status.state == "backing-off"
    assert status.cause is not None
    assert "no such file" in status.cause.evidence
    bench.launcher.refuses = False
    await bench.clock.advance(1)
    assert bench.launcher.started == ["cart-1"]


async def test_draining_is_told_through_the_session(bench: Bench) -> None:
    bench.registry.sessions.add("cart-1")
    bench.wish(cart=1)
    bench.supervisor.scale("cart", 0, WHY)
    ((worker, command),) = bench.registry.sent
    assert worker == "cart-1"
    assert isinstance(command, DrainWorker)
    assert command.cause.what == "scaled to 0"
    assert bench.launcher.processes["cart-1"].signals == []


async def test_a_worker_without_a_session_is_signalled(bench: Bench) -> None:
    bench.wish(cart=1)
    bench.supervisor.scale("cart", 0, WHY)
    assert bench.launcher.processes["cart-1"].signals == [signal.SIGTERM]


async def test_the_cause_of_a_drained_worker_is_that_of_its_drain(bench: Bench) -> None:
    bench.wish(cart=1)
    bench.supervisor.scale("cart", 0, WHY)
    await bench.end("cart-1", 0)
    assert bench.registry.gone[0][1].what == "scaled to 0"
    assert bench.supervisor.status() == []


async def test_a_worker_that_does_not_drain_is_killed(bench: Bench) -> None:
    bench.wish(cart=1)
    process = bench.launcher.processes["cart-1"]
    bench.supervisor.scale("cart", 0, WHY)
    await bench.clock.advance(14)
    assert signal.SIGKILL not in process.signals
    await bench.clock.advance(2)
    assert signal.SIGKILL in process.signals


async def test_instances_of_a_shared_worker_are_drained_newest_first() -> None:
    bench = Bench("single")
    bench.registry.sessions.add("app-1")
    bench.wish(cart=2, stock=1)
    bench.supervisor.scale("cart", 1, WHY)
    ((worker, command),) = bench.registry.sent
    assert worker == "app-1"
    assert isinstance(command, DrainInstance)
    assert command.instance == "cart-new"


async def test_an_adopted_worker_is_watched_but_not_started(bench: Bench) -> None:
    process = FakeProcess()
    bench.launcher.processes["cart-1"] = process
    record = Record(name="cart-1", pid=process.pid, release="r1", services={"cart": 1}, started=bench.clock.wall() - 60)
    bench.supervisor.adopt(record, process)
    bench.wish(cart=1)
    assert bench.launcher.started == []
    process.end(None)
    await bench.clock.advance(0)
    assert "exit status unknown" in bench.registry.gone[0][1].evidence


async def test_stopping_drains_callers_before_what_they_call(bench: Bench) -> None:
    bench.wish(web=1, cart=1)
    stopping = asyncio.ensure_future(bench.supervisor.drain_in_order([{"web"}, {"cart"}], WHY))
    await bench.clock.advance(0)
    assert [worker for worker, _ in bench.registry.sent] == ["web-1"]
    await bench.end("web-1", 0)
    assert [worker for worker, _ in bench.registry.sent] == ["web-1", "cart-1"]
    assert not stopping.done()
    await bench.end("cart-1", 0)
    await stopping


async def test_a_worker_that_crashes_while_all_stops_holds_up_nothing(bench: Bench) -> None:
    bench.wish(web=1)
    await bench.end("web-1")
    await bench.supervisor.drain_in_order([{"web"}], WHY)
    await bench.clock.advance(60)
    assert bench.launcher.started == ["web-1"]


async def test_killing_ends_all_at_once_and_starts_nothing_again(bench: Bench) -> None:
    bench.wish(web=1, cart=2)
    await bench.supervisor.kill_all(WHY)
    await bench.clock.advance(60)
    assert bench.launcher.started == ["web-1", "cart-1", "cart-2"]
    assert {worker for worker, _ in bench.registry.gone} == {"web-1", "cart-1", "cart-2"}


async def test_listeners_hear_of_ready_and_ended_workers_until_they_stop(bench: Bench) -> None:
    heard: list[int] = []
    stop = bench.supervisor.listen(lambda: heard.append(1))
    bench.wish(cart=1)
    bench.supervisor.ready("cart-1")
    bench.supervisor.ready("cart-1")
    assert len(heard) == 1
    await bench.end("cart-1")
    assert len(heard) == 2
    stop()
    await bench.clock.advance(1)
    bench.supervisor.ready("cart-1")
    assert len(heard) == 2


# -- leaving one by one, and over the end of a node --------------------------------------------------------------------


def instance(name: str, worker: str) -> Instance:
    return Instance(id=name, service="cart", endpoints=(), state=State.READY, worker=worker)


async def test_a_drained_instance_leaves_once_another_is_ready_in_its_place(bench: Bench) -> None:
    bench.registry.sessions |= {"cart-1", "cart-2"}
    bench.wish(cart=1)
    bench.supervisor.ready("cart-1")
    assert bench.supervisor.retire(instance("cart-new", "cart-1"), WHY)
    assert bench.launcher.started == ["cart-1", "cart-2"]
    assert bench.launcher.left["cart-1"].what == WHY.what, "its successor is to know"
    assert bench.registry.sent == []
    assert not bench.supervisor.retire(instance("cart-new", "cart-1"), WHY), "it is leaving already"
    bench.supervisor.ready("cart-2")
    ((worker, command),) = bench.registry.sent
    assert (worker, command.cause.what) == ("cart-1", WHY.what)  # type: ignore[union-attr]


async def test_of_a_shared_worker_exactly_the_named_instance_is_drained() -> None:
    bench = Bench("single")
    bench.registry.sessions.add("app-1")
    bench.wish(cart=2, stock=1)
    bench.supervisor.retire(instance("cart-old", "app-1"), WHY)
    ((_, command),) = bench.registry.sent
    assert isinstance(command, DrainInstance)
    assert command.instance == "cart-old"
    assert bench.launcher.hosted["app-1"] == {"cart": 1, "stock": 1}
    assert bench.launcher.started == ["app-1", "cart-1"]


async def test_a_worker_that_an_earlier_node_had_told_to_leave_is_told_again(bench: Bench) -> None:
    bench.registry.sessions |= {"cart-1", "cart-2"}
    process = bench.launcher.processes["cart-1"] = FakeProcess()
    record = Record(name="cart-1", pid=process.pid, release="r1", services={"cart": 1}, leaving=WHY)
    bench.supervisor.adopt(record, process)
    bench.wish(cart=1)
    assert bench.launcher.started == ["cart-2"]
    bench.supervisor.ready("cart-2")
    ((worker, command),) = bench.registry.sent
    assert isinstance(command, DrainWorker)
    assert (worker, command.cause.what) == ("cart-1", WHY.what)
    await bench.clock.advance(16)
    assert signal.SIGKILL in process.signals


async def test_instances_that_an_earlier_node_had_told_to_leave_are_told_again(bench: Bench) -> None:
    bench.registry.sessions.add("app-1")
    process = bench.launcher.processes["app-1"] = FakeProcess()
    record = Record(name="app-1", pid=process.pid, release="r1", services={"cart": 1})
    bench.supervisor.adopt(record, process)
    ((_, command),) = bench.registry.sent
    assert isinstance(command, DrainInstance)
    assert command.instance == "cart-new"


async def test_an_end_by_a_signal_is_no_error_and_needs_no_lines(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.wish(cart=1)
    await bench.end("cart-1", 0)
    ((_, cause),) = bench.registry.gone
    assert (cause.what, cause.evidence) == ("process ended", "exit status 0, as when somebody ends it by SIGTERM")
    assert [record.levelname for record in caplog.records if record.message == "worker.ended"] == ["WARNING"]


async def test_a_worker_that_does_not_work_is_killed_and_started_again_with_what_showed_it(bench: Bench) -> None:
    bench.wish(cart=1)
    assert list(bench.supervisor.running()) == ["cart-1"]
    stuck = Cause(what="stuck", actor="health monitor", evidence="silent for 31 s")
    bench.supervisor.replace("cart-1", stuck)
    await bench.clock.advance(0)
    ((_, cause),) = bench.registry.gone
    assert (cause.what, cause.evidence) == ("stuck", "silent for 31 s\nImportError in cart-1")
    await bench.clock.advance(1)
    assert bench.launcher.started == ["cart-1", "cart-1"]
