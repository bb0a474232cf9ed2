"""Commands to workers, kept until what they ask for has come about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from homeport.registry.api import AnyCommand, DrainInstance, DrainWorker, StartInstance


class Outbox:
    """What one worker is asked to do and has not yet been seen to do, in order.

    A stream that begins gives all of it again, so a command that was lost with a connection is not lost; a worker
    takes a repeated command as done. A new stream ends the one before.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], AnyCommand] = {}
        self._stream: asyncio.Queue[AnyCommand | None] | None = None

    def put(self, command: AnyCommand) -> None:
        key = _key(command)
        if self._open.get(key) != command:
            self._open[key] = command
            if self._stream is not None:
                self._stream.put_nowait(command)

    def started(self, instance: str) -> None:
        """It has started, or failed to."""
        self._open.pop(("start", instance), None)

    def gone(self, instance: str) -> None:
        self._open.pop(("start", instance), None)
        self._open.pop(("drain", instance), None)

    def end(self) -> None:
        """The session is over: so is the stream."""
        if self._stream is not None:
            self._stream.put_nowait(None)

    async def stream(self) -> AsyncGenerator[AnyCommand, None]:
        self.end()
        stream: asyncio.Queue[AnyCommand | None] = asyncio.Queue()
        self._stream = stream
        for command in self._open.values():
            stream.put_nowait(command)
        try:
            while (command_or_end := await stream.get()) is not None:
                yield command_or_end
        finally:
            if self._stream is stream:
                self._stream = None


def _key(command: AnyCommand) -> tuple[str, str]:
    match command:
        case StartInstance(instance=instance):
            return ("start", instance)
        case DrainInstance(instance=instance):
            return ("drain", instance)
        case DrainWorker():
            return ("drain-worker", "")
