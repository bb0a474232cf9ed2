"""The serving end: listens, and serves every connection that comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from homeport.errors import NotAllowed
from homeport.rpc.frames import Hello
from homeport.rpc.link import Endpoint, split_tcp
from homeport.rpc.server_link import ServerLink
from homeport.rpc.serving import Admission, Dispatcher
from homeport.rpc.socket_file import SocketFile

BACKLOG = 1024  # connections that may wait to be accepted: all workers of a node come at once


class RpcServer:
    """Listens on endpoints and serves what its dispatcher finds."""

    def __init__(self, dispatcher: Dispatcher, *, name: str, version: str = "", token: str = "") -> None:
        self.dispatcher = dispatcher
        self.hello = Hello(name=name, version=version, token="")
        self.token = token
        self.links: dict[ServerLink, None] = {}  # in order of arrival
        self._servers: list[asyncio.AbstractServer] = []
        self._files: list[SocketFile] = []

    async def listen(self, endpoint: Endpoint) -> None:
        """Serve on ``unix:/path`` (0600) or ``tcp://host:port``.

        Raises:
            OSError: the address is in use or may not be taken.
            NotAllowed: TCP beyond loopback without a token.
        """
        loop = asyncio.get_running_loop()
        if endpoint.startswith("unix:"):
            file = SocketFile(endpoint.removeprefix("unix:"))
            self._files.append(file)
            self._servers.append(
                await loop.create_unix_server(lambda: ServerLink(loop, self), sock=file.socket, backlog=BACKLOG)
            )
            return
        host, port = split_tcp(endpoint)
        if host not in ("127.0.0.1", "::1", "localhost") and not self.token:
            raise NotAllowed(
                f"refusing to listen on {endpoint} without a token; set [node] token, or bind to 127.0.0.1"
            )
        self._servers.append(await loop.create_server(lambda: ServerLink(loop, self), host, port, backlog=BACKLOG))

    def go_away(self, reason: str) -> None:
        for link in list(self.links):
            link.go_away(reason)

    def end_calls(self, admission: Admission) -> None:
        for link in list(self.links):
            link.end_calls(admission)

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for link in list(self.links):
            link.flush()
            link.close()
        for file in self._files:
            file.remove()


@asynccontextmanager
async def serve(endpoint: Endpoint, dispatcher: Dispatcher, *, name: str, token: str = "") -> AsyncIterator[RpcServer]:
    """Serve for as long as the block runs."""
    from homeport import __version__

    server = RpcServer(dispatcher, name=name, version=__version__, token=token)
    await server.listen(endpoint)
    try:
        yield server
    finally:
        await server.close()
