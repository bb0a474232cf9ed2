"""A service that comes and goes: registered, started and called as a worker's, over and over in this process."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

import msgspec

from homeport import service
from homeport.contracts.signature import signature_of
from homeport.model import Cause, State
from homeport.registry.api import AnyCommand, InstanceSpec, Register, Report, SessionOpened, StartInstance
from homeport.rpc.server import serve
from homeport.rpc.standing import Hosting, Standing
from homeport.worker.host import Host, HostedInstance

SERVICE = "newcomer"
_CAUSE = Cause(what="deregistered", actor="benchmark")


class Life(msgspec.Struct, frozen=True):
    """Of one instance: seconds from sending its registration."""

    registered: float  # to having the reply
    ready: float  # to the registry's having been told that it is ready
    called: float  # to the arrival of its first call


@service
class Newcomer:
    def __init__(self) -> None:
        self.called: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def arrive(self) -> None:
        if not self.called.done():
            self.called.set_result(perf_counter())


class Nursery(Hosting):
    """Registers one instance after the other, each of which lives until its first call has come."""

    def __init__(self, endpoint: str) -> None:
        self._signature = signature_of(Newcomer, SERVICE)
        self._socket = endpoint
        self._numbers = itertools.count()
        self._started = asyncio.Event()
        self.host = Host()
        self.standing: Standing

    @classmethod
    @asynccontextmanager
    async def open(cls, node: str, folder: Path) -> AsyncIterator[Nursery]:
        """``node`` is its endpoint, ``folder`` where the socket of the instances goes."""
        nursery = cls(f"unix:{folder}/newcomer.sock")
        standing = Standing(node, name="benchmark", worker="newcomer-1", ttl=3600.0, hosting=nursery)
        nursery.standing = standing
        async with serve(nursery._socket, nursery.host, name="newcomer"), standing:
            await standing.link()
            yield nursery

    async def registered(self, opened: SessionOpened) -> None:
        """There is nobody yet."""

    async def command(self, command: AnyCommand) -> None:
        if isinstance(command, StartInstance):
            self._started.set()

    async def raise_one(self, patience: float = 10.0) -> Life:
        """
        Raises:
            TimeoutError: nobody called it within ``patience`` seconds.
        """
        hosted, spec = self._instance()
        self.host.add(hosted)
        registry, session = self.standing.registry, self.standing.session
        self._started.clear()
        try:
            async with asyncio.timeout(patience):
                began = perf_counter()
                await registry.register(
                    Register(session=session, instances=(spec,), contracts=(self._signature.contract,))
                )
                registered = perf_counter()
                await self._started.wait()
                hosted.state = State.READY
                await registry.report(Report(session=session, instance=spec.id, state=State.READY))
                ready = perf_counter()
                called = await hosted.target.called
        finally:
            await registry.drain(session, spec.id, _CAUSE)  # so the next call is not for this one
            await registry.deregister(session, spec.id, _CAUSE)
            self.host.instances.pop(spec.id, None)
            hosted.close()
        return Life(registered - began, ready - began, called - began)

    def _instance(self) -> tuple[HostedInstance, InstanceSpec]:
        name = f"{SERVICE}-{next(self._numbers):06x}"
        hosted = HostedInstance(
            id=name, target=Newcomer(), signature=self._signature, edges=self.host.edges, concurrency=1000, threads=1
        )
        contract = self._signature.contract.fingerprint
        return hosted, InstanceSpec(id=name, service=SERVICE, endpoints=(self._socket,), contract=contract)
