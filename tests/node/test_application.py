"""What the plan and the settings together want, what a worker is told, and why something is not ready."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeport.balancing.policy import MethodPolicy
from homeport.build.diagnostics.finding import Finding
from homeport.build.diagnostics.settings import settings_findings
from homeport.build.plan import Location, Plan, PlannedService
from homeport.config import Config, NodeConfig, ServiceConfig
from homeport.errors import BadArguments, UnknownService
from homeport.model import Cause, Change, Durability, Instance, State
from homeport.node.api import NodeStatus
from homeport.node.application import (
    Edition,
    ScanFailed,
    Surroundings,
    checked,
    replicas,
    worker_spec,
)
from homeport.node.backoff import BackoffLimits
from homeport.node.census import Census, not_ready
from homeport.node.desired import Fleet, Start, Wish
from homeport.node.releases import Release
from homeport.node.service import NodeService
from homeport.registry.api import Done
from homeport.registry.store.port import StoreFailure
from homeport.testing.clock import FakeClock


def service(name: str, **more: object) -> PlannedService:
    location = Location(module=name, qualname=name.title(), path=f"{name}.py", line=1)
    return PlannedService(name=name, location=location, **more)  # type: ignore[arg-type]


SHOP = Plan(root="/app", services=(service("cart", replicas=2), service("clock", singleton=True)))


# -- wishes ------------------------------------------------------------------------------------------------------------


def test_settings_beat_the_class() -> None:
    config = Config(services={"cart": ServiceConfig(replicas=3)})
    assert replicas(SHOP.services[0], Config()) == 2
    assert replicas(SHOP.services[0], config) == 3


def test_a_singleton_runs_once_whatever_the_settings_say() -> None:
    config = Config(services={"clock": ServiceConfig(replicas=3)})
    assert replicas(SHOP.services[1], config) == 1
    (finding,) = settings_findings(SHOP, config)
    assert "singleton" in finding.message


def test_settings_for_a_service_that_is_not_there_are_told() -> None:
    (finding,) = settings_findings(SHOP, Config(services={"crt": ServiceConfig()}))
    assert (finding.code, finding.hint) == ("HP801", "did you mean cart?")


def test_errors_in_the_source_are_told_as_compilers_do() -> None:
    finding = Finding(severity="error", path="shop/cart.py", line=3, column=5, code="HP001", message="invalid")
    with pytest.raises(ScanFailed) as caught:
        checked(Plan(root="/app", services=(), findings=(finding,)))
    assert str(caught.value) == "/app/shop/cart.py:3:5: HP001 error: invalid"


def test_a_worker_is_told_all_that_the_settings_say() -> None:
    settings = ServiceConfig(
        concurrency=7, threads=2, weight=0.5, methods={"add": MethodPolicy(timeout=3.0)}, config={"url": "x"}
    )
    edition = Edition(plan=SHOP, release=Release(id="r1", root=Path("/releases/r1")))
    around = Surroundings(node="unix:/n", runtime=Path("/run"), logs=Path("/logs"), force_rpc=True, debug=False)
    start = Start(worker="cart-1", services=(("cart", 2),), release="r1")
    config = Config(node=NodeConfig(log_level="debug"), services={"cart": settings})
    spec = worker_spec(start, edition, config, around)
    assert spec.log_level == "debug"
    assert (spec.root, spec.release, spec.log, spec.force_rpc) == ("/releases/r1", "r1", "/logs/cart-1.log", True)
    assert spec.registry == "/releases/r1.registry"
    (hosted,) = spec.services
    assert (hosted.name, hosted.instances, hosted.weight) == ("cart", 2, 0.5)
    assert (hosted.concurrency, hosted.threads, hosted.config) == (7, 2, {"url": "x"})


# -- why it is not ready -----------------------------------------------------------------------------------------------


def instance(state: State, *, id: str = "cart-a", worker: str = "cart-1", **more: object) -> Instance:
    return Instance(id=id, service="cart", endpoints=(), state=state, worker=worker, **more)  # type: ignore[arg-type]


def change(found: Instance) -> Change:
    return Change(revision=1, service="cart", instance_id=found.id, instance=found, cause=Cause(what="", actor=""))


def reasons(*instances: Instance, evidence: str = "") -> dict[str, str]:
    fleet = Fleet("spread", BackoffLimits(), 15)
    fleet.wish({"cart": Wish(replicas=1, release="r1")}, now=0)
    if evidence:
        fleet.exited("cart-1", Cause(what="process exited", actor="", evidence=evidence), now=1, draw=0.5)
    return not_ready(fleet.wishes, fleet.workers, Census(instances))


def test_a_startup_that_raises_is_told_in_a_line_without_its_traceback() -> None:
    evidence = 'File "shop.py", line 4, in startup\n    raise ValueError("no key")\nValueError: no key'
    cause = Cause(what="startup() failed: ValueError: no key", actor="worker cart-1", evidence=evidence)
    assert reasons(instance(State.UNHEALTHY, cause=cause)) == {
        "cart": "cart-a is unhealthy: startup() failed: ValueError: no key"
    }


def test_nothing_is_to_be_said_of_what_is_ready() -> None:
    assert reasons(instance(State.READY)) == {}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (instance(State.WAITING, waiting_for=("payments", "stock")), "waiting for: payments, stock"),
        (instance(State.WAITING), "startup() is running"),
        (instance(State.STARTING), "cart-a is starting"),
        (instance(State.DRAINING), "cart-a is draining"),
        (
            instance(State.UNHEALTHY, cause=Cause(what="unhealthy", actor="", evidence="disk is full")),
            "cart-a is unhealthy: disk is full",
        ),
    ],
)
def test_the_state_of_an_instance_is_the_reason(found: Instance, told: str) -> None:
    assert told in reasons(found)["cart"]


def test_a_worker_without_instances_is_starting() -> None:
    assert reasons() == {"cart": "worker cart-1 is starting"}


def test_a_worker_that_failed_is_told_by_its_exit_and_last_line() -> None:
    evidence = "exit status 1\nTraceback\n  File …\nImportError: no bank"
    assert reasons(evidence=evidence) == {"cart": "worker cart-1 backing off after exit status 1: ImportError: no bank"}


def test_the_census_follows_the_changes_of_workers_only() -> None:
    census = Census()
    assert census.apply(change(instance(State.STARTING, pid=7))) == "cart-1"
    assert census.ready_at("cart-1") == 0
    census.apply(change(instance(State.READY, pid=7)))
    assert census.ready_at("cart-1") == 1
    assert census.pids() == {"cart-1": 7}
    gone = Change(revision=2, service="cart", instance_id="cart-a", instance=None, cause=Cause(what="", actor=""))
    assert census.apply(gone) == "cart-1"
    assert census.of("cart") == []
    assert census.apply(change(instance(State.READY, worker=""))) == ""


# -- the API -----------------------------------------------------------------------------------------------------------


class FakeNode:
    """Remembers what it was asked for, and keeps wanted numbers like the registry."""

    def __init__(self) -> None:
        self.wishes = {
            "cart": Wish(replicas=1, release="r1"),
            "clock": Wish(replicas=1, release="r1", singleton=True),
        }
        self.scaled: list[tuple[str, int, str]] = []
        self.kept: dict[str, int] = {}
        self.full = False

    def status(self) -> NodeStatus:
        raise NotImplementedError

    def ask_to_stop(self, actor: str) -> None:
        raise NotImplementedError

    def ask_to_die(self, actor: str) -> None:
        raise NotImplementedError

    def scale(self, service: str, replicas: int, cause: Cause) -> None:
        self.scaled.append((service, replicas, f"{cause.what} by {cause.actor}"))

    async def set_wanted(self, service: str, replicas: int, cause: Cause) -> Done:
        if self.full:
            raise StoreFailure("the disk is full")
        self.kept[service] = replicas
        return Done(revision=1, durability=Durability.SYNCED)


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
def api(node: FakeNode) -> NodeService:
    return NodeService(node, node, node, node, FakeClock())  # type: ignore[arg-type]


async def test_scaling_is_kept_then_carried_out(api: NodeService, node: FakeNode) -> None:
    done = await api.scale("cart", 3, "homeport scale")
    assert done.durability is Durability.SYNCED
    assert node.kept == {"cart": 3}
    assert node.scaled == [("cart", 3, "scaled to 3 by homeport scale")]


async def test_what_cannot_be_kept_is_not_carried_out(api: NodeService, node: FakeNode) -> None:
    node.full = True
    with pytest.raises(StoreFailure):
        await api.scale("cart", 3, "homeport scale")
    assert node.scaled == []


async def test_stopping_a_service_scales_it_to_zero(api: NodeService, node: FakeNode) -> None:
    await api.stop_service("cart", "homeport stop")
    assert node.scaled == [("cart", 0, "stopped by homeport stop")]


async def test_an_unknown_service_suggests_the_near_one(api: NodeService) -> None:
    with pytest.raises(UnknownService, match="cart"):
        await api.scale("crt", 1, "homeport scale")


@pytest.mark.parametrize(("name", "count"), [("cart", -1), ("cart", 10**6), ("clock", 2)])
async def test_a_number_that_makes_no_sense_is_refused(api: NodeService, node: FakeNode, name: str, count: int) -> None:
    with pytest.raises(BadArguments):
        await api.scale(name, count, "homeport scale")
    assert node.kept == {}
