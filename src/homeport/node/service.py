"""The node's API: what the command line and the front may ask of the node process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from homeport.clock import Clock
from homeport.errors import BadArguments, UnknownService
from homeport.model import Cause
from homeport.node.api import NodeStatus
from homeport.node.desired import Wish
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
    def ask_to_stop(self, actor: str) -> None: ...
    def ask_to_die(self, actor: str) -> None: ...


class NodeService:
    """Implements ``NodeApi``."""

    def __init__(self, process: NodeProcess, registry: Wanted, clock: Clock) -> None:
        self._process, self._registry, self._clock = process, registry, clock

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
