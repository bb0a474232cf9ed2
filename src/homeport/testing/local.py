"""Runs services in the test's own process and event loop: no sockets, no files, the real rules."""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, TypeVar, cast

from homeport.authoring.service import options_of
from homeport.build.plan import PlannedDependency, PlannedService
from homeport.build.runtime import planned_service
from homeport.contracts.signature import ServiceSignature, signature_of
from homeport.discovery.view import View
from homeport.errors import DefinitionError, UnknownService, near_names
from homeport.rpc.caller import Caller
from homeport.rpc.handles import Handle
from homeport.rpc.json_calls import JsonCalls
from homeport.rpc.peers import Links
from homeport.testing.fakes import fake_signature
from homeport.worker.assembly import assemble, types_of
from homeport.worker.host import Host, HostedInstance

S = TypeVar("S")


def local(*services: type, config: dict[str, dict[str, Any]] | None = None, **fakes: Any) -> LocalNode:
    """Run services in this process, with fakes for what they call::

        async with homeport.testing.local(PaymentService, payments=FakePayments()) as hp:
            await hp.get(PaymentService).process({"amount": 5})

    Calls go through the codec, so that aliasing and values that do not fit their annotations show here and not first in
    production. A fake is any object; where the real service's class is known it is held against its contract.
    ``config`` gives settings by service.

    Raises (on entering):
        DefinitionError: a dependency is neither given as a class nor faked, or a fake does not fit.
    """
    return LocalNode(services, fakes, config or {})


class LocalNode:
    """Services running in this process; use with ``async with``."""

    def __init__(self, services: tuple[type, ...], fakes: dict[str, Any], config: dict[str, dict[str, Any]]) -> None:
        self._services, self._fakes, self._config = services, fakes, config
        self._host = Host()
        self._caller: Caller | None = None
        self._started: list[HostedInstance] = []

    async def __aenter__(self) -> LocalNode:
        self._caller = caller = Caller(View(), Links("test"), _nowhere)
        plans = {options_of(cls).name: (cls, planned_service(cls)) for cls in self._services}
        self._check_names(plans)
        for name, fake in self._fakes.items():
            self._run(_instance(name, fake, self._fake_signature(name, fake, plans), self._host))
        made = [self._run(self._make(cls, plan, caller)) for cls, plan in plans.values()]
        try:
            for instance in made:
                await instance.hook("startup")
                self._started.append(instance)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def __await__(self) -> Generator[Any, Any, LocalNode]:
        raise TypeError("use `async with homeport.testing.local(...) as hp:`, so that shutdown() runs")

    async def _stop(self) -> None:
        try:
            for instance in reversed(self._started):
                await instance.hook("shutdown")
        finally:
            self._started.clear()
            for instance in self._host.instances.values():
                instance.close()
            if self._caller is not None:
                await self._caller.close()

    # -- calling -------------------------------------------------------------------------------------------------------

    def get(self, cls: type[S], name: str | None = None) -> S:
        """A typed handle: ``await hp.get(PaymentService).process(payment)``."""
        service = name or options_of(cls).name
        signature = signature_of(cls, service)
        return cast(S, Handle(self._running, service, owner="test", types=lambda: signature))

    def service(self, name: str) -> Any:
        """A handle whose results are plain data."""
        if name not in self._names():
            raise UnknownService(name, self._names())
        return Handle(self._running, name, owner="test")

    def instance(self, name: str) -> Any:
        """The object itself, to look at or to prepare its state."""
        hosted = self._host.of_service(name)
        if hosted is None:
            raise UnknownService(name, self._names())
        return hosted.target

    async def call_json(self, service: str, method: str, body: bytes, *, timeout: float | None = None) -> bytes:
        """Call as the HTTP front does: JSON in, JSON out."""
        return await JsonCalls(self._running, "test").call(service, method, body, timeout=timeout)

    @property
    def _running(self) -> Caller:
        if self._caller is None:
            raise DefinitionError("the services are not running; use `async with homeport.testing.local(...) as hp:`")
        return self._caller

    def _names(self) -> list[str]:
        return sorted({instance.service for instance in self._host.instances.values()})

    # -- making --------------------------------------------------------------------------------------------------------

    def _check_names(self, plans: dict[str, tuple[type, PlannedService]]) -> None:
        given = {*plans, *self._fakes}
        for name in self._fakes:
            if name in plans:
                raise DefinitionError(f"{name!r} is given both as a class and as a fake; drop one")
        for cls, plan in plans.values():
            for dependency in plan.dependencies:
                if dependency.service in given or dependency.optional:
                    continue
                near = near_names(dependency.service, given)
                hint = f" (did you mean {near[0]}?)" if near else ""
                raise DefinitionError(
                    f"{cls.__qualname__} calls {dependency.service!r}, which is neither given nor faked{hint}; pass its "
                    f"class, or {dependency.service}=YourFake()"
                )

    def _fake_signature(self, name: str, fake: Any, plans: dict[str, tuple[type, PlannedService]]) -> ServiceSignature:
        for _, plan in plans.values():
            for dependency in plan.dependencies:
                if dependency.service == name:
                    real = types_of(dependency)()
                    if real is not None:
                        return fake_signature(name, fake, real)
        return fake_signature(name, fake, None)

    def _make(self, cls: type, plan: PlannedService, caller: Caller) -> HostedInstance:
        def handle(dependency: PlannedDependency, types: Callable[[], ServiceSignature | None]) -> Any:
            if dependency.optional and dependency.service not in {*self._fakes, *(n for n in self._planned())}:
                return None
            return Handle(caller, dependency.service, owner=plan.name, types=types, timeout=dependency.timeout)

        target = assemble(cls, plan, self._config.get(plan.name, {}), handle)
        return _instance(plan.name, target, signature_of(cls, plan.name), self._host)

    def _planned(self) -> list[str]:
        return [options_of(cls).name for cls in self._services]

    def _run(self, instance: HostedInstance) -> HostedInstance:
        self._host.add(instance)
        caller = self._running
        caller.view.service(instance.service).known = True
        caller.view.contracts[instance.signature.contract.fingerprint] = instance.signature.contract
        caller.follow([instance.service])
        caller.route(instance.service).host(instance)
        return instance


def _instance(name: str, target: Any, signature: ServiceSignature, host: Host) -> HostedInstance:
    return HostedInstance(
        id=f"{name}-1",
        target=target,
        signature=signature,
        edges=host.edges,
        concurrency=1000,
        threads=8,
        through_codec=True,
    )


async def _nowhere(service: str) -> None:
    """There is no registry to ask: what is not given does not exist."""
