"""Keeps a worker's lease alive from a thread of its own, so that a busy event loop does not lose it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

from homeport.errors import HomeportError
from homeport.health.stalls import StallWatch
from homeport.registry.api import REGISTRY_SERVICE, Counters, Heartbeat
from homeport.rpc.blocking import BlockingLink
from homeport.rpc.frames import Bind

log = logging.getLogger("homeport.worker")

V = TypeVar("V")

LAG_TICK = 0.25  # seconds between looks at the loop
NO_STALLS = float("inf")
_BEAT = Bind(service=REGISTRY_SERVICE, method="heartbeat")


class HeartbeatThread:
    """Beats every third of the lease, saying how far the event loop is behind, and in what when it is stalled.

    ``root`` is the folder that the user's code is below. A loop that is late by ``stalled_after`` seconds is stalled.
    ``lost`` is called on the loop when the registry does not know the session any more.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        name: str,
        session: str,
        lease: float,
        counters: Callable[[], dict[str, Counters]],
        lost: Callable[[], None],
        root: str = "",
        stalled_after: float = 1.0,
        token: str = "",
    ) -> None:
        self._endpoint, self._name, self._session, self._token = endpoint, name, session, token
        self._period = lease / 3
        self._counters, self._lost = counters, lost
        self._loop = asyncio.get_running_loop()
        self._stalls = StallWatch(lambda: self.lag, threading.get_ident(), root, stalled_after)
        self._stop = threading.Event()
        self._ticked = monotonic()
        self._ticker: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._run, name="homeport-heartbeat", daemon=True)

    @property
    def lag(self) -> float:
        """Seconds the event loop is behind."""
        return max(0.0, monotonic() - self._ticked - LAG_TICK)

    def __enter__(self) -> Self:
        self._tick()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._ticker is not None:
            self._ticker.cancel()

    def _tick(self) -> None:
        self._ticked = monotonic()
        self._ticker = self._loop.call_later(LAG_TICK, self._tick)

    def _run(self) -> None:
        link: BlockingLink | None = None
        due, told = monotonic() + self._period, False
        while not self._stop.wait(min(LAG_TICK, self._period)):
            stalled, blocked_in = self._unless_it_fails(self._stalls.look, (0.0, ""))
            if monotonic() < due and bool(stalled) == told:
                continue
            due, told = monotonic() + self._period, bool(stalled)
            try:
                if link is None:
                    link = BlockingLink(self._endpoint, name=self._name, token=self._token, timeout=self._period)
                counters: dict[str, Counters] = self._unless_it_fails(self._counters, {})
                beat = Heartbeat(
                    session=self._session,
                    lag=round(self.lag, 3),
                    stalled=round(stalled, 3),
                    blocked_in=blocked_in,
                    in_flight={instance: counted.in_flight for instance, counted in counters.items()},
                    counters=counters,
                )
                reply = link.call(_BEAT, beat)
                if not reply["known"] and not self._call_on_loop(self._lost):
                    break
            except (HomeportError, OSError) as error:
                log.debug("heartbeat.missed", extra={"error": str(error)})
                if link is not None:
                    link.close()
                link = None
        if link is not None:
            link.close()

    def _call_on_loop(self, callback: Callable[[], None]) -> bool:
        """Whether there still is a loop; without one the worker is ending."""
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return False
        return True

    def _unless_it_fails(self, look: Callable[[], V], otherwise: V) -> V:
        """A fault in what a beat tells must not end the beating: the worker would lose its lease."""
        try:
            return look()
        except Exception:
            log.exception("heartbeat.untold")
            return otherwise
