"""Runs an ASGI app on a listening socket, inside an event loop whose signals belong to somebody else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

_KEEP_ALIVE = 75  # seconds that an idle connection is kept


@asynccontextmanager
async def served(
    app: ASGIApp,
    listener: socket.socket,
    *,
    grace: float,
    drain: Callable[[], None],
    tls: tuple[str, str] | None = None,
) -> AsyncIterator[None]:
    """Serve while the block runs; then call ``drain`` and give what is in flight ``grace`` seconds to finish."""
    config = uvicorn.Config(
        app,
        loop="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(grace)),
        ws_max_size=16 * 1024 * 1024,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=(tls[1] or None) if tls else None,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    async with asyncio.TaskGroup() as tasks:
        dating = tasks.create_task(_keep_date(server), name="http.date")
        try:
            yield
        finally:
            drain()
            await server.shutdown(sockets=[listener])
            dating.cancel()


async def _keep_date(server: uvicorn.Server) -> None:
    # The server has a main loop of its own, which looks ten times a second; only its Date header is needed here.
    while True:
        await server.on_tick(0)
        await asyncio.sleep(1.0)
