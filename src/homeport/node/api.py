"""The node process's own API: what the command line and the front ask of it.

Served as ``homeport_node`` by the same RPC as user services, on the node's private socket.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.config import Config
from homeport.model import Cause
from homeport.registry.api import Done

NODE_SERVICE = "homeport_node"


class NodeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the node process is told: a JSON file (0600) whose path is its only argument.

    Its exit codes are those of the command line; what stopped its start is told on its standard error.
    """

    target: str  # folder, file, module, module:Class or module:app
    cwd: str  # absolute; relative targets and the application's own relative paths start here
    data: str  # absolute path of the .homeport folder
    config: Config = Config()
    port_explicit: bool = False  # a taken port is an error, not a reason to try the next
    reload: bool = False
    debug: bool = False  # no deadlines, leases or lag checks in the workers
    detach: bool = False  # in a session of its own, after the start without a terminal
    lifeline: bool = False  # standard input is a pipe held by the command line; when it ends, so does the node
    json_errors: bool = False  # problem objects on standard error instead of text


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    pid: int
    state: str  # starting, running, draining, backing-off, stopped, failed
    services: tuple[str, ...]
    release: str
    restarts: int = 0
    started: float = 0.0  # wall-clock seconds
    memory_bytes: int = 0
    cpu_seconds: float = 0.0
    retry_at: float = 0.0  # wall-clock seconds of the next start, while backing off
    cause: Cause | None = None  # of its last end


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: str
    pid: int
    data: str  # the .homeport folder
    target: str
    root: str
    release: str
    layout: str
    url: str  # of the front; "" while it starts
    started: float
    ready: bool  # every wanted instance is ready and the front answers
    waiting: dict[str, str]  # service → why it is not ready
    workers: tuple[WorkerStatus, ...] = ()
    findings: tuple[Finding, ...] = ()
    reload_error: str = ""


class Deploy(msgspec.Struct, frozen=True, kw_only=True):
    """What is to run instead, and how carefully it takes over."""

    target: str
    cwd: str  # absolute; a relative target starts here
    actor: str
    surge: int = 1  # instances replaced at a time
    soak: float = 5.0  # seconds that new instances are observed before old ones leave
    share: float = 0.0  # of the calls, for a trial that lasts until it is promoted or rolled back; 0: no trial
    force: bool = False  # also when callers of the present contracts would notice


class ServiceProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a rollout is with one service."""

    service: str
    stage: str  # pending, starting, draining, taking over, soaking, holding, returning, done, returned
    wanted: int
    new_ready: int
    old: int  # processes of other versions, those that are ending included


class RolloutStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout: the one that runs, or the last one."""

    id: str
    kind: str  # restart, deploy, rollback, reload
    actor: str
    stage: str  # starting, draining, taking over, soaking, holding, returning, done, returned
    over: bool
    line: str  # what it does now: "payments 1/3 new ready, soaking 3 s more"
    target: str = ""
    release: str = ""
    services: tuple[ServiceProgress, ...] = ()
    error: str = ""  # why it goes or went back
    differences: tuple[str, ...] = ()  # between contracts, that callers would notice
    started: float = 0.0  # wall-clock seconds
    ended: float = 0.0


class NodeApi(Protocol):
    """The methods served under the name ``homeport_node``."""

    async def status(self) -> NodeStatus: ...
    async def scale(self, service: str, replicas: int, actor: str) -> Done: ...
    async def stop_service(self, service: str, actor: str) -> Done: ...
    async def stop_node(self, actor: str) -> None: ...
    async def kill(self, actor: str) -> None: ...
    async def restart(self, service: str, surge: int, soak: float, actor: str) -> RolloutStatus: ...
    async def drain_instance(self, instance: str, actor: str) -> None: ...
    async def deploy(self, request: Deploy) -> RolloutStatus: ...
    async def rollout(self) -> RolloutStatus | None: ...
    async def promote(self, actor: str) -> RolloutStatus: ...
    async def roll_back(self, surge: int, soak: float, actor: str) -> RolloutStatus: ...
