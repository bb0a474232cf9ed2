"""Several instances over real sockets: what dies, hangs, refuses or slows is left alone, and calls are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homeport import method, service
from homeport.balancing.policy import Ejection, MethodPolicy, Ping, Policy, Retries
from homeport.contracts.signature import signature_of
from homeport.errors import ConnectionLost, DeadlineExceeded, Overloaded, RemoteError
from homeport.model import Instance, State
from homeport.rpc.caller import Caller
from homeport.rpc.context import CURRENT, CallContext, current
from homeport.rpc.handles import Handle
from homeport.rpc.server import RpcServer
from homeport.worker.host import Host, HostedInstance
from tests.rpc.conftest import new_caller
from tests.rpc.test_conformance import settled


class Teller:
    """What one instance has been asked, and how it behaves."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0
        self.retries = 0
        self.behave: Callable[[], Any] = lambda: None


@service
class Counter:
    def __init__(self, teller: Any = None) -> None:
        self.teller = teller

    @method(idempotent=True)
    async def read(self) -> str:
        return await self._answer()

    async def write(self) -> str:
        return await self._answer()

    @method(route_by="key")
    async def kept_by(self, key: str) -> str:
        return await self._answer()

    async def _answer(self) -> str:
        self.teller.calls += 1
        self.teller.retries += current().retry
        behaved = self.teller.behave()
        if asyncio.iscoroutine(behaved):
            await behaved
        name: str = self.teller.name
        return name


class Fleet:
    """Instances of one service, each in a server of its own."""

    def __init__(self, folder: Path, caller: Caller, policy: Policy) -> None:
        self.folder, self.caller = folder, caller
        self.signature = signature_of(Counter, "counter")
        self.tellers: dict[str, Teller] = {}
        self.servers: dict[str, RpcServer] = {}
        self.hosted: dict[str, HostedInstance] = {}
        view = caller.view.service("counter")
        view.known, view.policy = True, policy
        caller.view.contracts[self.signature.contract.fingerprint] = self.signature.contract
        caller.follow(["counter"])
        self.view = view

    async def add(self, name: str, concurrency: int = 100) -> Teller:
        teller = self.tellers[name] = Teller(name)
        host = Host()
        hosted = self.hosted[name] = HostedInstance(
            id=name,
            target=Counter(teller),
            signature=self.signature,
            edges=host.edges,
            concurrency=concurrency,
            threads=1,
        )
        host.add(hosted)
        server = self.servers[name] = RpcServer(host, name=f"worker {name}")
        endpoint = f"unix:{self.folder}/{name}.sock"
        await server.listen(endpoint)
        self.view.instances[name] = Instance(
            id=name,
            service="counter",
            endpoints=(endpoint,),
            state=State.READY,
            contract=self.signature.contract.fingerprint,
        )
        self.caller.route("counter").refresh()
        return teller

    @property
    def handle(self) -> Any:
        return Handle(self.caller, "counter", owner="test", types=lambda: self.signature)

    def out(self) -> set[str]:
        route = self.caller.route("counter")
        return {peer.instance.id for peer in route.peers if peer not in route.ejector.available}


@asynccontextmanager
async def fleet(folder: Path, *names: str, policy: Policy | None = None) -> AsyncIterator[Fleet]:
    caller = new_caller()
    instances = Fleet(folder, caller, policy or Policy())
    for name in names:
        await instances.add(name)
    try:
        yield instances
    finally:
        await caller.close()
        for server in instances.servers.values():
            await server.close()


def fail() -> None:
    raise ValueError("broken")


async def hang() -> None:
    await asyncio.sleep(60)


async def test_calls_spread_over_all_instances(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a", "b", "c") as f:
        handle = f.handle
        for _ in range(6):
            await asyncio.gather(*(handle.read() for _ in range(10)))
        assert all(teller.calls > 5 for teller in f.tellers.values())


async def test_equal_values_reach_the_same_instance_and_another_instance_takes_only_its_share(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a", "b", "c") as f:
        keys = [f"user-{number}" for number in range(60)]
        before = {key: await f.handle.kept_by(key) for key in keys}
        assert {key: await f.handle.kept_by(key=key) for key in keys} == before
        assert set(before.values()) == {"a", "b", "c"}
        await f.add("d")
        after = {key: await f.handle.kept_by(key) for key in keys}
        moved = {key for key in keys if after[key] != before[key]}
        assert {after[key] for key in moved} == {"d"}
        assert 0 < len(moved) < 30


async def test_five_failures_in_a_row_eject_an_instance_and_one_probe_brings_it_back(tmp_path: Path) -> None:
    policy = Policy(ejection=Ejection(shortest=0.3), retries=Retries(attempts=1))
    async with fleet(tmp_path, "a", "b", "c", policy=policy) as f:
        f.tellers["a"].behave = fail
        handle = f.handle
        while not f.out():
            await asyncio.gather(*(handle.read() for _ in range(10)), return_exceptions=True)
        assert f.out() == {"a"}
        calls = f.tellers["a"].calls
        for _ in range(20):
            await handle.read()
        assert f.tellers["a"].calls == calls
        f.tellers["a"].behave = lambda: None
        await asyncio.sleep(0.32)
        assert "a" in {await handle.read() for _ in range(3)}
        assert not f.out()


async def test_an_idempotent_call_that_failed_is_answered_by_another_instance(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a", "b", "c") as f:
        f.tellers["a"].behave = fail
        handle = f.handle
        assert {await handle.read() for _ in range(40)} == {"b", "c"}
        assert sum(teller.retries for teller in f.tellers.values()) > 0


async def test_any_other_call_that_failed_is_not_sent_again(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a") as f:
        await f.add("b")
        for teller in f.tellers.values():
            teller.behave = fail
        with pytest.raises(RemoteError):
            await f.handle.write()
        assert sum(teller.calls for teller in f.tellers.values()) == 1


async def test_what_is_itself_a_retry_is_not_retried_further_down(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a", "b", "c") as f:
        for teller in f.tellers.values():
            teller.behave = fail
        token = CURRENT.set(CallContext(retry=True))
        try:
            with pytest.raises(RemoteError):
                await f.handle.read()
        finally:
            CURRENT.reset(token)
        assert sum(teller.calls for teller in f.tellers.values()) == 1


async def test_retries_stop_at_the_budget(tmp_path: Path) -> None:
    policy = Policy(retries=Retries(share=0.2, per_second=0.5), ejection=Ejection(failures=10_000, requests=10_000))
    async with fleet(tmp_path, "a", "b", "c", policy=policy) as f:
        for teller in f.tellers.values():
            teller.behave = fail
        handle = f.handle
        for _ in range(100):
            with pytest.raises(RemoteError):
                await handle.read()
        retries = sum(teller.calls for teller in f.tellers.values()) - 100
        assert 20 <= retries <= 0.2 * 100 + 5


async def test_a_refused_call_goes_to_another_instance_whatever_the_method(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a") as f:
        f.hosted["a"].admission.set_rooms((0, 0, 0))
        await f.add("b")
        handle = f.handle
        assert {await handle.write() for _ in range(20)} == {"b"}


async def test_a_draining_instance_costs_no_call(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a", "b") as f:
        handle = f.handle
        for _ in range(10):
            await handle.write()
        f.hosted["a"].admission.close()
        assert {await handle.write() for _ in range(20)} == {"b"}


async def test_a_lost_connection_is_answered_elsewhere_for_idempotent_calls_and_typed_for_others(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path, "a") as f:
        f.tellers["a"].behave = hang
        reading, writing = asyncio.create_task(f.handle.read()), asyncio.create_task(f.handle.write())
        await settled(lambda: f.hosted["a"].admission.in_flight == 2)
        await f.add("b")
        await f.servers["a"].close()
        assert await reading == "b"
        with pytest.raises(ConnectionLost):
            await writing
        assert f.out() == {"a"}


async def test_a_hung_instance_is_pinged_and_ejected_while_its_calls_are_out(tmp_path: Path) -> None:
    policy = Policy(ping=Ping(silence=0.05, patience=0.05), ejection=Ejection(shortest=30))
    async with fleet(tmp_path, "a", policy=policy) as f:
        f.tellers["a"].behave = hang
        stuck = asyncio.create_task(f.handle.write())
        await settled(lambda: f.hosted["a"].admission.in_flight == 1)
        await f.add("b")
        await f.add("c")
        for link in f.servers["a"].links:
            link.pause_reading()  # as a stopped process does: the connection stays, nothing is read
        await settled(lambda: f.out() == {"a"})
        assert {await f.handle.write() for _ in range(10)} <= {"b", "c"}
        stuck.cancel()


async def test_no_call_is_risked_on_a_hung_instance_until_it_answers_a_ping(tmp_path: Path) -> None:
    policy = Policy(ping=Ping(silence=0.05, patience=0.02), ejection=Ejection(shortest=0.01, longest=0.02))
    async with fleet(tmp_path, "a", "b", "c", policy=policy) as f:
        a = f.tellers["a"]
        a.behave = hang
        stuck = [asyncio.create_task(f.handle.write()) for _ in range(9)]
        await settled(lambda: f.hosted["a"].admission.in_flight > 0)
        for link in f.servers["a"].links:
            link.pause_reading()
        await settled(lambda: f.out() == {"a"})
        peer = next(peer for peer in f.caller.route("counter").peers if peer.instance.id == "a")
        for _ in range(20):  # far longer than it is ejected for
            before = peer.in_flight
            assert await f.handle.read() in ("b", "c")
            assert peer.in_flight == before
            await asyncio.sleep(0.01)
        a.behave = lambda: None
        for link in f.servers["a"].links:
            link.resume_reading()
        await settled(lambda: not peer.record.mute)
        await f.handle.read()
        assert not f.out()
        for call in stuck:
            call.cancel()


async def test_a_busy_instance_that_answers_pings_is_not_ejected(tmp_path: Path) -> None:
    policy = Policy(ping=Ping(silence=0.03, patience=0.05))
    async with fleet(tmp_path, "a", "b", policy=policy) as f:
        f.tellers["a"].behave = f.tellers["b"].behave = lambda: asyncio.sleep(0.3)
        await asyncio.gather(*(f.handle.write() for _ in range(6)))
        assert not f.out()


async def test_a_caller_in_a_hurry_ejects_nobody(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a", "b", policy=Policy(retries=Retries(attempts=1))) as f:
        for teller in f.tellers.values():
            teller.behave = lambda: asyncio.sleep(0.01)
        hurried = Handle(f.caller, "counter", types=lambda: f.signature, timeout=0.004)
        for _ in range(30):
            with pytest.raises(DeadlineExceeded):
                await hurried.write()
        assert not f.out()


async def test_a_slow_answer_is_hedged_and_the_loser_cancelled(tmp_path: Path) -> None:
    policy = Policy(methods={"read": MethodPolicy(hedge_after=0.03)})
    async with fleet(tmp_path, "a", "b", policy=policy) as f:
        asked: list[str] = []

        async def hang_if_first(name: str) -> None:
            asked.append(name)
            if len(asked) == 1:
                await hang()

        for name, teller in f.tellers.items():
            teller.behave = partial(hang_if_first, name)
        answered = await f.handle.read()
        assert [answered] == asked[1:]
        await settled(lambda: all(hosted.admission.in_flight == 0 for hosted in f.hosted.values()))


async def test_background_calls_are_shed_before_those_that_matter(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a") as f:
        f.hosted["a"].admission.set_rooms((9, 10, 2))
        f.tellers["a"].behave = hang
        running = [asyncio.create_task(f.handle.write()) for _ in range(3)]
        await settled(lambda: f.hosted["a"].admission.in_flight == 3)
        f.tellers["a"].behave = lambda: None
        token = CURRENT.set(CallContext(priority=2))
        with pytest.raises(Overloaded, match="background"):
            await Handle(f.caller, "counter", types=lambda: f.signature, timeout=0.2).write()
        CURRENT.reset(token)
        assert await f.handle.write() == "a"
        for task in running:
            task.cancel()


async def test_a_release_on_trial_gets_its_share(tmp_path: Path) -> None:
    async with fleet(tmp_path, "old-1", "old-2", "new") as f:
        trial = msgspec.structs.replace(f.view.instances["new"], share=0.2)
        f.view.instances["new"] = trial
        f.caller.route("counter").refresh()
        handle = f.handle
        answers = [await handle.read() for _ in range(400)]
        assert 0.1 < answers.count("new") / 400 < 0.3


async def test_when_most_are_out_all_are_used(tmp_path: Path) -> None:
    policy = Policy(ejection=Ejection(shortest=30), retries=Retries(attempts=1))
    async with fleet(tmp_path, "a", "b", "c", policy=policy) as f:
        for name in ("a", "b"):
            f.tellers[name].behave = fail
        handle = f.handle
        for _ in range(200):
            try:
                await handle.write()
            except RemoteError:
                pass
        assert f.caller.route("counter").ejector.panic
        assert not f.out()
