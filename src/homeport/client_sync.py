"""The client for code that does not await: one background thread with a loop of its own, renewed after a fork."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from homeport.client import Client, connect
from homeport.errors import UsageError
from homeport.model import Change, Instance

T = TypeVar("T")


class _LoopThread:
    """An event loop in a daemon thread, for this process only."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="homeport-client", daemon=True)
        self._thread.start()

    def run(self, coro: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(coro, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C in this thread cancels the call, over every hop
            raise

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=2)
        if not self._thread.is_alive():
            self._loop.close()


class SyncHandle:
    """Another service, called without await; a method that streams gives a plain iterator."""

    def __init__(self, client: SyncClient, target: Any, shown: str) -> None:
        self._client, self._target, self._shown = client, target, shown

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        client, target = self._client, self._target

        def call(*args: Any, **kwargs: Any) -> Any:
            async def start() -> Any:
                service = await client._resolve(target)
                stub = getattr(service, name)
                if hasattr(stub, "resolved"):
                    await stub.resolved()
                result = stub(*args, **kwargs)
                return result if hasattr(result, "__aiter__") else await result

            result = client._run(start())
            return client._iterate(result) if hasattr(result, "__aiter__") else result

        call.__name__ = name
        return call

    def __repr__(self) -> str:
        return f"<service {self._shown}, sync>"


class SyncClient:
    """Calls services from code that does not await.

    Usable from several threads, inside a running event loop (which it blocks), and after a fork: the child opens
    connections of its own at its first call.
    """

    def __init__(self, node: str | None, name: str, token: str) -> None:
        self._node, self._name, self._token = node, name, token
        self._lock = threading.Lock()
        self._thread: _LoopThread | None = None
        self._client: Client | None = None
        self._closed = False
        os.register_at_fork(after_in_child=self._forget)
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def service(self, name: str) -> Any:
        """A handle whose results are plain data: ``hp.service("payments").process(payment)``."""
        return SyncHandle(self, name, repr(name))

    def get(self, cls: type[Any], name: str | None = None) -> Any:
        """A handle with the types of the service class ``cls``."""
        return SyncHandle(self, (cls, name), cls.__name__)

    def watch(self, service: str) -> Iterator[Change]:
        """The service's instances as they are, then each change."""
        return self._iterate(self._open()[1].watch(service))

    def instances(self, service: str = "") -> list[Instance]:
        """The instances of one service, or of all."""
        thread, client = self._open()
        return thread.run(client.instances(service))

    def close(self) -> None:
        """End the connections and the background thread."""
        with self._lock:
            thread, client = self._thread, self._client
            self._thread = self._client = None
            self._closed = True
        if thread is not None and client is not None:
            thread.run(client.close())
            thread.stop()

    # -- the other thread ----------------------------------------------------------------------------------------------

    async def _resolve(self, target: Any) -> Any:
        client = self._client
        if client is None:
            raise UsageError("this client is closed; open another with homeport.connect_sync()")
        return client.service(target) if isinstance(target, str) else client.get(*target)

    def _run(self, coro: Coroutine[Any, Any, T]) -> T:
        try:
            thread, _ = self._open()
        except BaseException:
            coro.close()
            raise
        return thread.run(coro)

    def _iterate(self, items: Any) -> Iterator[Any]:
        done = object()

        async def following() -> Any:
            return await anext(items, done)

        try:
            while (item := self._run(following())) is not done:
                yield item
        finally:
            self._run(items.aclose())

    def _open(self) -> tuple[_LoopThread, Client]:
        with self._lock:
            if self._closed:
                raise UsageError("this client is closed; open another with homeport.connect_sync()")
            if self._thread is None or self._client is None:
                thread = _LoopThread()
                try:
                    self._client = thread.run(self._connected())
                except BaseException:
                    thread.stop()
                    raise
                self._thread = thread
            return self._thread, self._client

    async def _connected(self) -> Client:
        return await connect(self._node, name=self._name, token=self._token)

    def _forget(self) -> None:
        """In a forked child: the parent's thread and connections are not ours."""
        self._thread = self._client = None
        self._lock = threading.Lock()
