"""A client for programs that are no service: scripts, notebooks, web apps."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import aclosing
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from homeport.errors import DefinitionError, NoNode, NotSent, Unavailable
from homeport.model import Cause, Change, Completeness, Instance
from homeport.node.api import NodeApi
from homeport.registry.api import RegistryApi, ServiceAnswer, WatchItem, WatchRequest
from homeport.rpc import ambient
from homeport.rpc.caller import Caller
from homeport.rpc.handles import Handle, no_types
from homeport.rpc.json_calls import JsonCalls
from homeport.rpc.peers import Links
from homeport.rpc.standing import Standing

if TYPE_CHECKING:
    from homeport.client_sync import SyncClient

S = TypeVar("S")

# Else Python would print our warnings into the output of scripts that have set up no logging.
logging.getLogger("homeport").addHandler(logging.NullHandler())

PATIENCE = 30.0  # seconds without a node process that a watch goes on for
PAUSE = 0.1  # seconds before it asks again


class Client:
    """Calls services and watches them; made by ``connect()``."""

    def __init__(self, standing: Standing, caller: Caller, name: str, *, shared: bool = False) -> None:
        self._standing, self._caller, self._name, self._shared = standing, caller, name, shared
        self._json = JsonCalls(caller, name)
        self._handles: dict[str, Handle] = {}
        self._typed: dict[tuple[type, str], Handle] = {}

    @property
    def registry(self) -> RegistryApi:
        """The registry's own API."""
        return self._standing.registry

    @property
    def node(self) -> NodeApi:
        """The node process's own API."""
        return self._standing.node

    @property
    def caller(self) -> Caller:
        return self._caller

    def service(self, name: str) -> Any:
        """A handle whose results are plain data: ``await hp.service("payments").process(payment)``."""
        handle = self._handles.get(name)
        if handle is None:
            handle = self._handles[name] = Handle(self._caller, name, owner=self._name)
        return handle

    def get(self, cls: type[S], name: str | None = None) -> S:
        """A handle typed as the service class ``cls``: ``await hp.get(Payments).process(payment)``.

        Raises:
            DefinitionError: ``cls`` is not marked ``@service``, and no ``name`` was given.
        """
        service = name or _service_of(cls)
        handle = self._typed.get((cls, service))
        if handle is None:
            types = cache(lambda: _signature(cls, service)) if isinstance(cls, type) else no_types
            handle = self._typed[cls, service] = Handle(self._caller, service, owner=self._name, types=types)
        return cast(S, handle)

    async def instances(self, service: str = "") -> list[Instance]:
        """The instances of one service, or of all."""
        return await self.registry.instances(service)

    async def watch(self, service: str) -> AsyncIterator[Change]:
        """The service's instances as they are, then each change, once and in order.

        Goes on over a restart of the node process, from where it was.

        Raises:
            Unavailable: the node process has been away for half a minute.
        """
        told = Told()
        away_since: float | None = None
        while True:
            request = WatchRequest(services=(service,), from_revision=told.revision, store=told.store)
            try:
                async with aclosing(self.registry.watch(request)) as items:  # type: ignore[type-var]
                    async for item in items:
                        away_since = None
                        for change in told.take(item):
                            yield change
            except Unavailable:
                now = self._caller.loop.time()
                away_since = away_since or now
                if now - away_since > PATIENCE:
                    raise
            await asyncio.sleep(PAUSE)

    async def call_json(
        self,
        service: str,
        method: str,
        body: bytes,
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> bytes:
        """Call with arguments as JSON (object: by name, array: by position); the result is JSON."""
        return await self._json.call(service, method, body, timeout=timeout, carrying=dict(metadata or {}))

    def stream_json(
        self,
        service: str,
        method: str,
        body: bytes,
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> AsyncIterator[bytes]:
        """Like ``call_json`` for a method that streams: one JSON text per item."""
        return self._json.stream(service, method, body, timeout=timeout, carrying=dict(metadata or {}))

    async def close(self) -> None:
        if not self._shared:
            await self._caller.close()
            await self._standing.__aexit__(None, None, None)


class Told:
    """What a watcher has been told; makes of each item of a watch the changes that are new to it.

    A snapshot's instances count as changes, and so does what a complete one lacks.
    """

    def __init__(self) -> None:
        self.store = ""
        self.revision = 0
        self._instances: dict[str, Instance] = {}

    def take(self, item: WatchItem) -> list[Change]:
        if item.store != self.store:
            self.store, self.revision = item.store, 0
        found = [] if item.snapshot is None else list(self._differences(item, item.snapshot))
        found += [change for change in item.changes if change.revision > self.revision]
        self.revision = item.revision
        for change in found:
            if change.instance is None:
                self._instances.pop(change.instance_id, None)
            else:
                self._instances[change.instance_id] = change.instance
        return found

    def _differences(self, item: WatchItem, snapshot: tuple[ServiceAnswer, ...]) -> Iterator[Change]:
        present = {instance.id: instance for answer in snapshot for instance in answer.instances}
        for instance in present.values():
            if self._instances.get(instance.id) != instance:
                yield _change(instance, instance.revision, instance, instance.cause or _UNTOLD)
        complete = all(answer.completeness is Completeness.COMPLETE for answer in snapshot)
        if complete and item.completeness is Completeness.COMPLETE:
            for known in self._instances.values():
                if known.id not in present:
                    yield _change(known, item.revision, None, _MISSED)


_UNTOLD = Cause(what="registered", actor="registry")
_MISSED = Cause(what="gone", actor="registry", evidence="it went while the registry could not be watched")


def _change(of: Instance, revision: int, now: Instance | None, cause: Cause) -> Change:
    return Change(revision=revision, service=of.service, instance_id=of.id, instance=now, cause=cause)


def _service_of(cls: Any) -> str:
    options = getattr(cls, "__dict__", {}).get("__homeport_service__")
    if options is None:
        raise DefinitionError(f"{cls!r} is not marked @service; mark it, or say which: get({cls.__name__}, name=…)")
    name: str = options.name
    return name


def _signature(cls: type, service: str) -> Any:
    from homeport.contracts.signature import signature_of

    return signature_of(cls, service)


class Connecting:
    """What ``connect()`` returns: await it, or use it with ``async with``."""

    def __init__(self, node: str | None, name: str, token: str, follow_all: bool) -> None:
        self._node, self._name, self._token, self._follow_all = node, name, token, follow_all
        self._client: Client | None = None

    def __await__(self) -> Generator[Any, Any, Client]:
        return self._open().__await__()

    async def __aenter__(self) -> Client:
        self._client = await self._open()
        return self._client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def _open(self) -> Client:
        inside = ambient.installed() if self._node is None else None
        if inside is not None and inside[1].loop is asyncio.get_running_loop():
            return Client(*inside, self._name, shared=True)
        from homeport.nodes import find_node

        # A worker's other threads have loops of their own, but no other node.
        node = inside[0].endpoint if inside is not None else self._node
        address = find_node(node, os.environ, Path.cwd(), option="connect(node=…)")
        caller: Caller | None = None

        def changed(services: set[str]) -> None:
            if caller is not None:
                caller.refresh(services)

        standing = Standing(
            address.endpoint, name=self._name, token=self._token, follow_all=self._follow_all, on_changed=changed
        )
        links = Links(self._name, self._token)
        caller = Caller(standing.view, links, standing.need, names=standing.names, on_lost=standing.report_lost)
        try:
            await standing.__aenter__()
        except NotSent as error:
            raise NoNode(f"the node {address.name or address.endpoint} does not answer: {error}") from error
        return Client(standing, caller, self._name)


def connect(node: str | None = None, *, name: str = "script", token: str = "", follow_all: bool = False) -> Connecting:
    """Connect to a running node: ``async with homeport.connect() as hp:`` or ``hp = await homeport.connect()``.

    ``node`` is its name, its folder or its endpoint; by default ``HOMEPORT_NODE``, the nearest ``.homeport`` folder
    upward, or the only running node. ``name`` is how callees see this program. ``follow_all`` learns of every service
    at once rather than of each at its first call, so that calls go on while the node process is away. Inside a worker
    it shares the worker's own connections.

    Raises (when awaited):
        NoNode: none was found, or several.
    """
    return Connecting(node, name, token, follow_all)


def connect_sync(node: str | None = None, *, name: str = "script", token: str = "") -> SyncClient:
    """Like ``connect()``, for code without an event loop (Django views, prefork servers) or beside a running one.

    ::

        with homeport.connect_sync() as hp:
            hp.service("payments").process({"amount": 5})

    Raises:
        NoNode: none was found, or several.
    """
    from homeport.client_sync import SyncClient

    return SyncClient(node, name, token)


def ambient_client() -> Client | None:
    """The client of the worker this code runs in; None outside of one."""
    inside = ambient.installed()
    return Client(*inside, inside[0].name, shared=True) if inside is not None else None
