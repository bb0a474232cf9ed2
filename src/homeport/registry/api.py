"""The registry's own API: the values its methods take and give.

It is served under the service name ``homeport`` by the same RPC as user services. ``registry/server.py`` implements
``RegistryApi``; ``registry/client.py`` calls it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from homeport.balancing.policy import Policy
from homeport.contracts.api import Contract
from homeport.model import (
    Cause,
    Change,
    Check,
    Completeness,
    Dependency,
    Durability,
    Instance,
    ServiceState,
    State,
)

REGISTRY_SERVICE = "homeport"


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """A worker (or front, or script) introduces itself; repeating it with the same id resumes the session."""

    session: str  # chosen by the client: 16 hex digits
    worker: str = ""  # "" for a client that hosts nothing
    kind: str = "worker"  # worker, front, client
    pid: int = 0
    release: str = ""
    ttl: float = 3.0  # seconds the lease lasts without a heartbeat
    revision: int = 0  # the highest the client has seen; the registry never falls behind it
    store: str = ""  # the store the client last spoke to


class SessionOpened(msgspec.Struct, frozen=True, kw_only=True):
    session: str
    store: str
    revision: int
    ttl: float
    resumed: bool  # False: the registry has none of this session's instances; register them


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance has answered since its start; kept in memory, without revisions, a heartbeat old."""

    calls: int = 0
    failures: dict[str, int] = {}  # of the calls, by kind: failed, deadline, declared, cancelled
    seconds: float = 0.0  # from arrival to answer, of all calls together
    in_flight: int = 0


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """Sent every ttl/3 by a thread of its own, so that a busy loop does not lose its lease."""

    session: str
    lag: float = 0.0  # seconds the event loop is behind
    stalled: float = 0.0  # the same, once that makes its instances unhealthy; 0: it flows
    blocked_in: str = ""  # what holds a stalled loop up: "PaymentService.process (app/payment.py:31)"
    in_flight: dict[str, int] = {}  # per instance
    counters: dict[str, Counters] = {}  # per instance


class HeartbeatReply(msgspec.Struct, frozen=True, kw_only=True):
    known: bool  # False: open the session again
    revision: int


class InstanceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says of an instance when it registers it."""

    id: str
    service: str
    endpoints: tuple[str, ...]
    contract: str = ""
    version: str = ""
    weight: float = 1.0
    zone: str = ""
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    checks: tuple[Check, ...] = ()  # besides its own health(): http, tcp, grpc, command
    requires: tuple[Dependency, ...] = ()
    public: bool = False
    registry: str = ""  # digest of the built registry that it was started from


class Register(msgspec.Struct, frozen=True, kw_only=True):
    session: str
    instances: tuple[InstanceSpec, ...]
    contracts: tuple[Contract, ...] = ()
    resumed: dict[str, State] = {}  # instances that were already further than starting, after a lost registry


class ServiceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The instances of one service at one revision."""

    service: str
    revision: int
    instances: tuple[Instance, ...]
    completeness: Completeness = Completeness.COMPLETE
    known: bool = True  # False: nobody has declared or registered this name
    contracts: tuple[Contract, ...] = ()
    policy: Policy | None = None  # what the settings say of calls to it, if anything
    wanted: int | None = None  # instances there should be; None: outside programs decide


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """The reply to a registration: what the dependencies look like now, and which are missing."""

    revision: int
    store: str
    dependencies: tuple[ServiceAnswer, ...]
    missing: tuple[str, ...] = ()  # required, and without a ready instance
    near: dict[str, tuple[str, ...]] = {}  # for dependencies nobody knows: names they may have meant


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A worker tells the state of one of its instances."""

    session: str
    instance: str
    state: State
    reason: str = ""
    evidence: str = ""


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What the registry wants of a worker."""


class StartInstance(Command, frozen=True, kw_only=True, tag="start"):
    """Its dependencies are ready (or it need not wait): run startup(), then report ready."""

    instance: str


class DrainInstance(Command, frozen=True, kw_only=True, tag="drain"):
    """Take nothing new, finish what runs, run shutdown(), then report gone."""

    instance: str
    cause: Cause


class DrainWorker(Command, frozen=True, kw_only=True, tag="drain-worker"):
    """Drain every instance and end the process."""

    cause: Cause


AnyCommand = StartInstance | DrainInstance | DrainWorker


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls the service knows that the instance is leaving; it may now refuse calls."""

    revision: int
    unheard: tuple[str, ...] = ()  # watchers that had not acknowledged it in time


class WatchRequest(msgspec.Struct, frozen=True, kw_only=True):
    services: tuple[str, ...] = ()  # empty: all services
    from_revision: int = 0  # changes after this one; 0: begin with a snapshot
    store: str = ""  # the store that gave from_revision; another store answers with a snapshot
    watcher: str = ""  # name under which it acknowledges what it has taken in; "": nobody waits for it


class WatchItem(msgspec.Struct, frozen=True, kw_only=True):
    """Either a snapshot, which replaces all that was known, or the changes since the item before.

    A snapshot that may lack instances comes with the removals that are known: only these are certainly gone.
    """

    revision: int
    store: str
    snapshot: tuple[ServiceAnswer, ...] | None = None
    changes: tuple[Change, ...] = ()
    contracts: tuple[Contract, ...] = ()  # those the changed instances refer to, once per watch
    completeness: Completeness = Completeness.COMPLETE
    slot: float | None = None  # in the first item: seconds to wait before coming back when the connection is lost


class ServiceSummary(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: ServiceState
    wanted: int | None  # None: outside programs decide
    ready: int
    registered: int
    contract: str = ""
    version: str = ""
    registry: str = ""  # digest of the built registry that its newest instance was started from
    methods: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    waiting_for: tuple[str, ...] = ()
    public: bool = False
    asgi: bool = False
    doc: str = ""


class OutsideInstance(msgspec.Struct, frozen=True, kw_only=True):
    """An outside program registers itself, in any language, over HTTP."""

    id: str
    service: str
    endpoints: tuple[str, ...]
    ttl: float | None = 30.0  # seconds between heartbeats it must keep to; None: until deleted, or its checks end it
    version: str = ""
    weight: float = 1.0
    zone: str = ""
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    checks: tuple[Check, ...] = ()


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A declaration was carried out, and how safely it is kept."""

    revision: int
    durability: Durability


class StoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the answer to *why*."""

    revision: int
    service: str
    instance: str  # "" for the service as a whole
    event: str  # "registered", "waiting → ready", "gone", "scaled to 3"
    cause: Cause


class Story(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    summary: str  # one sentence: what it is now and why
    entries: tuple[StoryEntry, ...]  # oldest first


class RegistryApi(Protocol):
    """The methods served under the name ``homeport``. Errors: those of ``homeport.errors``."""

    async def open_session(self, request: OpenSession) -> SessionOpened: ...
    async def heartbeat(self, beat: Heartbeat) -> HeartbeatReply: ...
    async def close_session(self, session: str, cause: Cause) -> None: ...
    async def register(self, request: Register) -> Registered: ...
    async def report(self, report: Report) -> None: ...
    async def drain(self, session: str, instance: str, cause: Cause) -> Drained: ...
    async def acknowledge(self, watcher: str, revision: int) -> None: ...
    async def deregister(self, session: str, instance: str, cause: Cause) -> None: ...
    def commands(self, session: str) -> AsyncIterator[AnyCommand]: ...
    def watch(self, request: WatchRequest) -> AsyncIterator[WatchItem]: ...
    async def resolve(self, services: list[str]) -> list[ServiceAnswer]: ...
    async def services(self) -> list[ServiceSummary]: ...
    async def instances(self, service: str = "") -> list[Instance]: ...
    async def contract(self, fingerprint: str) -> Contract | None: ...
    async def counters(self, service: str = "") -> dict[str, Counters]: ...
    async def why(self, name: str) -> Story: ...
    async def put_instance(self, instance: OutsideInstance) -> Done: ...
    async def beat_instance(self, instance: str) -> bool: ...
    async def delete_instance(self, instance: str, reason: str = "") -> Done: ...
    async def eject(self, instance: str, seconds: float, cause: Cause) -> Done: ...
    async def readmit(self, instance: str, cause: Cause) -> Done: ...
    async def lost(self, instance: str, evidence: str) -> None: ...
    async def forgive(self, instance: str, cause: Cause) -> bool: ...
