"""The simulated network: who listens where, how long a byte travels, and who is cut off from whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from homeport.testing.simulate.sockets import Socket, Wire, pair
from homeport.testing.simulate.world import World

if TYPE_CHECKING:
    from homeport.testing.simulate.process import Process

SYN_AGAIN = 1.0  # seconds after which a connection request that was lost is sent again


class Listener:
    """An address that a process answers at; connections wait in ``backlog`` until it accepts them."""

    def __init__(self, network: Network, process: Process, address: str) -> None:
        self.network, self.process, self.address = network, process, address
        self.backlog: list[Socket] = []
        self.on_connection: Callable[[], None] = lambda: None
        self.open = True

    def close(self) -> None:
        self.open = False
        if self.network.listeners.get(self.address) is self:
            del self.network.listeners[self.address]
        for socket in self.backlog:
            socket.close()
        self.backlog.clear()


class Attempt:
    """A connection that is being made."""

    def __init__(self, network: Network, process: Process, address: str, answer: Callable[[Any], None]) -> None:
        self._network, self._process, self._address, self._answer = network, process, address, answer
        self._given_up = False

    def give_up(self) -> None:
        self._given_up = True

    def arrive(self) -> None:
        """The request is at the other side."""
        network, client = self._network, self._process
        if self._given_up or not client.alive:
            return
        listener = network.listeners.get(self._address)
        if listener is not None and network.is_cut(client.name, listener.process.name):
            network.world.after(SYN_AGAIN, self.arrive)
            return
        delay = network.delay()
        if listener is None or not listener.process.alive or len(listener.backlog) >= 100:
            network.world.after(delay, self._refused)
            return
        near, far = pair(network, client, listener.process, self._address)
        listener.backlog.append(far)
        listener.on_connection()
        network.world.trace.tell("connects to", self._address, process=client.name)
        network.world.after(delay, self._established, near, listener.process)

    def _established(self, near: Socket, server: Process) -> None:
        if self._given_up or not self._process.alive:
            near.close()
        elif self._network.is_cut(server.name, self._process.name):
            self._network.world.after(SYN_AGAIN, self._established, near, server)
        else:
            self._answer(near)

    def _refused(self) -> None:
        if not self._given_up:
            self._answer(ConnectionRefusedError(111, "Connection refused"))


class Network:
    """Stream connections between processes, told apart by name.

    Streams are reliable: what a partition holds up arrives when it is over, if both ends still stand. A delay is drawn
    between ``fastest`` and ``slowest`` seconds; one in fifty takes ten times as long.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.listeners: dict[str, Listener] = {}
        self.stalled: dict[Wire, int] = {}  # arrivals that a partition holds up
        self.fastest, self.slowest = 30e-6, 400e-6
        self.splitting = 0.1  # share of writes that arrive in two parts
        self._cut: dict[tuple[str, str], None] = {}
        self._slow: dict[tuple[str, str], float] = {}

    def delay(self) -> float:
        seconds = self.world.rng.uniform(self.fastest, self.slowest)
        return seconds * 10 if self.world.rng.random() < 0.02 else seconds

    def latency(self, wire: Wire) -> float:
        extra = self._slow.get((wire.source.process.name, wire.target.process.name), 0.0)
        return self.delay() + (extra * self.world.rng.uniform(0.5, 1.5) if extra else 0.0)

    # -- faults --------------------------------------------------------------------------------------------------------

    def is_cut(self, source: str, target: str) -> bool:
        return (source, target) in self._cut

    def cut(self, source: str, target: str) -> None:
        """Nothing gets from ``source`` to ``target`` any more."""
        self._cut[source, target] = None

    def slow(self, source: str, target: str, seconds: float) -> None:
        """What goes from ``source`` to ``target`` takes about ``seconds`` longer."""
        self._slow[source, target] = seconds

    def heal(self, source: str | None = None, target: str | None = None) -> None:
        """Mend what is cut or slow between the two, or everything."""
        for faults in (self._cut, self._slow):
            for way in [way for way in faults if source is None or way == (source, target)]:
                faults.pop(way)
        stalled, self.stalled = self.stalled, {}
        for wire, count in stalled.items():
            wire.retry(count)

    def reset(self, one: str, other: str) -> None:
        """Break every connection between the two; both ends learn of it."""
        for process in self.world.processes:
            for socket in list(process.sockets) if process.name == one else []:
                if socket.out.target.process.name == other:
                    socket.arrived("reset")
                    socket.out.target.arrived("reset")

    # -- for loops and threads -----------------------------------------------------------------------------------------

    def listen(self, process: Process, address: str) -> Listener:
        """
        Raises:
            OSError: somebody else listens there.
        """
        before = self.listeners.get(address)
        if before is not None and before.process.alive and not address.startswith("unix:"):
            raise OSError(98, f"Address already in use: {address}")
        listener = self.listeners[address] = Listener(self, process, address)
        return listener

    def connect(self, process: Process, address: str, connected: asyncio.Future[Any]) -> Attempt:
        """Make a connection; ``connected`` gets its socket, or an ``OSError``."""

        def settle(outcome: Any) -> None:
            if connected.done():
                if isinstance(outcome, Socket):
                    outcome.close()
            elif isinstance(outcome, Socket):
                connected.set_result(outcome)
            else:
                connected.set_exception(outcome)

        return self.request(process, address, lambda outcome: process.loop.call_soon(settle, outcome))

    def request(self, process: Process, address: str, answer: Callable[[Any], Any]) -> Attempt:
        """Make a connection; ``answer`` is called with its socket or an ``OSError``, in the world's time."""
        attempt = Attempt(self, process, address, answer)
        self.world.after(self.delay(), attempt.arrive)
        return attempt
