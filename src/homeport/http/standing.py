"""The front's standing with the node: its session, its view of all services, and how long the node has been silent."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from contextlib import aclosing, suppress
from typing import Any

from homeport.clock import Clock
from homeport.errors import HomeportError, Unavailable
from homeport.http.directory import Directory
from homeport.http.ports import FrontClient
from homeport.model import Cause
from homeport.registry.api import Heartbeat, OpenSession, WatchRequest

log = logging.getLogger("homeport.http")

_RETRY_AFTER = 0.3  # seconds; a restarted node is found again well before anybody waits for it
_PROOF = 3  # beats in a row that must fail: one late look at the clock proves nothing


class Orphaned(HomeportError):
    """The node process has been gone for longer than the front may serve without one."""


class Standing:
    """Keeps a session of kind *front* alive and the directory up to date, over restarts of the node."""

    def __init__(
        self,
        client: FrontClient,
        directory: Directory,
        *,
        name: str,
        lease: float,
        orphan_grace: float,
        clock: Clock,
    ) -> None:
        self._client, self._directory, self._clock = client, directory, clock
        self._name, self._lease, self._orphan_grace = name, lease, orphan_grace
        self._session = secrets.token_hex(8)
        self._opened = False
        self._heard = clock.now()
        self._failed = 0

    @property
    def silence(self) -> float:
        """Seconds since the node last answered."""
        return self._clock.now() - self._heard

    @property
    def reachable(self) -> bool:
        return self._opened and self._failed == 0

    async def keep(self) -> None:
        """Run until cancelled.

        Raises:
            Orphaned: the node stayed away for longer than ``orphan_grace``.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._beat(), name="http.beat")
                tasks.create_task(self._follow(), name="http.follow")
        except BaseExceptionGroup as group:
            orphaned = group.subgroup(Orphaned)
            if orphaned is None:
                raise
            raise Orphaned(*orphaned.exceptions[0].args) from None

    async def close(self, reason: str) -> None:
        """Give the session back, if the node is there to take it."""
        if not self._opened:
            return
        with suppress(HomeportError, TimeoutError):
            async with asyncio.timeout(1.0):
                cause = Cause(what=reason, actor=f"front {self._name}", at=self._clock.wall())
                await self._client.registry.close_session(self._session, cause)

    async def _beat(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._lease):
                    await self._renew()
            except (HomeportError, TimeoutError) as error:
                self._missed(error)
                await self._clock.sleep(min(_RETRY_AFTER * self._failed, self._lease / 3))
                continue
            if self._failed >= _PROOF:
                log.info("node.back", extra={"silence": round(self.silence, 1)})
            self._heard, self._failed = self._clock.now(), 0
            await self._clock.sleep(self._lease / 3)

    async def _renew(self) -> None:
        registry = self._client.registry
        if self._opened and (await registry.heartbeat(Heartbeat(session=self._session))).known:
            return
        await registry.open_session(
            OpenSession(
                session=self._session,
                worker=self._name,
                kind="front",
                pid=os.getpid(),
                ttl=self._lease,
                revision=self._directory.revision,
                store=self._directory.store,
            )
        )
        self._opened = True

    def _missed(self, error: BaseException) -> None:
        self._failed += 1
        if self._failed == _PROOF:
            log.warning("node.silent", extra={"silence": round(self.silence, 1), "why": str(error)})
        if self._failed >= _PROOF and self.silence >= self._orphan_grace:
            why = str(error) or "it does not answer"
            raise Orphaned(f"no node process for {self.silence:.0f} s: {why}")

    async def _follow(self) -> None:
        while True:
            try:
                await self._watch_once()
            except Unavailable as error:
                log.debug("watch.lost", extra={"why": str(error)})
            except HomeportError as error:
                log.warning("watch.failed", extra={"why": str(error)})
            finally:
                self._directory.following = False
            await self._clock.sleep(_RETRY_AFTER)

    async def _watch_once(self) -> None:
        directory = self._directory
        request = WatchRequest(from_revision=directory.revision, store=directory.store)
        items: Any = self._client.registry.watch(request)
        async with aclosing(items):
            async for item in items:
                directory.fold(item)
                directory.following = True
