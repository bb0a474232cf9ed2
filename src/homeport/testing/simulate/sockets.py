"""The kernel's side of a connection: two ends, and a wire in each direction that keeps order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeport.testing.simulate.network import Network
    from homeport.testing.simulate.process import Process

CAPACITY = 200_000  # bytes on their way or unread, as a Unix socket takes by default
END, RESET = "end", "reset"  # what travels on a wire besides bytes

Item = bytes | str


class Socket:
    """One end of a connection. It outlives a pause of its process, and dies with it.

    ``on_readable`` and ``on_writable`` are called in the world's time; they must only note that something happened.
    """

    def __init__(self, network: Network, process: Process, label: str) -> None:
        self.process, self.label = process, label
        self.inbox = bytearray()
        self.ended = False  # the other end has sent all it will
        self.broken = False
        self.dead = False  # nobody holds this end any more
        self.on_readable: Callable[[], None] = _nobody
        self.on_writable: Callable[[], None] = _nobody
        self._network = network
        self.out: Wire
        process.sockets[self] = None

    @property
    def room(self) -> int:
        """Bytes that the kernel takes now."""
        return max(0, CAPACITY - self.out.outstanding)

    def send(self, data: bytes) -> int:
        """How many bytes were taken.

        Raises:
            ConnectionResetError: the other end is gone.
        """
        if self.broken:
            raise ConnectionResetError(104, "Connection reset by peer")
        taken = data[: self.room]
        if taken:
            self.out.put(taken)
        return len(taken)

    def receive(self, most: int) -> bytes:
        """What has arrived, at most so many bytes."""
        data = bytes(self.inbox[:most])
        del self.inbox[:most]
        if data:
            self.out.peer_reads(len(data))
        return data

    def close(self) -> None:
        if not self.dead:
            self.dead = True
            self.process.sockets.pop(self, None)
            self.out.put(RESET if self.inbox else END)

    def orphan(self, silently: bool) -> None:
        """Its process has died; the kernel tells the other end, unless the machine died as well."""
        self.dead = True
        self.on_readable = self.on_writable = _nobody
        if silently:
            self.out.vanish()
        else:
            self.out.put(RESET if self.inbox or self._network.world.rng.random() < 0.5 else END)

    def arrived(self, item: Item) -> None:
        """Something came off the wire."""
        if self.dead:
            if isinstance(item, bytes):
                self.out.put(RESET)
            return
        if item == RESET:
            self.broken = self.ended = True
            self.inbox.clear()
        elif isinstance(item, bytes):
            self.inbox += item
        else:
            self.ended = True
        self.on_readable()
        if self.broken:
            self.on_writable()


class Wire:
    """One direction of a connection: bytes arrive late but in order, as TCP makes them."""

    def __init__(self, network: Network, source: Socket, target: Socket) -> None:
        self._network, self.source, self.target = network, source, target
        self.outstanding = 0  # bytes that the target's process has not read
        self._items: deque[Item] = deque()
        self._last = 0.0  # when the latest arrives
        self._gone = False

    @property
    def cut(self) -> bool:
        return self._network.is_cut(self.source.process.name, self.target.process.name)

    def put(self, item: Item) -> None:
        if self._gone:
            return
        world = self._network.world
        if isinstance(item, bytes):
            self.outstanding += len(item)
            if len(item) > 1 and world.rng.random() < self._network.splitting:
                at = max(1, int(len(item) * world.rng.random()))
                self._send(item[:at])
                item = item[at:]
        if item:
            self._send(item)

    def _send(self, item: Item) -> None:
        self._items.append(item)
        self._schedule()

    def _schedule(self) -> None:
        world = self._network.world
        self._last = max(self._last + 1e-7, world.moment() + self._network.latency(self))
        world.at(self._last, self._arrive)

    def _arrive(self) -> None:
        if self._gone or not self._items:
            return
        if self.cut:
            self._network.stalled[self] = self._network.stalled.get(self, 0) + 1
            return
        self.target.arrived(self._items.popleft())

    def retry(self, count: int) -> None:
        """The partition is over: what was lost is sent again."""
        for _ in range(count):
            self._schedule()

    def peer_reads(self, count: int) -> None:
        """The process at this wire's source has read ``count`` bytes that came from its target."""
        back = self.target.out
        world = self._network.world
        world.at(world.moment() + self._network.latency(self), back.acknowledged, count)

    def acknowledged(self, count: int) -> None:
        self.outstanding -= count
        if not self.source.dead:
            self.source.on_writable()

    def vanish(self) -> None:
        """The machine at its source is gone: what it had sent may never arrive, and nothing else will."""
        self._gone = True
        self._items.clear()


def pair(network: Network, client: Process, server: Process, address: str) -> tuple[Socket, Socket]:
    """The two ends of a new connection."""
    near, far = Socket(network, client, address), Socket(network, server, address)
    near.out, far.out = Wire(network, near, far), Wire(network, far, near)
    return near, far


def _nobody() -> None:
    """Nobody holds this end."""
