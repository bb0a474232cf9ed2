"""What a worker is told when it starts: everything it hosts, and how."""

from __future__ import annotations

from typing import Any

import msgspec

from homeport.balancing.policy import Limit
from homeport.build.plan import PlannedService


class HostedService(msgspec.Struct, frozen=True, kw_only=True):
    """One service of the worker, and how many instances of it."""

    name: str
    plan: PlannedService | None = None  # None: as the registry has it
    instances: int = 1
    config: dict[str, Any] = {}  # [services.<name>.config], for the class's typed config
    concurrency: int = 1000  # calls an instance admits at once
    threads: int = 8  # of the pool that runs its @method defs
    weight: float = 1.0  # of each instance, for the balancers
    limit: Limit = Limit()  # how it adapts that number


class WorkerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Handed over as a JSON file (0600) whose path is the worker's only argument."""

    name: str  # "payments-1"
    node: str  # endpoint of the node process: "unix:/…/node.sock"
    runtime: str  # private folder for this worker's socket
    root: str  # import root, inside the release
    registry: str = ""  # path of the built registry; "": each service comes with its plan
    release: str = ""
    fence: int = 0  # of the singletons it hosts: higher than that of any process that hosted them before
    services: tuple[HostedService, ...] = ()
    log: str = ""  # path of its rotated log file; "": keep the terminal (--attach, tests)
    ready_timeout: float = 30.0
    orphan_grace: float = 30.0  # seconds it serves on without a node process
    drain_timeout: float = 10.0
    lease: float = 3.0
    force_rpc: bool = False  # local calls go through the codec too
    log_level: str = "info"
    debug: bool = False  # no deadlines, leases or lag checks
    token: str = ""
