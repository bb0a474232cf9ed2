"""The instances of a worker: objects of users' classes, served under one set of rules."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from homeport.balancing.concurrency import Finished
from homeport.contracts.signature import MethodSignature, ServiceSignature
from homeport.errors import Draining, UnknownMethod
from homeport.model import State
from homeport.rpc.frames import Bind
from homeport.rpc.serving import Admission, Binding, Edge, Edges
from homeport.worker.logs import SPEAKER
from homeport.worker.threads import MethodThreads


class HostedMethod:
    """A method of one instance, its function ready to be awaited (or iterated, when it streams)."""

    __slots__ = ("function", "signature")

    def __init__(self, function: Callable[..., Any], signature: MethodSignature) -> None:
        self.function, self.signature = function, signature


class HostedInstance:
    """One running copy of a service in this process."""

    def __init__(
        self,
        *,
        id: str,
        target: Any,
        signature: ServiceSignature,
        edges: Edges,
        concurrency: int,
        threads: int,
        through_codec: bool = False,
    ) -> None:
        self.id, self.target, self.signature = id, target, signature
        self.service = signature.service
        self.state = State.STARTING
        self.through_codec = through_codec
        self.admission = Admission(id, concurrency)
        self.threads = MethodThreads(self.service, threads)
        self._hook_threads = MethodThreads(f"{self.service} hooks", 4)
        self._edges = edges
        self._callers: dict[tuple[str, str], Edge] = {}
        self._methods: dict[str, HostedMethod] = {}

    def method(self, name: str) -> HostedMethod:
        method = self._methods.get(name)
        if method is None:
            if name not in self.signature.methods:
                raise UnknownMethod(self.service, name, self.signature.methods)
            method = self._methods[name] = self._host(name, self.signature.methods[name])
        return method

    def _host(self, name: str, signature: MethodSignature) -> HostedMethod:
        function = getattr(self.target, name)
        return HostedMethod(self.threads.awaitable(function) if signature.threaded else function, signature)

    def edge(self, caller: str, method: str) -> Edge:
        edge = self._callers.get((caller, method))
        if edge is None:
            edge = self._callers[caller, method] = self._edges.edge(caller, self.service, method)
        return edge

    def seconds(self) -> float:
        """From arrival to answer, of all calls so far; instances of one service in this process share their sum."""
        return sum(edge.seconds for edge in list(self._callers.values()))

    def has_hook(self, name: str) -> bool:
        """Whether the class defines it; an attribute of the object may be the handle of a service of that name."""
        return callable(getattr(type(self.target), name, None))

    def finished(self) -> dict[str, Finished]:
        """What calls of each method have taken so far, whoever made them."""
        sums: dict[str, Finished] = {}
        for (_, method), edge in list(self._callers.items()):
            so_far = sums.get(method, Finished(0, 0, 0.0))
            sums[method] = Finished(
                so_far.calls + edge.calls, so_far.errors + edge.errors, so_far.seconds + edge.seconds
            )
        return sums

    async def hook(self, name: str) -> Any:
        """Run ``startup``, ``shutdown`` or ``health``, sync or async; None where the class has none."""
        if not self.has_hook(name):
            return None
        SPEAKER.set((self.service, self.id))
        function = getattr(self.target, name)
        if inspect.iscoroutinefunction(function):
            return await function()
        return await self._hook_threads.awaitable(function)()

    def close(self) -> None:
        self.threads.close()
        self._hook_threads.close()


class Host:
    """Finds the instance and method that a connection wants."""

    def __init__(self) -> None:
        self.instances: dict[str, HostedInstance] = {}
        self.edges = Edges()

    def add(self, instance: HostedInstance) -> None:
        self.instances[instance.id] = instance

    def of_service(self, service: str) -> HostedInstance | None:
        return next((one for one in self.instances.values() if one.service == service), None)

    def bind(self, request: Bind) -> Binding:
        instance = self.instances.get(request.instance) if request.instance else self.of_service(request.service)
        if instance is None or instance.service != request.service:
            # Another worker lives at this address now. Nothing was started, so the caller may look elsewhere.
            raise Draining(f"{request.instance or request.service} is not served here any more")
        method = instance.method(request.method)
        signature = method.signature
        json = request.json
        return Binding(
            service=instance.service,
            method=request.method,
            caller=request.caller,
            function=method.function,
            decode=(lambda body: signature.decode_arguments(body, json=True)) if json else signature.decode_arguments,
            encode=(lambda value: signature.encode_result(value, json=True)) if json else signature.encode_result,
            streams=signature.streams,
            admission=instance.admission,
            edge=instance.edge(request.caller, request.method),
        )
