"""Many watchers of one service, each over a connection of its own, that note when they are told what."""

from __future__ import annotations

import asyncio
from time import perf_counter

from homeport.contracts.signature import signature_of
from homeport.registry.api import REGISTRY_SERVICE, RegistryApi, WatchRequest
from homeport.rpc.client import ClientLink, connect
from homeport.rpc.frames import HEADER_SIZE, Bind


class Audience:
    """``bytes`` counts what arrived after the snapshots, frame headers included."""

    def __init__(self, size: int) -> None:
        self.bytes = 0
        self._size = size
        self._links: list[ClientLink] = []
        self._reading: list[asyncio.Task[None]] = []
        self._told: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
        self._arrivals: list[float] = []

    @classmethod
    async def open(cls, endpoint: str, service: str, size: int) -> Audience:
        """One after the other; everybody has had a snapshot."""
        audience = cls(size)
        encode = signature_of(RegistryApi, REGISTRY_SERVICE).methods["watch"].encode_arguments
        request = encode((WatchRequest(services=(service,)),), {})
        for _ in range(size):
            link = await connect(endpoint, name="watcher")
            audience._links.append(link)
            await audience._watch(link, request)
        return audience

    def _watch(self, link: ClientLink, request: bytes) -> asyncio.Future[None]:
        begun: asyncio.Future[None] = link.loop.create_future()

        def arrived(body: memoryview) -> None:
            # Called as the frame is read: the time is that of its arrival, and no decoding is waited for.
            if begun.done():
                self._on_change(len(body) + HEADER_SIZE)
            else:
                begun.set_result(None)

        number = link.number(Bind(service=REGISTRY_SERVICE, method="watch", caller="benchmark"))
        items = link.stream(number, f"{REGISTRY_SERVICE}.watch", request, arrived, None, None, None)

        async def read() -> None:
            async for _ in items:
                pass

        self._reading.append(asyncio.create_task(read(), name="watcher"))
        return begun

    def _on_change(self, size: int) -> None:
        self.bytes += size
        self._arrivals.append(perf_counter())
        if len(self._arrivals) == self._size and not self._told.done():
            self._told.set_result(self._arrivals)

    def next_change(self) -> asyncio.Future[list[float]]:
        """Done when everybody has been told of the next change: the moments of it."""
        self._arrivals = []
        self._told = asyncio.get_running_loop().create_future()
        return self._told

    async def aclose(self) -> None:
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        for link in self._links:
            link.close()
