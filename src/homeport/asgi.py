"""For web apps: one Homeport client that lives as long as the app does.

::

    app = FastAPI(lifespan=homeport.asgi.lifespan())

    @app.get("/orders/{id}")
    async def order(id: str, request: Request):
        return await request.state.homeport.service("payments").of_order(id)

Inside a worker of Homeport the worker's own connections are shared; anywhere else the client finds the node as
``homeport.connect()`` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from homeport.client import Client, ambient_client, connect
from homeport.errors import UsageError

Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]

# Per event loop, because requests run in other tasks than the lifespan, and loops of other threads have other clients.
_open: WeakKeyDictionary[asyncio.AbstractEventLoop, list[Client]] = WeakKeyDictionary()


def lifespan(inner: Lifespan | None = None, *, node: str | None = None, name: str = "app") -> Lifespan:
    """A lifespan for FastAPI or Starlette that opens a client, as ``request.state.homeport`` and ``client()``.

    ``inner`` is the lifespan the app has already: it runs inside, may use ``client()``, and what it yields is kept.
    ``node`` and ``name`` are those of ``homeport.connect()``.

    Raises (when the app starts):
        NoNode: no running node was found, or several.
    """

    @asynccontextmanager
    async def run(app: Any) -> AsyncIterator[dict[str, Any]]:
        clients = _open.setdefault(asyncio.get_running_loop(), [])
        async with AsyncExitStack() as stack:
            opened = await stack.enter_async_context(connect(node, name=name))
            clients.append(opened)
            stack.callback(clients.remove, opened)
            given = await stack.enter_async_context(inner(app)) if inner is not None else None
            state: Mapping[str, Any] = given or {}
            yield {"homeport": opened, **state}

    return run


def client() -> Client:
    """The client of the app that runs on this event loop.

    Raises:
        UsageError: no app here has ``lifespan()``, or it has not started.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            "homeport.asgi.client() is for code on the event loop; in a plain `def` use homeport.connect_sync()"
        ) from None
    clients = _open.get(loop)
    opened = clients[-1] if clients else ambient_client()
    if opened is None:
        raise UsageError("no Homeport client is open here; give the app lifespan=homeport.asgi.lifespan()")
    return opened
