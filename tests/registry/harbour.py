"""A registry on a fake clock, and workers that speak to it, for the tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Generic, TypeVar

from homeport.contracts.api import Contract
from homeport.health.damping import DampingLimits
from homeport.model import Cause, Dependency, Instance, State
from homeport.registry.api import (
    AnyCommand,
    Heartbeat,
    InstanceSpec,
    OpenSession,
    Register,
    Registered,
    Report,
    WatchItem,
    WatchRequest,
)
from homeport.registry.server import Registry
from homeport.testing.clock import FakeClock

T = TypeVar("T")
CRASH = Cause(what="process exited", actor="supervisor", evidence="exit status 1")


class Harbour:
    """One registry, its clock, and the processes that are alive."""

    def __init__(self, registry: Registry, clock: FakeClock, alive: set[int]) -> None:
        self.registry, self.clock, self.alive = registry, clock, alive
        self._pids = 100

    async def worker(self, name: str, *services: str, ready: bool = True, requires: tuple[str, ...] = ()) -> Worker:
        self._pids += 1
        worker = Worker(self, name, self._pids)
        self.alive.add(worker.pid)
        await worker.open()
        if services:
            await worker.register(*services, requires=requires)
        if ready:
            for service in services:
                await worker.report(service, State.READY)
        return worker

    async def live(self, seconds: float, *beating: Worker) -> None:
        """Let time pass, with these workers heard every half second."""
        for _ in range(round(seconds * 2)):
            await self.clock.advance(0.5)
            for worker in beating:
                await worker.beat()

    async def instance(self, name: str) -> Instance | None:
        return next((one for one in await self.registry.instances() if one.id == name), None)

    async def state(self, name: str) -> State | None:
        found = await self.instance(name)
        return found.state if found else None


class Worker:
    """Speaks to the registry as a worker process does; hosts one instance per service, ``<service>@<worker>``."""

    def __init__(self, harbour: Harbour, name: str, pid: int) -> None:
        self.harbour, self.name, self.pid = harbour, name, pid
        self.session = f"session-{name}-{pid}"

    @property
    def registry(self) -> Registry:
        return self.harbour.registry

    async def open(self, revision: int = 0, store: str = "", ttl: float = 3.0) -> bool:
        opened = await self.registry.open_session(
            OpenSession(session=self.session, worker=self.name, pid=self.pid, revision=revision, store=store, ttl=ttl)
        )
        return opened.resumed

    def id(self, service: str) -> str:
        return f"{service}@{self.name}"

    async def register(
        self,
        *services: str,
        requires: tuple[str, ...] = (),
        optional: tuple[str, ...] = (),
        resumed: dict[str, State] | None = None,
        contracts: tuple[Contract, ...] = (),
    ) -> Registered:
        dependencies = (
            *(Dependency(service=name) for name in requires),
            *(Dependency(service=name, optional=True) for name in optional),
        )
        by_service = {contract.service: contract.fingerprint for contract in contracts}
        specs = tuple(
            InstanceSpec(
                id=self.id(service),
                service=service,
                endpoints=(f"unix:/run/{self.name}",),
                requires=dependencies,
                contract=by_service.get(service, ""),
            )
            for service in services
        )
        states = {self.id(service): state for service, state in (resumed or {}).items()}
        return await self.registry.register(
            Register(session=self.session, instances=specs, contracts=contracts, resumed=states)
        )

    async def report(self, service: str, state: State, reason: str = "", evidence: str = "") -> None:
        await self.registry.report(
            Report(session=self.session, instance=self.id(service), state=state, reason=reason, evidence=evidence)
        )

    async def beat(self, lag: float = 0.0) -> bool:
        return (await self.registry.heartbeat(Heartbeat(session=self.session, lag=lag))).known

    async def told(self) -> list[AnyCommand]:
        """The commands that a command stream opened now begins with."""
        await settled()
        reader = self.commands()
        try:
            return await reader.news()
        finally:
            await reader.close()

    def commands(self) -> Reader[AnyCommand]:
        return Reader(self.registry.commands(self.session))


class Reader(Generic[T]):
    """Reads a stream as far as it has come, without waiting for more."""

    def __init__(self, stream: AsyncIterator[T]) -> None:
        _readers.append(self)  # type: ignore[arg-type]
        self._stream = stream
        self._next: asyncio.Task[T] | None = None
        self.ended = False

    async def news(self) -> list[T]:
        items: list[T] = []
        while not self.ended:
            if self._next is None:
                self._next = asyncio.ensure_future(_next(self._stream))
            await settled()
            if not self._next.done():
                break
            task, self._next = self._next, None
            try:
                items.append(task.result())
            except StopAsyncIteration:
                self.ended = True
        return items

    async def close(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
            self._next = None
        await self._stream.aclose()  # type: ignore[attr-defined]


_readers: list[Reader[object]] = []


async def _next(stream: AsyncIterator[T]) -> T:
    return await anext(stream)


def watch(registry: Registry, *services: str, since: int = 0, store: str = "") -> Reader[WatchItem]:
    return Reader(registry.watch(WatchRequest(services=services, from_revision=since, store=store)))


async def settled() -> None:
    """Let every task do what it can do now."""
    for _ in range(10):
        await asyncio.sleep(0)


@asynccontextmanager
async def harbour(
    folder: Path,
    clock: FakeClock | None = None,
    alive: set[int] | None = None,
    knows_processes: bool = True,
    damping: DampingLimits | None = DampingLimits(),  # noqa: B008 - a value
) -> AsyncIterator[Harbour]:
    clock, alive = clock or FakeClock(), set[int]() if alive is None else alive
    is_alive: Callable[[int], bool] | None = alive.__contains__ if knows_processes else None
    async with Registry.open(folder, node="here", clock=clock, alive=is_alive, damping=damping) as registry:
        try:
            yield Harbour(registry, clock, alive)
        finally:
            while _readers:
                await _readers.pop().close()
