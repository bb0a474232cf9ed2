"""Runs an ASGI app inside a worker's event loop, on a Unix socket of its own."""

from __future__ import annotations

import contextlib
import os
import socket
from time import perf_counter
from typing import TYPE_CHECKING, Any

from homeport.errors import DefinitionError, UsageError

if TYPE_CHECKING:
    from uvicorn import Server

# Longer than any client of ours keeps an idle connection, so that none is closed just as it is used again.
_KEEP_ALIVE = 75


class AsgiServer:
    """Serves ``app`` as ``service`` at ``http+unix:<path>``; the app finds itself at ``/apps/<service>``.

    It takes no signals and leaves logging alone: both are the worker's. An app without lifespan (Django's) is ready at
    once.
    """

    def __init__(self, app: Any, service: str, path: str) -> None:
        self._app, self._service, self._path = app, service, path
        self._server: Server | None = None
        self._socket: socket.socket | None = None
        self._refusal = ""
        self.calls = self.failed = 0  # requests answered, and those of them that failed
        self.seconds = 0.0  # from arrival to the first line of the answer, of all requests together

    @property
    def endpoint(self) -> str:
        """Where it answers."""
        return f"http+unix:{self._path}"

    async def start(self) -> None:
        """Return when the app's lifespan has started and requests are answered.

        Raises:
            DefinitionError: the app's startup failed, or it is no ASGI app.
        """
        if not callable(self._app):
            kind = type(self._app).__name__
            raise DefinitionError(
                f"{self._service}: an ASGI app is callable, but this is a {kind}; name the app itself"
            )
        server = self._new_server()
        listener = self._bind()
        try:
            with contextlib.suppress(SystemExit):  # with which some versions of the server say that the lifespan failed
                await server.startup(sockets=[listener])
            if not server.started:
                reason = self._refusal.strip() or "it gave no reason"
                raise DefinitionError(f"the app {self._service!r} failed in its startup: {reason}")
        except BaseException:
            self._unbind()
            raise
        self._server = server

    async def stop(self, grace: float) -> None:
        """Accept nothing new, give running requests ``grace`` seconds, then cancel them; run the app's shutdown."""
        server, self._server = self._server, None
        if server is None:
            return
        server.config.timeout_graceful_shutdown = grace  # type: ignore[assignment]  # seconds; a fraction is fine
        try:
            await server.shutdown(sockets=[self._socket] if self._socket is not None else [])
        finally:
            self._unbind()

    def _new_server(self) -> Server:
        import uvicorn

        config = uvicorn.Config(
            self._watched,
            loop="none",
            lifespan="auto",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,  # the front dates the answer
            proxy_headers=True,
            forwarded_allow_ips="*",  # only this user's processes can open the socket
            root_path=f"/apps/{self._service}",
            timeout_keep_alive=_KEEP_ALIVE,
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        return server

    def _bind(self) -> socket.socket:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listener.bind(self._path)
        except OSError as error:
            listener.close()
            raise UsageError(f"cannot serve the app {self._service!r} at {self._path}: {error.strerror}") from error
        finally:
            os.umask(before)
        listener.setblocking(False)
        self._socket = listener
        return listener

    def _unbind(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    async def _watched(self, scope: Any, receive: Any, send: Any) -> None:
        """The app, counted, with an ear on what it says when its startup fails."""

        async def listening(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed":
                self._refusal = message.get("message", "")
            await send(message)

        if scope["type"] == "http":
            await self._counted(scope, receive, send)
        else:
            await self._app(scope, receive, listening if scope["type"] == "lifespan" else send)

    async def _counted(self, scope: Any, receive: Any, send: Any) -> None:
        arrived, status = perf_counter(), 0

        async def counting(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self.seconds += perf_counter() - arrived
            await send(message)

        try:
            await self._app(scope, receive, counting)
        except Exception:
            status = 500
            raise
        finally:
            self.calls += 1
            self.failed += status >= 500
