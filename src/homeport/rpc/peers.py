"""Instances as one process reaches them: connections shared by endpoint, load and latency per instance."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from homeport.balancing.latency import PeakLatency
from homeport.balancing.outliers import Record
from homeport.balancing.policy import Ejection
from homeport.balancing.rendezvous import seed_of
from homeport.errors import NotSent, UsageError
from homeport.model import Instance
from homeport.rpc.client import CONNECT_TIMEOUT, ClientLink, connect
from homeport.rpc.frames import Bind
from homeport.rpc.link import Endpoint

MOST_NUMBERS = 4096


class Links:
    """The open connections of this process, one per endpoint."""

    def __init__(self, name: str, token: str = "") -> None:
        self.name = name
        self._token = token
        self._open: dict[Endpoint, ClientLink] = {}
        self._opening: dict[Endpoint, asyncio.Task[ClientLink]] = {}
        self._closed = False

    async def get(self, endpoint: Endpoint, within: float = CONNECT_TIMEOUT) -> ClientLink:
        """The connection to ``endpoint``, opened if need be; callers that wait for the same one share it.

        Raises:
            NotSent: nobody answers there within ``within`` seconds.
            UsageError: ``close()`` has been called.
        """
        if self._closed:
            raise UsageError(f"the client {self.name!r} is closed; open another with homeport.connect()")
        link = self._open.get(endpoint)
        if link is not None and link.usable:
            return link
        task = self._opening.get(endpoint)
        if task is None:
            task = asyncio.create_task(
                connect(endpoint, name=self.name, token=self._token), name=f"rpc.connect {endpoint}"
            )
            self._opening[endpoint] = task
            task.add_done_callback(lambda done: self._opened(endpoint, done))
        try:
            # Shielded: the first of several waiters may give up without failing the others.
            async with asyncio.timeout(within):
                return await asyncio.shield(task)
        except TimeoutError:
            raise NotSent(f"{endpoint} did not accept a connection within {within:g} s") from None

    def _opened(self, endpoint: Endpoint, task: asyncio.Task[ClientLink]) -> None:
        self._opening.pop(endpoint, None)
        if not task.cancelled() and task.exception() is None:
            self._open[endpoint] = task.result()

    def retire(self, keep: Iterable[Endpoint]) -> None:
        """Close idle connections to endpoints that nobody serves any more."""
        wanted = set(keep)
        for endpoint, link in list(self._open.items()):
            if link.closed:
                del self._open[endpoint]
            elif endpoint not in wanted:
                del self._open[endpoint]
                link.leaving = True
                link.close_when_answered()

    async def close(self) -> None:
        self._closed = True
        opening = list(self._opening.values())
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        for link in self._open.values():
            link.close()
        self._open.clear()


class Peer:
    """One ready instance: where it is, how many calls it has of ours, how slow it has been."""

    __slots__ = (
        "endpoint",
        "in_flight",
        "instance",
        "latency",
        "link",
        "links",
        "numbers",
        "pinging",
        "record",
        "seed",
        "weight",
    )

    def __init__(self, instance: Instance, links: Links, ejection: Ejection) -> None:
        self.links = links
        self.link: ClientLink | None = None
        self.numbers: dict[object, int] = {}  # per method stub, valid for ``link``
        self.in_flight = 0
        self.latency = PeakLatency()
        self.record = Record(instance.id, ejection)
        self.pinging = False
        self.seed = seed_of(instance.id)
        self.update(instance)

    def update(self, instance: Instance) -> None:
        self.instance = instance
        self.weight = instance.weight
        self.endpoint = next((one for one in instance.endpoints if one.startswith(("unix:", "tcp://"))), "")

    @property
    def http_endpoint(self) -> str:
        """Where it answers HTTP; "" when it does not."""
        return next((one for one in self.instance.endpoints if one.startswith("http")), "")

    async def connected(self, within: float) -> ClientLink:
        link = self.link
        if link is None or not link.usable:
            if not self.endpoint:
                raise NotSent(
                    f"{self.instance.id} has no endpoint for calls, only {', '.join(self.instance.endpoints)}"
                )
            link = await self.links.get(self.endpoint, within)
            self.link = link
            self.numbers.clear()
        return link

    def number(self, link: ClientLink, stub: object, bind: Bind) -> int:
        if len(self.numbers) >= MOST_NUMBERS:
            self.numbers.clear()  # a cache over the link's own: calls with a timeout each have a stub of their own
        number = self.numbers[stub] = link.number(bind)
        return number
