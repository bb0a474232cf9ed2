"""A process's standing with the registry: one connection kept up, one session, one view kept current."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import secrets
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from homeport.discovery.view import View
from homeport.errors import HomeportError, NotSent, Unavailable, UsageError
from homeport.model import Cause, State
from homeport.registry.api import (
    REGISTRY_SERVICE,
    AnyCommand,
    OpenSession,
    Registered,
    RegistryApi,
    SessionOpened,
    WatchRequest,
)
from homeport.rpc.api_client import api_proxy
from homeport.rpc.client import ClientLink, connect

if TYPE_CHECKING:
    from homeport.node.api import NodeApi

log = logging.getLogger("homeport.registry")

RETRY_FIRST, RETRY_MOST = 0.05, 1.0  # seconds between attempts to reach the node process
LEAVE_WITHIN = 1.0  # seconds to close a session in

Changed = Callable[[set[str]], None]


class Hosting:
    """What a worker adds to a plain client: a session, and somebody to carry out commands."""

    async def registered(self, opened: SessionOpened) -> None:
        """The session stands (again); register what the registry does not know."""

    async def command(self, command: AnyCommand) -> None:
        """The registry wants something."""


class Standing:
    """Keeps a connection to the node process; use as an async context manager.

    ``view`` follows the services in ``need()`` and ``follow()``; ``on_changed`` hears of each change. With ``hosting``
    a session is opened on every connection. ``follow_all`` follows every service there is. While the node process is
    away the view stays as it was, and callers go on.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        name: str,
        kind: str = "client",
        worker: str = "",
        release: str = "",
        ttl: float = 3.0,
        token: str = "",
        hosting: Hosting | None = None,
        follow_all: bool = False,
        on_changed: Changed = lambda changed: None,
    ) -> None:
        self.endpoint, self.name = endpoint, name
        self.view = View()
        self.session = secrets.token_hex(8)
        self._watcher = f"{name} {secrets.token_hex(4)}"
        self.on_changed = on_changed
        self.lost_since: float | None = None  # loop time since which the node process has not been reached
        self.registry: RegistryApi = api_proxy(RegistryApi, REGISTRY_SERVICE, self.link, caller=name)
        self._node: NodeApi | None = None
        self._kind, self._worker, self._release, self._ttl, self._token = kind, worker, release, ttl, token
        self._hosting = hosting
        self._link: ClientLink | None = None
        self._linked = asyncio.Event()
        self._telling: set[asyncio.Task[None]] = set()
        self._interests: set[str] = set()
        self._follow_all = follow_all
        self._slot = 0.0  # seconds to wait before coming back
        self._first_answer = asyncio.Event()
        self._interest_grew = asyncio.Event()
        self._refused: HomeportError | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        try:
            link = await self._connect()
        except NotSent:
            if self._hosting is None:
                raise
            link = None
        self._task = asyncio.create_task(self._keep(link), name=f"standing {self.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._closed = True
        if self._link is not None:
            self._link.close()

    # -- for callers ---------------------------------------------------------------------------------------------------

    @property
    def node(self) -> NodeApi:
        """The node process's own API."""
        if self._node is None:
            from homeport.node.api import NODE_SERVICE, NodeApi

            self._node = api_proxy(NodeApi, NODE_SERVICE, self.link, caller=self.name)
        return self._node

    async def link(self) -> ClientLink:
        """The connection to the node process; waits up to 3 s for one that is being made.

        Raises:
            NotSent: the node process cannot be reached.
            UsageError: this standing has ended.
        """
        if self._closed:
            raise UsageError(f"the client {self.name!r} is closed; open another with homeport.connect()")
        link = self._link
        if link is not None and link.usable:
            return link
        try:
            async with asyncio.timeout(3.0):
                await self._linked.wait()
        except TimeoutError:
            raise self._refused or NotSent(f"the node process at {self.endpoint} does not answer") from None
        assert self._link is not None
        return self._link

    async def need(self, service: str) -> None:
        """Follow one more service; returns when the view has a first answer about it."""
        if service in self._interests:
            return
        if self._follow_all:
            await self._first_answer.wait()
            if self.view.service(service).known:
                return
        answers = await self.registry.resolve([service])
        changed = {answer.service for answer in answers if self.view.answer(answer)}
        self.follow([service])
        self.on_changed(changed | {service})

    async def names(self) -> list[str]:
        """All services that the registry knows."""
        return [summary.name for summary in await self.registry.services()]

    def follow(self, services: Iterable[str]) -> None:
        """Watch these too, from the revision the view has."""
        new = set(services) - self._interests
        if new:
            self._interests |= new
            if not self._follow_all:
                self._interest_grew.set()

    def report_lost(self, instance: str, evidence: str) -> None:
        """Tell the registry that the connection to an instance broke; it may not have heard yet."""
        if self._link is not None:
            task = asyncio.get_running_loop().create_task(self._tell_lost(instance, evidence), name="registry.lost")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell_lost(self, instance: str, evidence: str) -> None:
        with contextlib.suppress(HomeportError):
            await self.registry.lost(instance, f"{self.name}: {evidence}")

    def took(self, registered: Registered) -> None:
        """A registration's reply carries every dependency's instances."""
        for answer in registered.dependencies:
            self.view.answer(answer)
        if not self.view.revision or self.view.store != registered.store:
            self.view.revision, self.view.store = registered.revision, registered.store
        self.follow(answer.service for answer in registered.dependencies)
        self.on_changed({answer.service for answer in registered.dependencies})

    def reconnect(self) -> None:
        """The registry does not know the session any more: open it anew over a fresh connection."""
        if self._link is not None:
            self._link.close(NotSent("the registry has forgotten the session"))

    # -- keeping it up -------------------------------------------------------------------------------------------------

    async def _connect(self) -> ClientLink:
        return await connect(self.endpoint, name=self.name, token=self._token)

    async def _keep(self, link: ClientLink | None) -> None:
        loop = asyncio.get_running_loop()
        pause = RETRY_FIRST
        while True:
            if link is None:
                self.lost_since = self.lost_since or loop.time()
                # Jittered, and first of all in the slot that the registry gave, so that those who lost it together do
                # not all come back together.
                await asyncio.sleep(pause * random.uniform(0.5, 1.0) + self._slot)
                self._slot = 0.0
                pause = min(pause * 2, RETRY_MOST)
                try:
                    link = await self._connect()
                except NotSent:
                    continue
            try:
                await self._stand(link)
            except Unavailable as error:
                log.info("registry.lost", extra={"error": str(error)})
            except HomeportError as error:
                self._refused = error
                log.error("registry.refused", extra={"error": str(error)})
            except Exception:  # a fault of ours or of the hosting: the worker must not be cut off for ever
                log.exception("registry.failed")
            finally:
                self._linked.clear()
                self._link = None
                link.close()
            if link.greeted:
                pause = RETRY_FIRST
            link = None

    async def _stand(self, link: ClientLink) -> None:
        """Stand on one connection until it is lost."""
        self._link = link
        self._linked.set()
        if self._hosting is not None:
            opened = await self.registry.open_session(
                OpenSession(
                    session=self.session,
                    worker=self._worker,
                    kind=self._kind,
                    pid=os.getpid(),
                    release=self._release,
                    ttl=self._ttl,
                    revision=self.view.revision,
                    store=self.view.store,
                )
            )
            await self._hosting.registered(opened)
        self.lost_since = None
        tasks = [asyncio.create_task(self._watch(link), name="registry.watch")]
        if self._hosting is not None:
            tasks.append(asyncio.create_task(self._obey(self._hosting), name="registry.commands"))
        lost = asyncio.ensure_future(asyncio.shield(link.lost))
        try:
            done, _ = await asyncio.wait([*tasks, lost], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in [*tasks, lost]:
                task.cancel()
            await asyncio.gather(*tasks, lost, return_exceptions=True)
        self.lost_since = asyncio.get_running_loop().time()
        if link.error is not None:
            raise link.error

    async def _watch(self, link: ClientLink) -> None:
        while True:
            while not self._interests and not self._follow_all:
                self._interest_grew.clear()
                await self._interest_grew.wait()
            self._interest_grew.clear()
            services = () if self._follow_all else tuple(sorted(self._interests))
            request = WatchRequest(
                services=services, from_revision=self.view.revision, store=self.view.store, watcher=self._watcher
            )
            grew = asyncio.create_task(self._interest_grew.wait(), name="registry.interest")
            follow = asyncio.create_task(self._follow(request), name="registry.follow")
            try:
                await asyncio.wait([grew, follow], return_when=asyncio.FIRST_COMPLETED)
                if follow.done():
                    follow.result()
                    raise NotSent("the registry ended the watch")
            finally:
                grew.cancel()
                follow.cancel()
                await asyncio.gather(grew, follow, return_exceptions=True)

    async def _follow(self, request: WatchRequest) -> None:
        async for item in self.registry.watch(request):
            self._slot = self._slot if item.slot is None else item.slot
            changed = self.view.fold(item)
            self._first_answer.set()
            if changed:
                self.on_changed(changed)
            if any(change.instance is not None and change.instance.state is State.DRAINING for change in item.changes):
                # No call of ours goes there any more: the instance may stop taking calls.
                await self.registry.acknowledge(self._watcher, item.revision)

    async def _obey(self, hosting: Hosting) -> None:
        async for command in self.registry.commands(self.session):
            await hosting.command(command)
        raise NotSent("the registry ended the command stream")

    async def leave(self, cause: Cause) -> None:
        """Close the session, as well as can be: the node process may be gone."""
        with contextlib.suppress(HomeportError, TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN):
                await self.registry.close_session(self.session, cause)
