"""Runs services in the test's own process and event loop: no sockets, no files, the real rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from functools import lru_cache, partial
from types import TracebackType
from typing import Any, TypeVar, cast

from homeport.build.plan import PlannedDependency
from homeport.contracts.api import Contract
from homeport.contracts.served import served_methods
from homeport.contracts.signature import ServiceSignature, signature_of
from homeport.discovery.view import View
from homeport.errors import DefinitionError, near_names
from homeport.model import Instance, State
from homeport.rpc.caller import Caller
from homeport.rpc.handles import Handle, no_types
from homeport.rpc.json_calls import JsonCalls
from homeport.rpc.local import LocalInstance
from homeport.rpc.peers import Links
from homeport.rpc.serving import Edges
from homeport.testing.fakes import Fake, FakeHandle, known_class
from homeport.testing.order import start_order
from homeport.testing.wiring import Given, wiring
from homeport.worker.assembly import assemble, types_of
from homeport.worker.host import HostedInstance

S = TypeVar("S")

Config = Mapping[str, Mapping[str, Any]]


def local(*services: type, config: Config | None = None, **fakes: Any) -> LocalNode:
    """Run services in this process, with fakes for what they call::

        async with homeport.testing.local(PaymentService, payments=FakePayments()) as hp:
            await hp.get(PaymentService).process({"amount": 5})

    Calls go through the codec, so that aliasing and values that do not fit their annotations show here and not first in
    production. A fake is an object with (some of) the service's methods, or a mock; where the real class is known it is
    held against its contract. An optional dependency that is not given is ``None``. ``config`` gives settings by
    service. On entering, ``startup()`` runs in order of dependency; on leaving, ``shutdown()`` in reverse.

    Raises (on entering):
        DefinitionError: what is given does not make up a running whole; the message says what is missing.
        ConfigError: settings do not fit.
    """
    return LocalNode(services, fakes, config or {})


class LocalNode:
    """Services running in this process; made by ``local()``, for one ``async with``."""

    def __init__(self, services: tuple[type, ...], fakes: Mapping[str, Any], config: Config) -> None:
        self._services, self._fake_objects, self._config = services, fakes, config
        self._caller: Caller | None = None
        self._over = False
        self._edges = Edges()
        self._given: dict[str, Given] = {}
        self._signatures: dict[str, ServiceSignature] = {}
        self._instances: dict[str, HostedInstance] = {}
        self._fakes: dict[str, Fake] = {}
        self._started: list[HostedInstance] = []

    async def __aenter__(self) -> LocalNode:
        if self._caller is not None or self._over:
            raise DefinitionError("these services have run already; call homeport.testing.local(...) again")
        _check_loop()
        self._given = wiring(self._services, self._fake_objects, self._config)
        self._caller = Caller(View(), Links("test"), _nothing_to_ask, names=self._known_names)
        try:
            self._assemble()
            await self._start_all()
        except BaseException as error:
            self._note(error, await self._stop())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failures = await self._stop()
        if error is not None:
            self._note(error, failures)
        elif len(failures) == 1:
            raise failures[0]
        elif failures:
            raise ExceptionGroup("several services failed in shutdown()", failures)

    def __await__(self) -> Generator[Any, Any, LocalNode]:
        raise TypeError("use `async with homeport.testing.local(...) as hp:`, so that shutdown() runs")

    # -- calling -------------------------------------------------------------------------------------------------------

    def get(self, cls: type[S], name: str | None = None) -> S:
        """A typed handle: ``await hp.get(PaymentService).process(payment)``."""
        from homeport.authoring.service import options_of

        service = name or options_of(cls).name
        self._check_runs(service)
        signature = self._signatures.get(service) or _signature(cls, service)
        return cast(S, Handle(self._running, service, owner="test", types=lambda: signature))

    def service(self, name: str) -> Any:
        """A handle whose results are plain data: ``await hp.service("payment").process({"amount": 5})``."""
        self._check_runs(name)
        return self._handle(name, owner="test", types=no_types)

    def instance(self, name: str) -> Any:
        """The object itself, to look at or to prepare its state; a fake as it was given."""
        self._check_runs(name)
        return self._instances[name].target if name in self._instances else self._fakes[name].target

    async def call_json(self, service: str, method: str, body: bytes, *, timeout: float | None = None) -> bytes:
        """Call as the HTTP front does: JSON in, JSON out."""
        return await JsonCalls(self._running, "test").call(service, method, body, timeout=timeout)

    def stream_json(
        self, service: str, method: str, body: bytes, *, timeout: float | None = None
    ) -> AsyncIterator[bytes]:
        """Like ``call_json`` for a method that streams: one JSON text per item."""
        return JsonCalls(self._running, "test").stream(service, method, body, timeout=timeout)

    @property
    def _running(self) -> Caller:
        if self._over:
            raise DefinitionError("the services have stopped with the end of their `async with` block")
        if self._caller is None:
            raise DefinitionError("the services are not running; use `async with homeport.testing.local(...) as hp:`")
        return self._caller

    def _check_runs(self, service: str) -> None:
        names = sorted({*self._instances, *self._fakes}) if self._running else []
        if service not in names:
            near = near_names(service, names)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise DefinitionError(
                f"{service!r} does not run here{hint}; here are {', '.join(names)}. Give its class to "
                f"homeport.testing.local(), or a fake: {service}=YourFake()"
            )

    async def _known_names(self) -> list[str]:
        return sorted({*self._instances, *self._fakes})

    # -- making --------------------------------------------------------------------------------------------------------

    def _assemble(self) -> None:
        for name, fake in self._fake_objects.items():
            if fake is not None:
                made = self._fakes[name] = Fake(name, fake, self._real(name, fake), self._edges)
                self._announce(made, made.contract, State.READY)
        for name, given in self._given.items():
            self._signatures[name] = _signature(given.cls, name)
            self._running.view.service(name).known = True
        for name, given in self._given.items():
            target = assemble(given.cls, given.plan, dict(self._config.get(name, {})), partial(self._dependency, name))
            self._instances[name] = instance = HostedInstance(
                id=f"{name}-1",
                target=target,
                signature=self._signatures[name],
                edges=self._edges,
                concurrency=1000,
                threads=8,
                through_codec=True,
            )
            self._announce(instance, instance.signature.contract, State.STARTING)

    def _real(self, service: str, fake: Any) -> ServiceSignature | None:
        """The signature of what a fake stands for: of a class that it names itself, or that its callers name."""
        cls = known_class(service, fake)
        if cls is not None:
            return _signature(cls, service)
        dependencies = [one for given in self._given.values() for one in given.plan.dependencies]
        typed = (types_of(one)() for one in dependencies if one.service == service)
        return next((signature for signature in typed if signature is not None), None)

    def _dependency(
        self, owner: str, dependency: PlannedDependency, types: Callable[[], ServiceSignature | None]
    ) -> Any:
        service = dependency.service
        if service not in self._given and service not in self._fakes:
            return None  # optional, else it would have been missed
        if service in self._given:
            types = partial(self._signatures.get, service)
        return self._handle(service, owner=owner, types=types, timeout=dependency.timeout)

    def _handle(
        self,
        service: str,
        *,
        owner: str,
        types: Callable[[], ServiceSignature | None],
        timeout: float | None = None,
    ) -> Handle:
        fake = self._fakes.get(service)
        if fake is not None and fake.real is None:
            return FakeHandle(self._running, fake, owner=owner, timeout=timeout)
        return Handle(self._running, service, owner=owner, types=types, timeout=timeout)

    def _announce(self, instance: LocalInstance, contract: Contract | None, state: State) -> None:
        """Put an instance into the view as the registry's word would."""
        caller, service = self._running, instance.service
        view = caller.view.service(service)
        view.known = True
        fingerprint = contract.fingerprint if contract is not None else ""
        if contract is not None:
            caller.view.contracts[fingerprint] = contract
        view.instances[instance.id] = Instance(
            id=instance.id, service=service, endpoints=(), state=state, contract=fingerprint
        )
        caller.follow([service])
        if state is State.READY:
            caller.route(service).host(instance)
        caller.refresh([service])

    # -- life ----------------------------------------------------------------------------------------------------------

    async def _start_all(self) -> None:
        calls = {name: [one.service for one in given.plan.dependencies] for name, given in self._given.items()}
        for group in start_order(calls):
            if len(group) == 1:
                await self._start(group[0])
                continue
            try:
                async with asyncio.TaskGroup() as tasks:
                    for name in group:
                        tasks.create_task(self._start(name), name=f"test.startup {name}")
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None

    async def _start(self, name: str) -> None:
        instance = self._instances[name]
        try:
            await instance.hook("startup")
        except Exception as error:
            error.add_note(f"It was raised in startup() of the service {name!r}.")
            raise
        self._started.append(instance)
        self._announce(instance, instance.signature.contract, State.READY)

    async def _stop(self) -> list[Exception]:
        """Run ``shutdown()``, callers before those they call; what went wrong in it."""
        failures: list[Exception] = []
        try:
            while self._started:
                instance = self._started.pop()
                try:
                    await instance.hook("shutdown")
                except Exception as error:
                    error.add_note(f"It was raised in shutdown() of the service {instance.service!r}.")
                    failures.append(error)
                finally:
                    instance.admission.close()
        finally:
            self._over = True
            everything: list[HostedInstance | Fake] = [*self._instances.values(), *self._fakes.values()]
            for one in everything:
                one.admission.close()
                one.close()
            if self._caller is not None:
                await self._caller.close()
        return failures

    @staticmethod
    def _note(error: BaseException, failures: list[Exception]) -> None:
        for failure in failures:
            error.add_note(f"Besides: {type(failure).__name__}: {failure} ({failure.__notes__[-1]})")


def _signature(cls: type, service: str) -> ServiceSignature:
    return _signature_of(cls, service, tuple(served_methods(cls).values()))


@lru_cache(maxsize=256)
def _signature_of(cls: type, service: str, methods: tuple[Any, ...]) -> ServiceSignature:
    """Made once for all tests; ``methods`` make it new for a class whose methods a test has replaced."""
    return signature_of(cls, service)


def _check_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise DefinitionError(
            "services run on asyncio, and this test does not; with anyio, let its fixture anyio_backend give 'asyncio'"
        ) from None


async def _nothing_to_ask(service: str) -> None:
    """There is no registry: what is not given does not exist."""
