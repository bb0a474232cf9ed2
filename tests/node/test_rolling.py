"""Rollouts are kept before they are carried out, one at a time, guarded, and told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import Location, Plan, PlannedService
from homeport.contracts.api import Contract, MethodContract, Parameter
from homeport.errors import UnknownService, UsageError
from homeport.model import Cause, Change, Instance, State
from homeport.node import orders
from homeport.node.api import Deploy, RolloutStatus
from homeport.node.application import Edition, ScanFailed
from homeport.node.releases import Release
from homeport.node.rolling import RolloutRunning
from homeport.node.rollout import Version
from homeport.node.standing import Standing
from homeport.registry.api import Counters
from homeport.registry.store.port import StoreFailure
from homeport.testing.clock import FakeClock
from tests.node.fake_host import FakeHost

CRASH = Cause(what="process exited", actor="test", evidence="exit status 1\nImportError: no bank")


def service(name: str, **more: object) -> PlannedService:
    location = Location(module=name, qualname=name.title(), path=f"{name}.py", line=1)
    return PlannedService(name=name, location=location, files=(f"{name}.py",), **more)  # type: ignore[arg-type]


SHOP = Plan(root="/app", services=(service("cart"), service("clock", singleton=True)))


class Bench:
    """A node whose source the test writes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.clock = folder, FakeClock()
        self.next = self.release("r1")
        monkeypatch.setattr(orders, "Source", lambda *_: self)
        self.host = FakeHost(self.next, folder, self.clock)
        self.rolling, self.orders = self.host.rolling, self.host.orders

    def read(self) -> Edition:
        """What a deploy finds at its target."""
        return self.next

    def release(self, name: str, of: Plan = SHOP) -> Edition:
        root = self.folder / name
        root.mkdir(exist_ok=True)
        for one in of.services:
            (root / f"{one.name}.py").write_text(name)
        return Edition(plan=of, release=Release(id=name, root=root))

    async def deploy(self, name: str = "r2", of: Plan = SHOP, **options: object) -> None:
        self.next = self.release(name, of)
        base: dict[str, object] = {"target": "shop", "cwd": "/app", "actor": "test"}
        await self.orders.deploy(Deploy(**(base | options)))  # type: ignore[arg-type]
        await self.clock.advance(0)

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    async def ready(self, service: str, release: str) -> None:
        self.host.ready(self.host.worker(service, release))
        await self.clock.advance(0)

    async def waits(self, service: str, release: str, contract: str = "") -> Instance:
        """Its new instance registers; the registry asks whether it may start."""
        worker = self.host.worker(service, release)
        found = Instance(
            id=f"{worker}-{service}",
            service=service,
            endpoints=(),
            state=State.WAITING,
            worker=worker,
            contract=contract,
        )
        self.host.census.apply(Change(revision=1, service=service, instance_id=found.id, instance=found, cause=CRASH))
        self.rolling.hear()
        await self.clock.advance(0)
        return found

    @property
    def status(self) -> RolloutStatus:
        status = self.rolling.status()
        assert status is not None
        return status

    def kept(self) -> Standing:
        standing = self.host.kept.read()
        assert standing is not None
        return standing


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    made = Bench(tmp_path, monkeypatch)
    running = asyncio.ensure_future(made.rolling.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_deploy_changes_what_differs_and_is_what_stands_afterwards(bench: Bench) -> None:
    await bench.deploy()
    assert bench.status.line == "cart 0/1 new ready, starting"
    await bench.ready("cart", "r2")
    assert bench.status.line == "cart 1/1 new ready, soaking 5 s more"
    await bench.pass_time(5.5)
    assert bench.status.line == "clock 0/1 new ready, the new one is to stand by"
    await bench.waits("clock", "r2")
    assert bench.status.stage == "taking over", "the old one has ended"
    await bench.ready("clock", "r2")
    await bench.pass_time(5.5)
    assert (bench.status.stage, bench.status.over) == ("done", True)
    assert bench.host.running() == {"cart": "r2", "clock": "r2"}
    kept = bench.kept()
    assert (kept.latest, set(kept.versions.values())) == ("r2", {Version("r2", 1)})
    assert kept.previous == {"cart": Version("r1"), "clock": Version("r1")}


async def test_code_that_runs_already_changes_nothing(bench: Bench) -> None:
    await bench.deploy("r1")
    assert (bench.status.stage, bench.status.line) == ("done", "nothing to change: this code runs already")


async def test_what_cannot_be_kept_is_not_begun(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(bench.host.kept, "keep", full)
    with pytest.raises(StoreFailure, match="no space left"):
        await bench.deploy()
    assert set(bench.host.workers) == {"cart-1", "clock-1"}
    assert bench.rolling.status() is None


async def test_a_full_disk_halts_a_rollout_and_room_moves_it_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.deploy()

    def full(_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(bench.host.kept, "keep", full)
        await bench.ready("cart", "r2")
        await bench.pass_time(60)
        assert bench.status.stage == "starting"
    await bench.pass_time(1)
    assert bench.status.stage == "soaking"


async def test_one_rollout_at_a_time(bench: Bench) -> None:
    await bench.deploy()
    with pytest.raises(RolloutRunning, match="deploy-1 is not over"):
        await bench.orders.restart("cart", 1, 0.0, "test")
    with pytest.raises(RolloutRunning):
        await bench.deploy("r3")


async def test_a_restart_keeps_the_code_and_touches_nothing_else(bench: Bench) -> None:
    await bench.orders.restart("cart", 1, 0.0, "homeport restart")
    await bench.pass_time(0)
    assert [(worker.name, worker.release, worker.round) for worker in bench.host.workers.values()] == [
        ("cart-1", "r1", 0),
        ("clock-1", "r1", 0),
        ("cart-2", "r1", 1),
    ]
    bench.host.ready("cart-2")
    await bench.pass_time(1)
    assert set(bench.host.workers) == {"clock-1", "cart-2"}
    with pytest.raises(UnknownService):
        await bench.orders.restart("crt", 1, 0.0, "test")


async def test_the_old_are_told_what_takes_their_place(bench: Bench) -> None:
    def told() -> tuple[str, str, str]:
        cause = bench.host.fleet.wishes["cart"].replaced
        assert cause is not None
        return cause.what, cause.actor, cause.evidence

    await bench.orders.restart("cart", 1, 0.0, "homeport restart")
    await bench.pass_time(0)
    assert told() == ("replaced", "homeport restart", "restart-1 of release r1")
    bench.host.ready("cart-2")
    await bench.pass_time(1)
    await bench.deploy()
    assert told() == ("replaced", "test", "deploy-2: release r1 → r2")


async def test_a_crash_of_the_new_brings_back_the_old_and_the_next_try_is_a_fresh_one(bench: Bench) -> None:
    await bench.deploy()
    bench.host.fail(bench.host.worker("cart", "r2"), CRASH)
    await bench.pass_time(1)
    assert (bench.status.stage, bench.host.running()) == ("returned", {"cart": "r1", "clock": "r1"})
    assert "ImportError: no bank" in bench.status.error
    await bench.deploy()
    assert bench.status.id == "deploy-2"
    assert bench.host.worker("cart", "r2")


async def test_rolling_back_deploys_what_ran_before(bench: Bench) -> None:
    with pytest.raises(UsageError, match="nothing to go back to"):
        await bench.orders.roll_back(1, 0.0, "test")
    cart_only = Plan(root="/app", services=(service("cart"),))
    await bench.deploy(of=cart_only, soak=0.0)
    await bench.ready("cart", "r2")
    await bench.pass_time(1)
    assert bench.host.running() == {"cart": "r2"}, "clock was removed"
    await bench.orders.roll_back(1, 0.0, "test")
    for name in ("cart", "clock"):
        await bench.pass_time(1)
        await bench.waits(name, "r1")
        await bench.ready(name, "r1")
    await bench.pass_time(1)
    assert (bench.status.kind, bench.status.stage) == ("rollback", "done")
    assert bench.host.running() == {"cart": "r1", "clock": "r1"}


async def test_a_trial_gives_its_release_the_share_until_it_is_decided(bench: Bench) -> None:
    await bench.deploy(share=0.1)
    await bench.ready("cart", "r2")
    await bench.pass_time(6)
    assert bench.status.stage == "holding"
    assert bench.host.registry.shares == {("cart", "r2"): 0.1}
    await bench.orders.promote("test")
    assert bench.host.registry.shares == {("cart", "r2"): 0.0}
    with pytest.raises(UsageError, match="nothing is on trial"):
        await bench.orders.promote("test")


async def test_new_instances_that_fail_more_calls_are_taken_back(bench: Bench) -> None:
    await bench.deploy()
    await bench.ready("cart", "r2")
    bench.host.registry.counters = {
        "cart-1-cart": Counters(calls=100, seconds=1.0),
        "cart-2-cart": Counters(calls=20, failures={"failed": 9, "declared": 11}, seconds=0.2),
    }
    await bench.pass_time(1)
    assert bench.status.stage in ("returning", "returned")
    assert bench.status.error == "cart: 45% of the 20 calls to new instances failed, of the old ones' 0%"


async def test_declared_errors_are_answers(bench: Bench) -> None:
    await bench.deploy()
    await bench.ready("cart", "r2")
    bench.host.registry.counters = {"cart-2-cart": Counters(calls=20, failures={"declared": 20}, seconds=0.2)}
    await bench.pass_time(1)
    assert bench.status.stage == "soaking"


# -- who may start -----------------------------------------------------------------------------------------------------


def contract(fingerprint: str, *parameters: str) -> Contract:
    method = MethodContract(name="add", parameters=tuple(Parameter(name=name) for name in parameters))
    return Contract(service="cart", fingerprint=fingerprint, methods=(method,))


async def test_a_new_singleton_may_not_start_while_the_old_one_has_a_process(bench: Bench) -> None:
    await bench.orders.restart("clock", 1, 0.0, "test")
    await bench.pass_time(0)
    worker = next(name for name, one in bench.host.workers.items() if one.round == 1)
    standing_by = Instance(id="clock-b", service="clock", endpoints=(), state=State.WAITING, worker=worker)
    assert not bench.rolling.may_start(standing_by)
    bench.host.census.apply(
        Change(revision=1, service="clock", instance_id="clock-b", instance=standing_by, cause=CRASH)
    )
    bench.rolling.hear()
    await bench.pass_time(0)
    assert "clock-1" not in bench.host.workers
    assert bench.rolling.may_start(standing_by)


async def test_a_contract_that_callers_would_notice_is_refused_and_taken_back(bench: Bench) -> None:
    bench.host.registry.contracts = {"c1": contract("c1"), "c2": contract("c2", "gift")}
    old = msgspec.structs.replace(await bench.waits("cart", "r1", "c1"), state=State.READY)
    bench.host.census.apply(Change(revision=2, service="cart", instance_id=old.id, instance=old, cause=CRASH))
    await bench.deploy()
    assert not bench.rolling.may_start(await bench.waits("cart", "r2", "c2"))
    await bench.pass_time(1)
    assert bench.status.stage == "returned"
    assert bench.status.differences == ("cart: add requires a new argument 'gift' (give 'gift' a default)",)
    await bench.deploy(force=True)
    assert bench.rolling.may_start(await bench.waits("cart", "r2", "c2"))


async def test_a_contract_that_only_grows_is_let_in(bench: Bench) -> None:
    bench.host.registry.contracts = {"c1": contract("c1"), "c2": Contract(service="cart", fingerprint="c2")}
    await bench.waits("cart", "r1", "c2")
    await bench.deploy()
    assert bench.rolling.may_start(await bench.waits("cart", "r2", "c1"))


async def test_what_is_attached_to_a_terminal_is_not_held_up(bench: Bench) -> None:
    attached = Instance(id="cart-x", service="cart", endpoints=(), state=State.WAITING, worker="attached-1")
    assert bench.rolling.may_start(attached)


async def test_tokens_rise_and_are_kept_before_they_are_used(bench: Bench) -> None:
    assert [bench.rolling.next_fence() for _ in range(3)] == [1, 2, 3]
    assert bench.kept().fence == 3


async def test_a_share_that_could_not_be_set_is_set_a_little_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise StoreFailure("another commit is on its way")

    with monkeypatch.context() as registry:
        registry.setattr(bench.host.registry, "try_out", refuse)
        await bench.deploy(share=0.1)
    assert bench.host.registry.shares == {}
    await bench.pass_time(1)
    assert bench.host.registry.shares == {("cart", "r2"): 0.1}


async def test_a_deploy_of_source_with_errors_says_which_and_changes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Finding(severity="error", path="/shop/cart.py", line=3, column=5, code="HP202", message="no such method")

    def refuse() -> Edition:
        raise ScanFailed((found,))

    monkeypatch.setattr(bench, "read", refuse)
    with pytest.raises(UsageError, match=r"nothing was deployed\n/shop/cart.py:3:5: HP202 error: no such method"):
        await bench.deploy()
    assert bench.rolling.going is None
