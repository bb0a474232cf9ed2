"""What a command may touch outside itself, handed in by ``main`` so that tests can hand in something else."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from homeport.node.api import NodeApi
    from homeport.packaged import Package
    from homeport.registry.api import RegistryApi


class Client(Protocol):
    """The part of ``homeport.connect()``'s client that commands use."""

    @property
    def registry(self) -> RegistryApi: ...

    @property
    def node(self) -> NodeApi: ...

    async def call_json(self, service: str, method: str, body: bytes, *, timeout: float | None = None) -> bytes: ...

    def stream_json(
        self, service: str, method: str, body: bytes, *, timeout: float | None = None
    ) -> AsyncIterator[bytes]: ...


class Connect(Protocol):
    """Opens a client to the node that ``--node`` names, or to the one found from the working folder."""

    def __call__(self, node: str | None, /) -> AbstractAsyncContextManager[Client]: ...


def connect(node: str | None, /) -> AbstractAsyncContextManager[Client]:
    """The real thing: ``homeport.connect()`` under the command line's name.

    Raises:
        NoNode: none was found, or several.
    """
    from homeport.client import connect as open_client
    from homeport.nodes import find_node

    return open_client(node=find_node(node, os.environ, Path.cwd()).endpoint, name="homeport")


class Surroundings(NamedTuple):
    """The real ones by default."""

    connect: Connect = connect
    environ: Mapping[str, str] = os.environ
    cwd: Callable[[], Path] = Path.cwd
    wall: Callable[[], float] = time.time
    package: Package | None = None  # the application that this program has inside

    @property
    def program(self) -> str:
        """What people call this program."""
        return self.package.manifest.name if self.package is not None else "homeport"

    def source(self, asked: str) -> str:
        """Where the source of TARGET is, to be read: that inside this program, if none was given."""
        return asked or (str(self.package.root) if self.package is not None else ".")

    def target(self, asked: str) -> str:
        """TARGET to be run: as given; else the program's own application, or the working folder."""
        return asked or (str(self.package.folder) if self.package is not None else ".")
