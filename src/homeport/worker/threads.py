"""The bounded pool in which plain ``def`` methods of one instance run."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any

from homeport.rpc.context import thread_side
from homeport.rpc.serving import PoolExhausted


class MethodThreads:
    """Runs functions in at most ``size`` threads.

    A call that is cancelled leaves its thread behind: Python cannot stop one. The thread keeps its slot until the
    function returns, so that a hung dependency cannot fill the process with threads.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._busy = 0
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None  # made at the first use: most services have no def methods

    @property
    def busy(self) -> int:
        return self._busy

    def awaitable(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` as a coroutine function.

        Raises (when called): PoolExhausted.
        """

        @wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                if self._busy >= self._size:
                    raise PoolExhausted(
                        f"all {self._size} threads of {self._name} are busy; the call was not started "
                        f"(raise [services.{self._name}] threads, or await instead of blocking)"
                    )
                self._busy += 1
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._size, thread_name_prefix=f"homeport-{self._name}")
            loop = asyncio.get_running_loop()
            context = contextvars.copy_context()

            def run() -> Any:
                thread_side.loop = loop
                try:
                    return context.run(function, *args, **kwargs)
                finally:
                    thread_side.loop = None
                    with self._lock:
                        self._busy -= 1

            return await loop.run_in_executor(self._pool, run)

        return call

    def close(self) -> None:
        """Take nothing new; threads that run are left to end by themselves."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
