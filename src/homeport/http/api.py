"""What the front process is told when it starts, and the shapes that only it answers with."""

from __future__ import annotations

import msgspec

from homeport.contracts.api import Contract
from homeport.model import Completeness, Instance
from homeport.registry.api import ServiceSummary


class FrontSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Handed over as a JSON file (0600) whose path is the front's only argument."""

    node: str  # endpoint of the node process: "unix:/…/node.sock"
    name: str = "front"
    host: str = "127.0.0.1"
    port: int = 7070  # 0: any free one
    fd: int = -1  # a listening socket that the front inherits; -1: it binds host and port itself
    token: str = ""  # needed on a bind that is not loopback
    public_only: bool = False  # the bind is not loopback: token needed, only public methods answer
    allowed_hosts: tuple[str, ...] = ()  # for Host and Origin, beside loopback: "shop.example.com", ".example.com", "*"
    allow_metadata: tuple[str, ...] = ()  # request headers that become propagated metadata
    tls_certificate: str = ""  # path of a PEM file; "" serves plain HTTP
    tls_key: str = ""
    log: str = ""  # path of its rotated log file; "": keep standard error
    log_level: str = "info"
    orphan_grace: float = 30.0  # seconds it serves on without a node process
    drain_timeout: float = 10.0  # seconds that requests in flight get when it stops
    lease: float = 3.0
    ready_file: str = ""  # written with the URL once it serves


class InstanceList(msgspec.Struct, frozen=True, kw_only=True):
    """Instances at one revision, and whether they may be taken for all there are."""

    revision: int
    completeness: Completeness
    instances: tuple[Instance, ...]


class ServiceDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One service with everything that is known of it."""

    service: ServiceSummary
    instances: tuple[Instance, ...]
    contract: Contract | None = None


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the front can be relied on: its registry answers, and knows all."""

    ready: bool
    problems: tuple[str, ...] = ()
    waiting: dict[str, str] = {}  # services that are not ready, and why; they do not make the front unready
    revision: int = 0
