"""How much of the loop's time a coroutine takes, its waits left out."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from time import perf_counter
from typing import Any


class StepTimer:
    """Awaits what it wraps and sums the time of its steps in ``seconds``."""

    __slots__ = ("_inner", "seconds")

    def __init__(self, inner: Awaitable[Any]) -> None:
        self._inner = inner
        self.seconds = 0.0

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._inner.__await__()
        send: Any = None
        error: BaseException | None = None
        while True:
            began = perf_counter()
            try:
                if error is not None:
                    yielded = inner.throw(error)
                elif send is None:
                    yielded = next(inner)
                else:
                    yielded = inner.send(send)
            except StopIteration as stop:
                return stop.value
            finally:
                self.seconds += perf_counter() - began
            error = None
            try:
                send = yield yielded
            except BaseException as thrown:
                error, send = thrown, None
