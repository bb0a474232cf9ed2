"""A process of callers, each with a client and so a balancer's view of its own; told what to do by lines of JSON.

``python -m benchmarks.harness.calling NODE SERVICE CALLERS CHOICE``
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any

import uvloop

import homeport
from benchmarks.harness.choices import CHOICES
from homeport.balancing.outliers import Effects
from homeport.client import Client
from homeport.rpc.peers import Peer
from homeport.rpc.routes import Route


class Witness:
    """Notes when one caller's balancer stops using an instance, for whatever reason."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._instance = ""
        self._peer: Peer | None = None
        self._found: dict[str, Any] | None = None
        heed, refresh = route.heed, route.refresh

        def heeding(effects: Effects) -> None:
            heed(effects)
            self._look()

        def refreshing() -> None:
            refresh()
            self._look()

        route.heed, route.refresh = heeding, refreshing  # type: ignore[method-assign]

    def watch(self, instance: str) -> None:
        self._instance, self._found = instance, None
        # Kept, since a route that has dropped an instance does not tell any more what is unanswered there.
        self._peer = next((one for one in self._route.peers if one.instance.id == instance), None)
        self._look()

    def _look(self) -> None:
        if not self._instance or self._found is not None:
            return
        if any(peer.instance.id == self._instance for peer in self._route.ejector.available):
            return
        now, peer = perf_counter(), self._peer
        # A call that nobody has answered: the oldest was sent then, or before the last answer came.
        since = peer.latency.since if peer is not None and peer.in_flight else None
        self._found = {"at": now, "since": since}

    def told(self) -> dict[str, Any] | None:
        return self._found


class Tally:
    """How the calls of one method went."""

    def __init__(self) -> None:
        self.failed: Counter[str] = Counter()
        self.seconds: list[float] = []  # of those that were answered

    def summary(self) -> dict[str, Any]:
        return {"calls": len(self.seconds) + self.failed.total(), "failed": self.failed, "seconds": self.seconds}


class Callers:
    """Calls at a steady rate, whatever comes back: the callers take turns, and so do the calls."""

    def __init__(self, clients: list[Client], service: str) -> None:
        self._clients = clients
        self._routes = [client.caller.route(service) for client in clients] if service else []
        self._witnesses = [Witness(route) for route in self._routes]
        self._tallies: dict[str, Tally] = {}
        self._out: set[asyncio.Task[None]] = set()
        self._pouring: asyncio.Task[None] | None = None

    async def load(self, rate: float, calls: Mapping[str, list[Any]], total: int | None = None) -> None:
        """From now on so many calls a second, of ``service.method`` with these arguments; ``total`` of them."""
        if self._pouring is not None:
            self._pouring.cancel()
        if rate:
            turns = itertools.islice(self._turns(calls), total)
            self._pouring = asyncio.create_task(self._pour(rate, turns), name="callers.pour")

    def _turns(self, calls: Mapping[str, list[Any]]) -> Iterator[Callable[[], None]]:
        for name in calls:
            self._tallies.setdefault(name, Tally())

        def begin(client: Client, name: str) -> None:
            service, method = name.split(".")
            call = getattr(client.service(service), method)(*calls[name])
            task = asyncio.create_task(self._call(call, self._tallies[name]), name=f"callers.{name}")
            self._out.add(task)
            task.add_done_callback(self._out.discard)

        # Round by round, so that a caller does not always make the same call.
        for turn in itertools.count():
            for number, client in enumerate(self._clients):
                name = list(calls)[(turn + number) % len(calls)]
                yield lambda client=client, name=name: begin(client, name)  # type: ignore[misc]

    async def _pour(self, rate: float, turns: Iterator[Callable[[], None]]) -> None:
        due = perf_counter()
        for begin in turns:
            now = perf_counter()
            if due > now:
                await asyncio.sleep(due - now)
            begin()
            due += 1 / rate

    async def _call(self, call: Any, tally: Tally) -> None:
        began = perf_counter()
        try:
            await call
        except Exception as error:  # whatever it is, the call has failed
            tally.failed[type(error).__name__] += 1
        else:
            tally.seconds.append(perf_counter() - began)

    def watch(self, instance: str) -> None:
        for witness in self._witnesses:
            witness.watch(instance)

    def told(self) -> list[dict[str, Any] | None]:
        """Of each caller, when it stopped using the instance."""
        return [witness.told() for witness in self._witnesses]

    async def finish(self) -> dict[str, Any]:
        """End the load and wait for what is out; how all calls since the last time went."""
        await self.load(0.0, {})
        await asyncio.gather(*self._out)
        done, self._tallies = self._tallies, {}
        return {name: tally.summary() for name, tally in done.items()}

    async def obey(self, order: dict[str, Any]) -> Any:
        match order["do"]:
            case "load":
                await self.load(order["rate"], order["calls"], order["total"])
            case "watch":
                self.watch(order["instance"])
            case "told":
                return self.told()
            case "finish":
                return await self.finish()
        return {}


async def main(node: str, service: str, count: int, choice: str) -> None:
    if choice:
        Route.choose = CHOICES[choice]()  # type: ignore[method-assign, assignment]
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(count):
            opening = homeport.connect(node, name=f"caller {number}", follow_all=not service)
            clients.append(await stack.enter_async_context(opening))
            if service:
                await clients[-1].caller.appear(clients[-1].caller.route(service), None)
        callers = Callers(clients, service)
        print(json.dumps({"ready": count}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await callers.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
