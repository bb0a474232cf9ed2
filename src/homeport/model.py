"""The values that every part of Homeport speaks of: instances, their states, and why they changed."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class State(StrEnum):
    """Where an instance is in its life; *gone* is its absence from the catalog."""

    STARTING = "starting"  # registered, its worker still importing
    WAITING = "waiting"  # for dependencies, or for its own startup() to end
    READY = "ready"  # may be called
    UNHEALTHY = "unhealthy"  # alive, but not to be called
    DRAINING = "draining"  # finishes what it has, takes nothing new


class ServiceState(StrEnum):
    """How a service as a whole is doing, derived from its instances and the number wanted."""

    ACTIVE = "active"
    SCALING = "scaling"  # wanted differs from ready
    HEALING = "healing"  # an instance is being replaced
    IDLE = "idle"  # scaled to zero
    DOWN = "down"  # wanted, but nothing is ready


class Completeness(StrEnum):
    """How far an answer of the registry may be taken for the whole truth."""

    COMPLETE = "complete"
    PARTIAL = "partial"  # the registry is still recovering: what it lacks may be alive
    SUSPECT = "suspect"  # too many vanished at once: what it lacks may be alive


class Durability(StrEnum):
    """What a reply promises about the change it confirms."""

    MEMORY = "memory"  # told to all, not yet on disk
    SYNCED = "synced"  # survives power loss of this machine
    QUORUM = "quorum"  # survives the loss of machines


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why something happened: for the operator at 3 a.m."""

    what: str  # a short stable kind: "registered", "process exited", "lease expired", "scaled down"
    actor: str  # who decided: "worker payments-1", "supervisor", "homeport scale", "registry"
    evidence: str = ""  # exit status, last lines of output, seconds of silence
    at: float = 0.0  # wall-clock seconds since the epoch


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """An active check of an instance, as declared at its registration."""

    kind: str  # http, tcp, grpc, ttl, command
    target: str = ""  # path or URL, host:port, host:port/service; "": the instance's own first endpoint
    interval: float = 10.0  # seconds between checks; of ttl: within which the program must be heard
    timeout: float = 2.0
    jitter: float = 0.1  # share of the interval by which the moments vary
    failures: int = 3  # in a row, before it is unhealthy
    successes: int = 1  # in a row, before it is ready
    deregister_after: float | None = None  # seconds unhealthy after which it is removed; None: never
    method: str = "GET"
    status: str = "200-299"  # codes and ranges that pass: "200,204,300-399"
    body: str = ""  # text that the answer must contain; * stands for anything in between
    headers: dict[str, str] = {}
    verify: bool = True  # TLS certificates
    arguments: tuple[str, ...] = ()  # of command: the program and its arguments


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
    """One service that another calls, as the catalog knows it."""

    service: str
    optional: bool = False


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """One running copy of a service, as the catalog knows it."""

    id: str  # "payments-3f9c2a"
    service: str
    endpoints: tuple[str, ...]  # unix:/…, tcp://host:port, http://… ; in order of preference
    state: State
    session: str = ""  # the worker's lease that keeps it alive; "" for an outside instance
    version: str = ""
    contract: str = ""  # fingerprint of its contract; "" when it has none
    release: str = ""
    node: str = ""
    worker: str = ""  # name of the worker that hosts it
    pid: int = 0
    weight: float = 1.0
    share: float = 0.0  # of the service's calls that go to its release while that is on trial; 0: no trial
    zone: str = ""
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    requires: tuple[Dependency, ...] = ()
    waiting_for: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    public: bool = False
    registry: str = ""  # digest of the built registry that it was started from; "" for an outside instance
    cause: Cause | None = None  # of its present state
    revision: int = 0  # of its last change
    since: float = 0.0  # wall-clock seconds of its present state

    @property
    def outside(self) -> bool:
        """Whether it was registered by an outside program rather than by a worker of ours."""
        return not self.session


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the catalog: an instance as it is now, or that it is gone."""

    revision: int
    service: str
    instance_id: str
    instance: Instance | None  # None: gone
    cause: Cause


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error for people and programs alike, in the shape of RFC 9457."""

    type: str  # "urn:homeport:error:overloaded"
    title: str
    status: int
    detail: str = ""
    code: str = ""
    fields: dict[str, Any] | None = None
    next: str = ""  # the next step to take: often a command
