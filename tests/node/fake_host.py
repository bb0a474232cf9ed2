"""A node process in memory: what replaces what is decided for real, and processes do as the test says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from homeport.build.plan import Plan
from homeport.config import Config
from homeport.contracts.api import Contract
from homeport.model import Cause, Change, Instance, State
from homeport.node.api import NodeSpec
from homeport.node.application import Edition
from homeport.node.backoff import BackoffLimits
from homeport.node.census import Census
from homeport.node.desired import Drain, Effect, Fleet, Phase, Wish, Worker
from homeport.node.orders import Orders
from homeport.node.releases import Release, Releases
from homeport.node.rolling import Rolling
from homeport.node.source import Source
from homeport.node.standing import StandingFile, resumed
from homeport.registry.api import Counters
from homeport.registry.records import DeclaredService
from homeport.testing.clock import FakeClock

CONFIG = Config()


class FakeRegistry:
    """Knows what the application has, and lets everything start."""

    def __init__(self) -> None:
        self.declared: list[DeclaredService] = []
        self.counters: dict[str, Counters] = {}
        self.contracts: dict[str, Contract] = {}
        self.shares: dict[tuple[str, str], float] = {}

    def declare(self, services: list[DeclaredService]) -> None:
        self.declared = services

    def wanted(self) -> dict[str, int]:
        return {service.name: service.replicas for service in self.declared}

    def counted(self, instance: str) -> Counters | None:
        return self.counters.get(instance)

    def known_contract(self, fingerprint: str) -> Contract | None:
        return self.contracts.get(fingerprint)

    def look_again(self) -> None: ...

    async def try_out(self, service: str, release: str, share: float) -> None:
        self.shares[service, release] = share


class FakeWorkers:
    """A fleet whose processes are only told of; drained ones end at once."""

    def __init__(self) -> None:
        self.fleet = Fleet("spread", BackoffLimits(), drain_within=15)

    @property
    def wishes(self) -> Mapping[str, Wish]:
        return self.fleet.wishes

    @property
    def workers(self) -> Mapping[str, Worker]:
        return self.fleet.workers

    def wish(self, wishes: Mapping[str, Wish]) -> None:
        self.carry_out(self.fleet.wish(wishes, now=0))

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Drain):
                self.carry_out(self.fleet.exited(effect.worker, effect.cause, now=0, draw=0.5))


class FakeHost:
    """A node process whose workers become ready or fail when told; what replaces what is decided for real."""

    def __init__(self, first: Edition, folder: Path, clock: FakeClock) -> None:
        self.source: Edition | Exception = first
        self.registry, self._workers, self.census = FakeRegistry(), FakeWorkers(), Census()
        self.fleet = self._workers.fleet
        standing, editions = resumed(None, first, folder)
        self.kept = StandingFile(folder / "standing.json")
        self.rolling = Rolling(standing, self.kept, editions, CONFIG, self.registry, self._workers, self.census, clock)
        spec = NodeSpec(target="shop", cwd="/app", data=str(folder), config=CONFIG)
        releases = Releases(folder)
        self.orders = Orders(spec, self.rolling, Source("shop", folder, CONFIG, releases), releases)
        self.rolling.apply()
        for name in list(self.fleet.workers):
            self.ready(name)

    @property
    def workers(self) -> Mapping[str, Worker]:
        return self.fleet.workers

    async def read_source(self) -> Edition:
        if isinstance(self.source, Exception):
            raise self.source
        return self.source

    async def reload(self, edition: Edition, fresh: Collection[str]) -> str:
        return await self.orders.reload(edition, fresh, "reload")

    def ready(self, worker: str) -> None:
        for service in self.fleet.workers[worker].services:
            told = Cause(what="startup() done", actor=f"worker {worker}")
            found = Instance(id=f"{worker}-{service}", service=service, endpoints=(), state=State.READY, worker=worker)
            self.census.apply(Change(revision=1, service=service, instance_id=found.id, instance=found, cause=told))
        self._workers.carry_out(self.fleet.ready(worker, now=0))
        self.rolling.hear()

    def fail(self, worker: str, cause: Cause) -> None:
        self._workers.carry_out(self.fleet.exited(worker, cause, now=1, draw=0.5))
        self.rolling.hear()

    def worker(self, service: str, release: str) -> str:
        """The only worker that is to run the service in this release."""
        (found,) = (w.name for w in self.workers.values() if service in w.services and w.release == release)
        return found

    def running(self) -> dict[str, str]:
        return {
            service: worker.release
            for worker in self.workers.values()
            for service in worker.services
            if worker.phase is Phase.RUNNING
        }


def edition(name: str, of: Plan) -> Edition:
    return Edition(plan=of, release=Release(id=name, root=Path("/releases") / name))
