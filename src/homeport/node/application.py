"""The application a node runs: its plan in each release, and what that and the settings want of every service."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from homeport.build.diagnostics.finding import Finding, labelled
from homeport.build.plan import Plan, PlannedService
from homeport.config import Config, ServiceConfig
from homeport.errors import HomeportError
from homeport.model import Cause
from homeport.node.desired import Start, Wish
from homeport.node.releases import Release
from homeport.node.rollout import Aim
from homeport.worker.api import WorkerSpec
from homeport.worker.settings import hosted_service


class ScanFailed(HomeportError):
    """The source has errors; nothing was started. One line each: ``path:line:column: HP202 error: message``."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(findings)
        self.findings = findings

    def __str__(self) -> str:
        return "\n".join(shown(finding) for finding in self.findings)


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """One release together with the plan that was made of it."""

    plan: Plan
    release: Release
    registry: bytes = b""  # the file that workers of it start from; empty: not made yet


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker is told alike."""

    node: str  # endpoint
    runtime: Path
    logs: Path
    force_rpc: bool
    debug: bool


def checked(plan: Plan) -> Plan:
    """``plan``, if its source has no errors.

    Raises:
        ScanFailed: it has.
    """
    errors = tuple(finding for finding in plan.findings if finding.severity == "error")
    if errors:
        root = plan.root
        raise ScanFailed(tuple(msgspec.structs.replace(e, path=os.path.join(root, e.path)) for e in errors))
    return plan


def shown(finding: Finding) -> str:
    return f"{finding.path}:{finding.line}:{finding.column}: {labelled(finding)}"


def replicas(service: PlannedService, config: Config) -> int:
    """How many instances the settings, or else the class, want."""
    chosen = config.services.get(service.name, ServiceConfig()).replicas
    return service.replicas if chosen is None else min(chosen, 1) if service.singleton else chosen


def wish(service: PlannedService, aim: Aim, wanted: int, replaced: Cause | None) -> Wish:
    """What is wanted of one service, at this point of a rollout or outside of any."""
    return Wish(
        replicas=wanted,
        release=aim.version.release,
        round=aim.version.round,
        fresh=aim.fresh,
        keep=aim.keep,
        replaced=replaced,
        isolated=service.isolated,
        singleton=service.singleton,
    )


def together(changed: set[str], plan: Plan, layout: str) -> set[str]:
    """The services that must change with those that did, because they share a worker."""
    group = {service.name for service in plan.services if not (service.isolated or service.singleton)}
    return changed | group if layout == "single" and changed & group else changed


def worker_spec(
    start: Start, edition: Edition, config: Config, surroundings: Surroundings, fence: int = 0
) -> WorkerSpec:
    """Everything a worker has to know."""
    hosted = []
    for name, count in start.services:
        if edition.plan.service(name) is None:
            raise LookupError(f"release {start.release} has no service {name!r}")
        hosted.append(hosted_service(name, count, config.services.get(name, ServiceConfig())))
    node = config.node
    return WorkerSpec(
        name=start.worker,
        node=surroundings.node,
        runtime=str(surroundings.runtime),
        root=str(edition.release.root),
        registry=str(edition.release.registry),
        release=start.release,
        fence=fence,
        services=tuple(hosted),
        log=str(surroundings.logs / f"{start.worker}.log"),
        ready_timeout=node.ready_timeout,
        orphan_grace=node.orphan_grace,
        drain_timeout=node.drain_timeout,
        lease=node.lease,
        log_level=node.log_level,
        force_rpc=surroundings.force_rpc,
        debug=surroundings.debug,
    )
