"""The node's API: what the command line and the front may ask of the node process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from homeport.clock import Clock
from homeport.errors import BadArguments, UnknownService
from homeport.model import Cause
from homeport.node.api import Deploy, NodeStatus, RolloutStatus
from homeport.node.desired import Wish
from homeport.node.rollout import Rollout
from homeport.registry.api import Done

MOST_REPLICAS = 1000


class Wanted(Protocol):
    """Where the number of instances wanted is kept."""

    async def set_wanted(self, service: str, replicas: int, cause: Cause) -> Done:
        """Keep it safely, then tell everybody who watches."""


class NodeProcess(Protocol):
    """What the API shows and steers."""

    @property
    def wishes(self) -> Mapping[str, Wish]: ...

    def status(self) -> NodeStatus: ...
    def scale(self, service: str, replicas: int, cause: Cause) -> None: ...
    async def drain_instance(self, instance: str, cause: Cause) -> None: ...
    def ask_to_stop(self, actor: str) -> None: ...
    def ask_to_die(self, actor: str) -> None: ...


class Rolling(Protocol):
    """Tells how far a rollout is."""

    def status(self) -> RolloutStatus | None: ...


class Orders(Protocol):
    """Begins and decides rollouts."""

    async def restart(self, service: str, surge: int, soak: float, actor: str) -> Rollout: ...
    async def deploy(self, request: Deploy) -> Rollout: ...
    async def promote(self, actor: str) -> Rollout: ...
    async def roll_back(self, surge: int, soak: float, actor: str) -> Rollout: ...


class NodeService:
    """Implements ``NodeApi``."""

    def __init__(self, process: NodeProcess, rolling: Rolling, orders: Orders, registry: Wanted, clock: Clock) -> None:
        self._process, self._rolling, self._orders = process, rolling, orders
        self._registry, self._clock = registry, clock

    async def status(self) -> NodeStatus:
        return self._process.status()

    async def scale(self, service: str, replicas: int, actor: str) -> Done:
        """Want another number of instances, and keep wanting it after a restart.

        Raises:
            UnknownService: the application has no such service.
            BadArguments: the number is out of range.
        """
        return await self._scale(service, replicas, f"scaled to {replicas}", actor)

    async def stop_service(self, service: str, actor: str) -> Done:
        """Scale to zero."""
        return await self._scale(service, 0, "stopped", actor)

    async def stop_node(self, actor: str) -> None:
        """Begin an orderly stop; the process ends when all is drained."""
        self._process.ask_to_stop(actor)

    async def kill(self, actor: str) -> None:
        """End everything at once."""
        self._process.ask_to_die(actor)

    async def restart(self, service: str, surge: int, soak: float, actor: str) -> RolloutStatus:
        """Start all instances of a service afresh, new before old; returns when that has begun.

        Raises:
            UnknownService: the application has no such service.
            RolloutRunning: another rollout is not over.
        """
        return self._told(await self._orders.restart(service, surge, soak, actor))

    async def drain_instance(self, instance: str, actor: str) -> None:
        """Take one instance out of service, once another is ready in its place.

        Raises:
            UnknownService: no worker here has it.
            BadArguments: it is leaving already, or a rollout is replacing it.
        """
        await self._process.drain_instance(instance, Cause(what="drained", actor=actor, at=self._clock.wall()))

    async def deploy(self, request: Deploy) -> RolloutStatus:
        """Have another state of the code take over; returns when that has begun.

        Raises:
            UsageError: there is no such target, or its source has errors.
            RolloutRunning: another rollout is not over.
        """
        return self._told(await self._orders.deploy(request))

    async def rollout(self) -> RolloutStatus | None:
        """The rollout that runs, or the last one."""
        return self._rolling.status()

    async def promote(self, actor: str) -> RolloutStatus:
        """Let what is on trial take over.

        Raises:
            UsageError: nothing is on trial.
        """
        return self._told(await self._orders.promote(actor))

    async def roll_back(self, surge: int, soak: float, actor: str) -> RolloutStatus:
        """Give up the rollout that runs, or take back the last deploy.

        Raises:
            UsageError: there is nothing to go back to.
        """
        return self._told(await self._orders.roll_back(surge, soak, actor))

    def _told(self, begun: Rollout) -> RolloutStatus:
        status = self._rolling.status()
        assert status is not None, begun
        return status

    async def _scale(self, service: str, replicas: int, what: str, actor: str) -> Done:
        wish = self._process.wishes.get(service)
        if wish is None:
            raise UnknownService(service, sorted(self._process.wishes))
        if not 0 <= replicas <= MOST_REPLICAS:
            raise BadArguments(f"replicas must be from 0 to {MOST_REPLICAS}, got {replicas}")
        if wish.singleton and replicas > 1:
            raise BadArguments(f"{service!r} is a singleton: it runs once or not at all, got {replicas} replicas")
        cause = Cause(what=what, actor=actor, at=self._clock.wall())
        done = await self._registry.set_wanted(service, replicas, cause)
        self._process.scale(service, replicas, cause)
        return done
