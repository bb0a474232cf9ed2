"""Steps that are undone, last first, when a later one fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context
from types import TracebackType
from typing import Any, Self

log = logging.getLogger(__name__)


class Saga:
    """Inside its ``async with`` block, say how to undo each step *before* taking it.

    Before, because a step whose answer never came may have been carried out all the same. So whatever undoes a step
    must do no harm where there is nothing to undo.
    """

    _undoing: set[asyncio.Task[None]] = set()  # of all sagas: nothing else holds on to a task

    def __init__(self) -> None:
        self._undo: list[tuple[Callable[[str], Awaitable[Any]], str]] = []

    def undo_with(self, undo: Callable[[str], Awaitable[Any]], order_id: str) -> None:
        self._undo.append((undo, order_id))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        # In an empty context, and out of reach of a cancellation: the deadline of the call may be what went wrong,
        # and undoing it needs time of its own.
        undoing = asyncio.create_task(self._undo_all(), name="saga.undo", context=Context())
        self._undoing.add(undoing)
        undoing.add_done_callback(self._undoing.discard)
        await asyncio.shield(undoing)

    @classmethod
    async def settled(cls) -> None:
        """Return when nothing is being undone any more."""
        await asyncio.gather(*cls._undoing)

    async def _undo_all(self) -> None:
        for undo, order_id in reversed(self._undo):
            try:
                await undo(order_id)
            except Exception:  # the other steps must be undone all the same
                log.exception("saga.undo_failed", extra={"step": str(undo), "order": order_id})
