"""The client for code that does not await: one background thread with a loop of its own, renewed after a fork."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from homeport.client import Client, connect
from homeport.errors import ConnectionLost, UsageError
from homeport.model import Change, Instance
from homeport.rpc.context import CURRENT, CallContext, moved
from homeport.rpc.handles import Deferred

T = TypeVar("T")

_CLOSED = "this client is closed; open another with homeport.connect_sync()"


class _LoopThread:
    """An event loop in a daemon thread, for this process only."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._ending = False
        self._submitting = threading.RLock()  # a stream that is forgotten may be so in the midst of a submission
        self._thread = threading.Thread(target=self._loop.run_forever, name="homeport-client", daemon=True)
        self._thread.start()

    def run(self, coro: Coroutine[Any, Any, T]) -> T:
        """The result of ``coro``, under the deadline and with the metadata of the code that calls this.

        Raises:
            UsageError: the thread has been stopped, or was another process's.
        """
        caller = CURRENT.get()
        if caller is not None:
            coro = _in_the_name_of(caller, caller.remaining(), coro)
        try:
            return self._submit(coro).result()
        except CancelledError:
            raise ConnectionLost("the client was closed before the answer came") from None
        except BaseException:
            self._cancel(coro)  # Ctrl-C in this thread cancels the call, over every hop
            raise

    def _cancel(self, coro: Coroutine[Any, Any, Any]) -> None:
        """By the coroutine, since Ctrl-C may come when it is on its way and no future of it is in hand yet."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nothing runs any more
            self._loop.call_soon_threadsafe(_cancel_task, coro)

    def forget(self, items: AsyncGenerator[Any, None]) -> None:
        """Close a stream, without waiting for it: the garbage collector may ask for this in any thread."""
        with contextlib.suppress(UsageError):
            self._submit(_closing(items))

    def _submit(self, coro: Coroutine[Any, Any, T]) -> Future[T]:
        if self._pid != os.getpid():  # asked before the lock, which the fork may have caught in another thread's hands
            coro.close()
            raise UsageError("this stream was opened before the process forked; call the method again")
        with self._submitting:
            if not self._ending:
                return asyncio.run_coroutine_threadsafe(coro, self._loop)
        coro.close()
        raise UsageError(_CLOSED)

    def stop(self) -> None:
        """Cancel what still runs, then end the thread."""
        with self._submitting:
            self._ending = True
        with contextlib.suppress(TimeoutError):  # something swallows its cancellation; the thread ends with the program
            asyncio.run_coroutine_threadsafe(_cancel_the_rest(), self._loop).result(timeout=5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._loop.close()


async def _in_the_name_of(caller: CallContext, remaining: float | None, coro: Coroutine[Any, Any, T]) -> T:
    CURRENT.set(moved(caller, remaining))
    return await coro


def _cancel_task(coro: Coroutine[Any, Any, Any]) -> None:
    for task in asyncio.all_tasks():
        if task.get_coro() is coro:
            task.cancel()


async def _closing(items: AsyncGenerator[Any, None]) -> None:
    with contextlib.suppress(RuntimeError):  # the step that was just cancelled closes it by itself
        await items.aclose()


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


class SyncHandle:
    """Another service, called without await; a method that streams gives a plain iterator."""

    def __init__(self, client: SyncClient, find: Callable[[Client], Any], shown: str) -> None:
        self._client, self._find, self._shown = client, find, shown

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._client._call(self._find, name, args, kwargs)

        call.__name__ = name
        self.__dict__[name] = call
        return call

    def __repr__(self) -> str:
        return f"<service {self._shown}, sync>"


class SyncClient:
    """Calls services from code that does not await; made by ``connect_sync()``.

    Usable from several threads, inside a running event loop (which it blocks), and after a fork: the child opens
    connections of its own at its first call. ``with homeport.timeout(2):`` bounds the calls inside, and Ctrl-C cancels
    the one that runs.
    """

    def __init__(self, node: str | None, name: str, token: str) -> None:
        self._node, self._name, self._token = node, name, token
        self._lock = threading.Lock()
        self._thread: _LoopThread | None = None
        self._client: Client | None = None
        self._closed = False
        self._open()
        _clients.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def service(self, name: str) -> Any:
        """A handle whose results are plain data: ``hp.service("payments").process(payment)``."""
        return SyncHandle(self, lambda client: client.service(name), repr(name))

    def get(self, cls: type[Any], name: str | None = None) -> Any:
        """A handle whose results have the types of the service class ``cls``.

        Type checkers see ``Any``: no annotation turns the class's ``async`` methods into plain ones.

        Raises (when called):
            DefinitionError: ``cls`` is not marked ``@service``, and no ``name`` was given.
        """
        return SyncHandle(self, lambda client: client.get(cls, name), cls.__name__)

    def watch(self, service: str) -> Iterator[Change]:
        """The service's instances as they are, then each change, once and in order."""
        thread, client = self._open()
        return _iterate(thread, cast(AsyncGenerator[Change, None], client.watch(service)))

    def instances(self, service: str = "") -> list[Instance]:
        """The instances of one service, or of all."""
        thread, client = self._open()
        return thread.run(client.instances(service))

    def ask(self, question: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """The answer to a question put to the client that awaits, which lives in the background thread."""
        thread, client = self._open()
        return thread.run(question(client))

    def close(self) -> None:
        """End the connections and the background thread; calls that still run elsewhere end in ``ConnectionLost``."""
        with self._lock:
            thread, client = self._thread, self._client
            self._thread = self._client = None
            self._closed = True
        if thread is not None and client is not None:
            try:
                thread.run(client.close())
            finally:
                thread.stop()

    # -- the other thread ----------------------------------------------------------------------------------------------

    def _call(self, find: Callable[[Client], Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        thread, client = self._open()

        async def start() -> Any:
            result = getattr(find(client), name)(*args, **kwargs)
            if isinstance(result, Deferred):
                result = await result.settle()
            return result if hasattr(result, "__aiter__") else await result

        result = thread.run(start())
        return _iterate(thread, result) if hasattr(result, "__aiter__") else result

    def _open(self) -> tuple[_LoopThread, Client]:
        with self._lock:
            if self._closed:
                raise UsageError(_CLOSED)
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
        # Kept, since to finalize them would reach into the selector that parent and child share.
        _inherited.append((self._thread, self._client))
        self._thread = self._client = None
        self._lock = threading.Lock()


def _iterate(thread: _LoopThread, items: AsyncGenerator[T, None]) -> Iterator[T]:
    done = object()

    async def following() -> Any:
        return await anext(items, done)

    try:
        while (item := thread.run(following())) is not done:
            yield item
    finally:
        thread.forget(items)


_clients: weakref.WeakSet[SyncClient] = weakref.WeakSet()
_inherited: list[object] = []


def _forget_all() -> None:
    for client in list(_clients):
        client._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
