"""The instances of one worker and their life: assembled, started, watched, shut down."""

from __future__ import annotations

import asyncio
import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from homeport.balancing.concurrency import ConcurrencyLimit
from homeport.build.generator.registry_rows import ServiceRow
from homeport.build.plan import PlannedDependency, PlannedService
from homeport.build.presence import without_present
from homeport.contracts.api import Contract
from homeport.contracts.signature import ServiceSignature, app_contract
from homeport.errors import said, sendable
from homeport.model import Dependency, State
from homeport.registry.api import Counters, InstanceSpec
from homeport.rpc.caller import Caller
from homeport.rpc.handles import Handle
from homeport.worker.api import HostedService, WorkerSpec
from homeport.worker.assembly import assemble, load
from homeport.worker.host import Host, HostedInstance
from homeport.worker.known import KnownServices

if TYPE_CHECKING:
    from homeport.worker.asgi import AsgiServer

log = logging.getLogger("homeport.worker")

HEALTH_PERIOD, HEALTH_TIMEOUT = 5.0, 2.0  # seconds
ADAPT_PERIOD = 1.0  # seconds between looks at how long calls take
STARTUP_RETRY_FIRST, STARTUP_RETRY_MOST = 0.5, 30.0

ReportState = Callable[[str, State, str, str], Awaitable[None]]


class Member:
    """One instance with all that belongs to it."""

    def __init__(
        self,
        hosted: HostedInstance,
        spec: InstanceSpec,
        contract: Contract,
        asgi: AsgiServer | None,
        limit: ConcurrencyLimit,
    ) -> None:
        self.hosted, self.spec, self.contract, self.asgi, self.limit = hosted, spec, contract, asgi, limit
        self.begun = False  # its startup() has been called; the registry may ask twice after a lost connection
        self.optional: list[tuple[str, str]] = []  # (attribute, service) that become None when absent at start


class Crew:
    """All instances of a worker."""

    def __init__(self, spec: WorkerSpec, host: Host, caller: Caller, report: ReportState) -> None:
        self.members: dict[str, Member] = {}
        self.endpoint = f"unix:{Path(spec.runtime) / (spec.name + '.sock')}"
        self._spec, self._host, self._caller, self._report = spec, host, caller, report
        self._loop = caller.loop
        self._known = KnownServices(spec)
        self._facts: dict[str, dict[str, str]] = {}  # by service: what people may like to know of its start

    def assemble(self) -> None:
        """Import every service and make its instances.

        Raises:
            UsageError: one cannot be served as it is written or configured, or is not what the registry says.
        """
        for service in self._spec.services:
            row = self._known.hosted(service)
            began = perf_counter()
            with self._known.unlisted_refused():
                target = load(row.service.location, self._spec.root)
            if self._known.digest:
                self._facts[service.name] = {"import_seconds": f"{perf_counter() - began:.3f}"}
            for _ in range(service.instances):
                member = (
                    self._app(service, row, target)
                    if row.service.kind == "asgi"
                    else self._object(service, row, target)
                )
                self.members[member.hosted.id] = member
                self._host.add(member.hosted)

    def _object(self, service: HostedService, row: ServiceRow, cls: type) -> Member:
        plan = without_present(row.service, cls)
        signature = self._known.signature(row, cls)

        def handle(dependency: PlannedDependency, types: Callable[[], ServiceSignature | None]) -> Handle:
            return Handle(self._caller, dependency.service, owner=plan.name, types=types, timeout=dependency.timeout)

        target = assemble(cls, plan, service.config, handle, self._spec.fence, self._known.contract)
        return self._member(service, plan, target, signature, getattr(target, "asgi", None))

    def _app(self, service: HostedService, row: ServiceRow, app: Any) -> Member:
        contract = row.contract or app_contract(row.service.name, public=row.service.public)
        return self._member(service, row.service, None, ServiceSignature(row.service.name, contract, {}), app)

    def _member(
        self, service: HostedService, plan: PlannedService, target: Any, signature: ServiceSignature, app: Any
    ) -> Member:
        name = f"{plan.name}-{secrets.token_hex(3)}"
        hosted = HostedInstance(
            id=name,
            target=target,
            signature=signature,
            edges=self._host.edges,
            concurrency=service.concurrency,
            threads=service.threads,
            through_codec=self._spec.force_rpc,
        )
        asgi = self._asgi(app, name, plan.name) if app is not None else None
        spec = InstanceSpec(
            id=name,
            service=plan.name,
            endpoints=(self.endpoint, asgi.endpoint) if asgi is not None else (self.endpoint,),
            contract=signature.contract.fingerprint,
            version=plan.version,
            weight=service.weight,
            requires=tuple(
                Dependency(service=dependency.service, optional=dependency.optional) for dependency in plan.dependencies
            ),
            public=plan.public,
            metadata=self._facts.get(plan.name, {}),
            registry=self._known.digest,
        )
        limit = ConcurrencyLimit(service.limit, service.concurrency, self._loop.time())
        hosted.admission.set_rooms(limit.room)
        member = Member(hosted, spec, signature.contract, asgi, limit)
        member.optional = [(one.attribute, one.service) for one in plan.dependencies if one.optional]
        return member

    def _asgi(self, app: Any, name: str, service: str) -> AsgiServer:
        from homeport.worker.asgi import AsgiServer

        return AsgiServer(app, service, str(Path(self._spec.runtime) / f"{name}.http"))

    def only_instances(self) -> dict[str, str]:
        """The instance of each service of which this worker has just one."""
        ids: dict[str, list[str]] = {}
        for member in self.members.values():
            ids.setdefault(member.hosted.service, []).append(member.hosted.id)
        return {service: one for service, (one, *others) in ids.items() if not others}

    def contracts(self) -> tuple[Contract, ...]:
        return tuple({member.contract.fingerprint: member.contract for member in self.members.values()}.values())

    def counters(self) -> dict[str, Counters]:
        """What each instance has answered so far; called by the heartbeat's thread."""
        return {name: _counted(member) for name, member in list(self.members.items())}

    # -- life ----------------------------------------------------------------------------------------------------------

    async def start(self, name: str) -> None:
        """Run ``startup()`` and say that the instance is ready; try again while it fails."""
        member = self.members.get(name)
        if member is None or member.begun:
            return
        member.begun = True
        hosted = member.hosted
        hosted.state = State.WAITING
        self._drop_absent(member)
        pause = STARTUP_RETRY_FIRST
        while True:
            try:
                await hosted.hook("startup")
                if member.asgi is not None:
                    await member.asgi.start()
                break
            except Exception as error:
                log.exception("instance.startup_failed", extra={"instance": name, "retry_in": pause})
                last = sendable("".join(traceback.format_exception(error)[-3:]).strip())
                await self._report(name, State.UNHEALTHY, f"startup() failed: {_brief(error)}", last)
            await asyncio.sleep(pause)
            pause = min(pause * 2, STARTUP_RETRY_MOST)
        if hosted.state is State.WAITING:  # else it was told to drain meanwhile
            hosted.state = State.READY
            self._caller.route(hosted.service).host(hosted)
            await self._report(name, State.READY, "startup() done", "")

    def _drop_absent(self, member: Member) -> None:
        for attribute, service in member.optional:
            if member.hosted.target is not None and not self._caller.view.service(service).instances:
                setattr(member.hosted.target, attribute, None)

    async def adapt_limits(self) -> None:
        """Let each instance admit as many calls as it can answer about as fast as it usually does."""
        while True:
            await asyncio.sleep(ADAPT_PERIOD)
            for member in list(self.members.values()):
                admission = member.hosted.admission
                if member.limit.adapt(member.hosted.finished(), admission.in_flight, self._loop.time()):
                    admission.set_rooms(member.limit.room)
                    log.info("limit.adapted", extra={"instance": member.hosted.id, "limit": round(member.limit.limit)})

    async def watch_health(self) -> None:
        """Ask each ready instance's ``health()`` every few seconds."""
        while True:
            await asyncio.sleep(HEALTH_PERIOD)
            await asyncio.gather(*(self._examine(member) for member in list(self.members.values())))

    async def _examine(self, member: Member) -> None:
        hosted = member.hosted
        if hosted.state not in (State.READY, State.UNHEALTHY) or not hosted.has_hook("health"):
            return
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT):
                reason = await hosted.hook("health")
        except TimeoutError:
            reason = f"health() did not answer within {HEALTH_TIMEOUT:g} s"
        except Exception as error:
            reason = f"health() raised {_brief(error)}"
        state = State.UNHEALTHY if reason else State.READY
        if state is not hosted.state and hosted.state in (State.READY, State.UNHEALTHY):
            hosted.state = state
            route = self._caller.route(hosted.service)
            route.host(hosted) if state is State.READY else route.unhost(hosted)
            await self._report(hosted.id, state, str(reason or "health() is well again"), "")

    async def shut_down(self, member: Member, within: float) -> None:
        """Stop its HTTP side, run ``shutdown()``; whatever they do, the worker goes on ending."""
        try:
            async with asyncio.timeout(within):
                if member.asgi is not None:
                    await member.asgi.stop(within / 2)
                await member.hosted.hook("shutdown")
        except TimeoutError:
            log.warning("instance.shutdown_timeout", extra={"instance": member.hosted.id, "seconds": within})
        except Exception:
            log.exception("instance.shutdown_failed", extra={"instance": member.hosted.id})

    def forget(self, member: Member) -> None:
        self.members.pop(member.hosted.id, None)
        self._host.instances.pop(member.hosted.id, None)
        member.hosted.close()

    def close(self) -> None:
        for member in list(self.members.values()):
            self.forget(member)


def _counted(member: Member) -> Counters:
    admission, app = member.hosted.admission, member.asgi
    failures = dict(admission.failures)
    if app is not None and app.failed:
        failures["failed"] = failures.get("failed", 0) + app.failed
    return Counters(
        calls=admission.served + (app.calls if app is not None else 0),
        failures=failures,
        seconds=round(member.hosted.seconds() + (app.seconds if app is not None else 0.0), 6),
        in_flight=admission.in_flight,
    )


def _brief(error: BaseException) -> str:
    text = said(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
