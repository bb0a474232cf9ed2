"""Keeps the front process running: it serves HTTP, so its port outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from homeport.clock import Clock
from homeport.errors import HomeportError
from homeport.node.adoption import Record
from homeport.node.backoff import Backoff, BackoffLimits
from homeport.node.launch import Process, describe_exit

log = logging.getLogger("homeport.node")

_LOOK = 0.03  # seconds between looks for the file that says it serves


class FrontLauncher(Protocol):
    """Starts front processes and remembers them for a successor."""

    def launch(self, listening: socket.socket, url: str) -> Process:
        """Start a front that serves the listening socket.

        Raises:
            LaunchFailed: the operating system refused.
        """

    def forget(self) -> None:
        """The front has ended."""

    def last_lines(self) -> str:
        """The last lines the front wrote, as evidence."""


class Front:
    """One front process, started again when it ends.

    The node binds the port and hands it down, so a front that is started again answers at the same address, and
    requests meanwhile wait in the backlog. An adopted front holds the port alone; it is bound anew when that one ends.
    """

    def __init__(
        self,
        launcher: FrontLauncher,
        bind: Callable[[int], tuple[socket.socket, str]],
        ready_file: Path,
        clock: Clock,
        rng: random.Random,
        on_ready: Callable[[], None],
    ) -> None:
        self._launcher, self._bind, self._ready_file = launcher, bind, ready_file
        self._clock, self._rng, self._on_ready = clock, rng, on_ready
        self._backoff = Backoff(BackoffLimits())
        self._listening: socket.socket | None = None
        self._process: Process | None = None
        self._ended = asyncio.Event()
        self._stopping = False
        self._port = 0
        self.url = ""
        self.answers = False
        self.trouble = ""  # why it does not answer

    def adopt(self, record: Record, process: Process) -> None:
        """Take over a front that serves already."""
        self._process, self._port, self.url = process, record.port, record.url
        self.answers = True
        log.info("front.adopted", extra={"pid": process.pid, "url": record.url})

    def start(self, listening: socket.socket, url: str) -> None:
        """Start the first front process on a socket that is bound already."""
        self._listening, self.url, self._port = listening, url, listening.getsockname()[1]
        self._launch()

    async def run(self) -> None:
        """Keep a front running until cancelled; it keeps running then."""
        while True:
            started = self._clock.now()
            if self._process is not None:
                async with asyncio.TaskGroup() as tasks:
                    looking = tasks.create_task(self._until_it_serves(), name="front.ready")
                    status = await self._process.wait()
                    looking.cancel()
                self._note_end(status)
            if self._stopping:
                return
            await self._clock.sleep(self._backoff.failed(self._clock.now() - started, self._rng.random()))
            if not self._stopping:
                self._launch()

    async def stop(self, patience: float) -> None:
        """End it: requests in flight are answered first, for up to ``patience`` seconds."""
        self._stopping = True
        self._close_port()
        if self._process is None:
            return
        self._process.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(patience):
                await self._ended.wait()
        except TimeoutError:
            log.warning("front.killed", extra={"pid": self._process.pid, "patience": patience})
            self.kill()

    def kill(self) -> None:
        self._stopping = True
        if self._process is not None:
            self._process.signal(signal.SIGKILL)

    def _launch(self) -> None:
        try:
            if self._listening is None:
                self._listening, self.url = self._bind(self._port)
            with contextlib.suppress(FileNotFoundError):
                self._ready_file.unlink()
            self._process = self._launcher.launch(self._listening, self.url)
            self._ended.clear()
            log.info("front.started", extra={"pid": self._process.pid, "url": self.url})
        except (HomeportError, OSError) as error:
            self.trouble = str(error)
            log.error("front.not_started", extra={"error": str(error)})

    async def _until_it_serves(self) -> None:
        while not self.answers:
            if self._ready_file.exists():
                self.answers, self.trouble = True, ""
                log.info("front.ready", extra={"url": self.url})
                self._on_ready()
            else:
                await self._clock.sleep(_LOOK)

    def _note_end(self, status: int | None) -> None:
        pid = self._process.pid if self._process is not None else 0
        self._process, self.answers = None, False
        self._ended.set()
        if self._stopping:
            log.info("front.ended", extra={"pid": pid})
        else:
            self.trouble = f"{describe_exit(status)}\n{self._launcher.last_lines()}".rstrip()
            log.error("front.ended", extra={"pid": pid, "evidence": self.trouble})
        self._launcher.forget()

    def _close_port(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
