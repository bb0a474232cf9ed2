"""Workers that are not there: sessions with instances and heartbeats, as the registry sees them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count

import msgspec

from benchmarks.apps.echo.orders import Order, Receipt, receipt_for
from homeport import service
from homeport.contracts.api import Contract
from homeport.contracts.signature import signature_of
from homeport.model import Cause, State
from homeport.registry.api import REGISTRY_SERVICE, Heartbeat, InstanceSpec, OpenSession, Register, RegistryApi, Report
from homeport.rpc.blocking import BlockingLink
from homeport.rpc.frames import Bind

LEASE = 3.0  # seconds, as workers have it
_BEAT = Bind(service=REGISTRY_SERVICE, method="heartbeat")


@service
class Payments:
    """Whose contract the instances of the crowd have."""

    async def process(self, order: Order) -> Receipt:
        return receipt_for(order)

    async def refund(self, receipt: Receipt, reason: str) -> Receipt:
        return receipt

    async def find(self, payment: str) -> Receipt | None:
        return None


class Member:
    """One session, with instances of one service."""

    def __init__(self, number: int, instances: int) -> None:
        self.session = f"{number:016x}"
        self.worker = f"crowd_{number}-1"
        self.service = f"crowd_{number}"
        contract = signature_of(Payments, "payments").contract
        fingerprint = f"{number:016x}"
        self._contract: Contract = msgspec.structs.replace(contract, service=self.service, fingerprint=fingerprint)
        self._numbers = count()
        self.specs = [self._spec() for _ in range(instances)]

    def _spec(self) -> InstanceSpec:
        name = f"{self.service}-{next(self._numbers):06x}"
        socket = f"unix:/run/homeport/{self.worker}.sock"
        return InstanceSpec(id=name, service=self.service, endpoints=(socket,), contract=self._contract.fingerprint)

    def opening(self) -> OpenSession:
        return OpenSession(session=self.session, worker=self.worker, ttl=LEASE)

    def registration(self) -> Register:
        return Register(session=self.session, instances=tuple(self.specs), contracts=(self._contract,))

    def newcomers(self, number: int) -> Iterator[Register]:
        """One registration each."""
        for _ in range(number):
            self.specs.append(self._spec())
            yield Register(session=self.session, instances=(self.specs[-1],), contracts=(self._contract,))

    def ready(self) -> list[Report]:
        return [Report(session=self.session, instance=spec.id, state=State.READY) for spec in self.specs]

    def flapped(self, index: int, turn: int) -> Report:
        """A report that changes the state of an instance that is ready, whatever ``turn`` it is."""
        state = State.READY if turn % 2 else State.UNHEALTHY
        return Report(session=self.session, instance=self.specs[index].id, state=state, reason="a benchmark's turn")

    def beat(self) -> Heartbeat:
        return Heartbeat(session=self.session, in_flight=dict.fromkeys((spec.id for spec in self.specs), 0))


class Crowd:
    """Members whose sessions are open and kept alive."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members
        self.size = sum(len(member.specs) for member in members)

    @classmethod
    @asynccontextmanager
    async def open(cls, registry: RegistryApi, endpoint: str, sessions: int, instances: int) -> AsyncIterator[Crowd]:
        crowd = cls([Member(number, instances // sessions) for number in range(sessions)])
        stop = threading.Event()
        beating = asyncio.create_task(asyncio.to_thread(crowd._beat, endpoint, stop), name="crowd.beat")
        try:
            for member in crowd.members:
                await registry.open_session(member.opening())
            yield crowd
        finally:
            stop.set()
            await beating
            for member in crowd.members:
                await registry.close_session(member.session, Cause(what="closed", actor="benchmark"))

    def _beat(self, endpoint: str, stop: threading.Event) -> None:
        """A connection per session, as its worker has it; the beats spread over each third of the lease."""
        links = [BlockingLink(endpoint, name=member.worker, timeout=LEASE) for member in self.members]
        pause = LEASE / 3 / len(self.members)
        while not stop.is_set():
            for member, link in zip(self.members, links, strict=True):
                if stop.wait(pause):
                    break
                link.call(_BEAT, member.beat())
        for link in links:
            link.close()
