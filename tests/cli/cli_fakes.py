"""A node in memory, as the command line sees one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homeport.cli.surroundings import Surroundings
from homeport.contracts.api import Contract, ErrorContract, MethodContract, Parameter
from homeport.errors import BadArguments, ConnectionLost, NoNode, UnknownService
from homeport.model import Cause, Change, Dependency, Durability, Instance, ServiceState, State
from homeport.node.api import Deploy, NodeStatus, RolloutStatus, WorkerStatus
from homeport.registry.api import (
    Counters,
    Done,
    ServiceAnswer,
    ServiceSummary,
    Story,
    StoryEntry,
    WatchItem,
    WatchRequest,
)

NOW = 1_700_000_000.0

STRING, INTEGER = {"type": "string"}, {"type": "integer"}

CART = Contract(
    service="cart",
    doc="Holds what people want to buy.",
    fingerprint="c1",
    definitions={
        "Item": {
            "type": "object",
            "title": "Item",
            "properties": {"product_id": STRING, "quantity": INTEGER},
            "required": ["product_id", "quantity"],
        }
    },
    methods=(
        MethodContract(
            name="add",
            doc="Put a product into the cart.",
            parameters=(
                Parameter(name="user_id", schema=STRING),
                Parameter(name="product_id", schema=STRING),
                Parameter(name="quantity", schema=INTEGER | {"default": 1}, required=False),
            ),
            result={"type": "array", "items": {"$ref": "#/$defs/Item"}},
            raises=(ErrorContract(code="product_not_found", key="shop:ProductNotFound", status=404),),
        ),
        MethodContract(name="clear", parameters=(Parameter(name="user_id", schema=STRING),), result={"type": "null"}),
        MethodContract(name="changes", result=STRING, streams=True),
    ),
)
PAYMENT = Contract(service="payment", fingerprint="p1", methods=(MethodContract(name="process"),))


def instance(id: str, service: str, state: State = State.READY, **fields: Any) -> Instance:
    base: dict[str, Any] = {
        "endpoints": (f"unix:/run/{id}.sock",),
        "session": "s",
        "worker": f"{service}-1",
        "pid": 4200,
        "since": NOW - 90,
        "cause": Cause(what="registered", actor=f"worker {service}-1", at=NOW - 90),
    }
    return Instance(id=id, service=service, state=state, **(base | fields))


def worker(name: str, **fields: Any) -> WorkerStatus:
    base: dict[str, Any] = {"pid": 4200, "state": "running", "services": (name.rpartition("-")[0],), "release": "r1"}
    return WorkerStatus(name=name, **(base | {"memory_bytes": 48_000_000} | fields))


def status(**fields: Any) -> NodeStatus:
    base: dict[str, Any] = {
        "name": "shop",
        "version": "",
        "pid": 4100,
        "data": "/srv/shop/.homeport",
        "target": ".",
        "root": "/srv/shop",
        "release": "r1",
        "layout": "spread",
        "url": "http://127.0.0.1:7070",
        "started": NOW - 100,
        "ready": True,
        "waiting": {},
        "workers": (worker("cart-1"), worker("payment-1")),
    }
    return NodeStatus(**(base | fields))


def rollout(stage: str, line: str = "", **fields: Any) -> RolloutStatus:
    base: dict[str, Any] = {"id": "deploy-4", "kind": "deploy", "actor": "homeport deploy", "release": "r2"}
    over = stage in ("done", "returned")
    base |= {"started": NOW - 12, "ended": NOW if over else 0.0}
    return RolloutStatus(stage=stage, line=line, over=over, **(base | fields))


CART_SUMMARY = ServiceSummary(
    name="cart",
    state=ServiceState.ACTIVE,
    wanted=1,
    ready=1,
    registered=1,
    contract="c1",
    methods=("add", "clear", "changes"),
    doc=CART.doc,
)
PAYMENT_SUMMARY = ServiceSummary(
    name="payment",
    state=ServiceState.DOWN,
    wanted=1,
    ready=0,
    registered=1,
    contract="p1",
    methods=("process",),
    requires=("payments",),
    waiting_for=("payments",),
)


@dataclass
class FakeRegistry:
    """What the registry knows; one service ready, one that waits."""

    summaries: list[ServiceSummary] = field(default_factory=lambda: [CART_SUMMARY, PAYMENT_SUMMARY])
    contracts: dict[str, Contract] = field(default_factory=lambda: {"c1": CART, "p1": PAYMENT})
    all_instances: list[Instance] = field(
        default_factory=lambda: [
            instance("cart-3f9c2a", "cart"),
            instance(
                "payment-77aa01",
                "payment",
                State.WAITING,
                requires=(Dependency(service="payments"),),
                waiting_for=("payments",),
            ),
        ]
    )
    items: list[WatchItem] = field(default_factory=list)
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    async def counters(self, service: str = "") -> dict[str, Counters]:
        return {"cart-3f9c2a": Counters(calls=7, failures={"failed": 1}, seconds=0.5)}

    async def eject(self, instance: str, seconds: float, cause: Cause) -> Done:
        self.asked.append(("eject", instance, seconds, cause.what, cause.actor))
        return Done(revision=9, durability=Durability.SYNCED)

    async def readmit(self, instance: str, cause: Cause) -> Done:
        self.asked.append(("readmit", instance, cause.what, cause.actor))
        return Done(revision=9, durability=Durability.SYNCED)

    async def services(self) -> list[ServiceSummary]:
        return self.summaries

    async def instances(self, service: str = "") -> list[Instance]:
        return [one for one in self.all_instances if service in ("", one.service)]

    async def contract(self, fingerprint: str) -> Contract | None:
        return self.contracts.get(fingerprint)

    async def why(self, name: str) -> Story:
        if name not in {summary.name for summary in self.summaries}:
            raise UnknownService(name, [summary.name for summary in self.summaries])
        exited = Cause(what="process exited", actor="supervisor", evidence="exit status 1\nKeyError: 'x'", at=NOW - 30)
        return Story(
            name=name,
            summary="1 of 1 ready",
            entries=(
                StoryEntry(
                    revision=1,
                    service=name,
                    instance="cart-000001",
                    event="gone",
                    cause=exited,
                ),
                StoryEntry(
                    revision=2,
                    service=name,
                    instance="cart-3f9c2a",
                    event="waiting → ready",
                    cause=Cause(what="started", actor="worker cart-1", at=NOW - 20),
                ),
            ),
        )

    async def watch(self, request: WatchRequest) -> AsyncIterator[WatchItem]:
        answers = [
            ServiceAnswer(service=name, revision=5, instances=tuple(await self.instances(name)))
            for name in (request.services or [summary.name for summary in self.summaries])
        ]
        yield WatchItem(revision=5, store="st", snapshot=tuple(answers))
        for item in self.items:
            yield item


@dataclass
class FakeNode:
    """A node that does as it is told, and notes it."""

    present: NodeStatus = field(default_factory=status)
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    course: list[RolloutStatus] = field(default_factory=list)
    silent: int = 0  # questions that get no answer
    drained: Callable[[str], None] = lambda _: None

    async def status(self) -> NodeStatus:
        return self.present

    async def scale(self, service: str, replicas: int, actor: str) -> Done:
        self.asked.append(("scale", service, replicas, actor))
        return Done(revision=9, durability=Durability.SYNCED)

    async def stop_service(self, service: str, actor: str) -> Done:
        self.asked.append(("stop", service, actor))
        return Done(revision=9, durability=Durability.SYNCED)

    async def stop_node(self, actor: str) -> None:
        self.asked.append(("stop_node", actor))

    async def kill(self, actor: str) -> None:
        self.asked.append(("kill", actor))

    async def restart(self, service: str, surge: int, soak: float, actor: str) -> RolloutStatus:
        self.asked.append(("restart", service, surge, soak, actor))
        return await self._begun()

    async def deploy(self, request: Deploy) -> RolloutStatus:
        self.asked.append(("deploy", request))
        return await self._begun()

    async def promote(self, actor: str) -> RolloutStatus:
        self.asked.append(("promote", actor))
        return await self._begun()

    async def roll_back(self, surge: int, soak: float, actor: str) -> RolloutStatus:
        self.asked.append(("roll_back", surge, soak, actor))
        return await self._begun()

    async def rollout(self) -> RolloutStatus | None:
        """The next of what is to be seen; the last one stays."""
        if self.silent:
            self.silent -= 1
            raise ConnectionLost("the node is started again")
        return self.course.pop(0) if len(self.course) > 1 else self.course[0] if self.course else None

    async def drain_instance(self, instance: str, actor: str) -> None:
        self.asked.append(("drain", instance, actor))
        self.drained(instance)

    async def _begun(self) -> RolloutStatus:
        status = await self.rollout()
        assert status is not None
        return status


@dataclass
class FakeClient:
    """Answers calls of the cart like a cart."""

    registry: FakeRegistry = field(default_factory=FakeRegistry)
    node: FakeNode = field(default_factory=FakeNode)
    calls: list[tuple[str, str, bytes, float | None]] = field(default_factory=list)
    answer: bytes | Exception = b'[{"product_id":"p","quantity":1}]'

    async def call_json(self, service: str, method: str, body: bytes, *, timeout: float | None = None) -> bytes:
        self.calls.append((service, method, body, timeout))
        if isinstance(self.answer, Exception):
            raise self.answer
        given = json.loads(body)
        if (service, method) == ("cart", "add") and len(given) < 2:
            raise BadArguments("cart.add: missing user_id; it takes add(user_id: str, product_id: str)")
        return self.answer

    async def stream_json(
        self, service: str, method: str, body: bytes, *, timeout: float | None = None
    ) -> AsyncIterator[bytes]:
        self.calls.append((service, method, body, timeout))
        for item in (b'"one"', b'"two"'):
            yield item


@dataclass
class Place:
    """The surroundings of one command in a test."""

    client: FakeClient
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    down: bool = False

    def surroundings(self) -> Surroundings:
        @asynccontextmanager
        async def connect(node: str | None, /) -> AsyncIterator[FakeClient]:
            if self.down:
                raise NoNode("no node is running; start one with `homeport run TARGET`")
            yield self.client

        return Surroundings(connect=connect, environ=self.environ, cwd=lambda: self.folder, wall=lambda: NOW)


def change(service: str, id: str, after: Instance | None, what: str, actor: str, evidence: str = "") -> Change:
    cause = Cause(what=what, actor=actor, evidence=evidence, at=NOW)
    return Change(revision=6, service=service, instance_id=id, instance=after, cause=cause)
