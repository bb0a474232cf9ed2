"""A front without processes: a registry and services in memory, and requests made straight to the ASGI app."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

from homeport.contracts.api import Contract
from homeport.errors import NoEndpoint, NotAllowed, UnknownMethod, UnknownService
from homeport.http.api import FrontSpec
from homeport.http.app import Front
from homeport.http.directory import Directory
from homeport.http.standing import Standing
from homeport.model import Cause, Change, Completeness, Dependency, Durability, Instance, ServiceState, State
from homeport.registry.api import (
    Done,
    Heartbeat,
    HeartbeatReply,
    OpenSession,
    OutsideInstance,
    ServiceAnswer,
    ServiceSummary,
    SessionOpened,
    Story,
    StoryEntry,
    WatchItem,
    WatchRequest,
)
from homeport.rpc.context import CURRENT, CallContext
from homeport.rpc.http_call import HttpCalls
from homeport.testing.clock import FakeClock

STORE = "5707e"
CAUSE = Cause(what="registered", actor="worker payments-1", at=1_700_000_000.0)


def instance(id: str, service: str, *, revision: int = 1, state: State = State.READY, **more: Any) -> Instance:
    endpoints = more.pop("endpoints", (f"unix:/run/{id}.sock",))
    return Instance(id=id, service=service, endpoints=endpoints, state=state, revision=revision, cause=CAUSE, **more)


class FakeRegistry:
    """Keeps instances and tells watchers; ``down`` makes every answer fail as if the node process were gone."""

    def __init__(self) -> None:
        self.revision = 0
        self.found: dict[str, Instance] = {}
        self.known_contracts: dict[str, Contract] = {}
        self.down: Exception | None = None
        self.completeness = Completeness.COMPLETE
        self.sessions: list[OpenSession] = []
        self.beats = 0
        self.forgotten = False
        self.asked: list[WatchRequest] = []
        self._changes: list[Change] = []
        self._news = asyncio.Event()

    def add(self, one: Instance, contract: Contract | None = None) -> None:
        self.revision += 1
        one = _replaced(one, revision=self.revision, contract=contract.fingerprint if contract else one.contract)
        self.found[one.id] = one
        if contract is not None:
            self.known_contracts[contract.fingerprint] = contract
        self._tell(Change(revision=self.revision, service=one.service, instance_id=one.id, instance=one, cause=CAUSE))

    def remove(self, id: str, what: str = "process exited") -> None:
        self.revision += 1
        gone = self.found.pop(id)
        cause = Cause(what=what, actor="supervisor", at=1_700_000_001.0)
        self._tell(Change(revision=self.revision, service=gone.service, instance_id=id, instance=None, cause=cause))

    def fail(self, error: Exception | None) -> None:
        self.down = error
        self._tell(None)

    def _tell(self, change: Change | None) -> None:
        if change is not None:
            self._changes.append(change)
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _check(self) -> None:
        if self.down is not None:
            raise self.down

    # -- RegistryApi ---------------------------------------------------------------------------------------------------

    async def open_session(self, request: OpenSession) -> SessionOpened:
        self._check()
        self.sessions.append(request)
        self.forgotten = False
        return SessionOpened(
            session=request.session, store=STORE, revision=self.revision, ttl=request.ttl, resumed=False
        )

    async def heartbeat(self, beat: Heartbeat) -> HeartbeatReply:
        self._check()
        self.beats += 1
        return HeartbeatReply(known=not self.forgotten, revision=self.revision)

    async def close_session(self, session: str, cause: Cause) -> None:
        self._check()
        self.sessions = [kept for kept in self.sessions if kept.session != session]

    async def watch(self, request: WatchRequest) -> AsyncIterator[WatchItem]:
        self._check()
        self.asked.append(request)
        wanted = set(request.services)
        revision = request.from_revision
        if revision == 0 or revision > self.revision:
            yield self._item(snapshot=tuple(self._answers(wanted)))
            revision = self.revision
        while True:
            self._check()
            news = self._news
            changes = [
                change
                for change in self._changes
                if change.revision > revision and (not wanted or change.service in wanted)
            ]
            if changes:
                yield self._item(changes=tuple(changes))
            revision = self.revision
            await news.wait()

    def _item(self, **content: Any) -> WatchItem:
        return WatchItem(
            revision=self.revision,
            store=STORE,
            completeness=self.completeness,
            contracts=tuple(self.known_contracts.values()),
            **content,
        )

    def _answers(self, wanted: set[str]) -> list[ServiceAnswer]:
        names = {one.service for one in self.found.values()}
        return [
            ServiceAnswer(
                service=name,
                revision=self.revision,
                instances=tuple(one for one in self.found.values() if one.service == name),
                contracts=tuple(one for one in self.known_contracts.values() if one.service == name),
                completeness=self.completeness,
            )
            for name in sorted(names)
            if not wanted or name in wanted
        ]

    async def resolve(self, services: list[str]) -> list[ServiceAnswer]:
        self._check()
        return self._answers(set(services))

    async def services(self) -> list[ServiceSummary]:
        self._check()
        return [
            ServiceSummary(
                name=answer.service,
                state=ServiceState.ACTIVE,
                wanted=1,
                ready=len(answer.instances),
                registered=len(answer.instances),
                contract=answer.contracts[0].fingerprint if answer.contracts else "",
                methods=tuple(method.name for method in answer.contracts[0].methods) if answer.contracts else (),
            )
            for answer in self._answers(set())
        ]

    async def instances(self, service: str = "") -> list[Instance]:
        self._check()
        return [one for _, one in sorted(self.found.items()) if service in ("", one.service)]

    async def contract(self, fingerprint: str) -> Contract | None:
        return self.known_contracts.get(fingerprint)

    async def why(self, name: str) -> Story:
        self._check()
        if all(name not in (one.id, one.service) for one in self.found.values()):
            raise UnknownService(name, [one.service for one in self.found.values()])
        entry = StoryEntry(revision=1, service=name, instance="", event="registered", cause=CAUSE)
        return Story(name=name, summary=f"{name} is active", entries=(entry,))

    async def put_instance(self, instance: OutsideInstance) -> Done:
        self._check()
        if instance.service == "payments":
            raise NotAllowed("the name 'payments' belongs to the application; choose another")
        self.add(
            Instance(
                id=instance.id, service=instance.service, endpoints=instance.endpoints, state=State.READY, cause=CAUSE
            )
        )
        return Done(revision=self.revision, durability=Durability.SYNCED)

    async def beat_instance(self, instance: str) -> bool:
        self._check()
        return instance in self.found

    async def delete_instance(self, instance: str, reason: str = "") -> Done:
        self._check()
        self.remove(instance, what=reason or "deleted")
        return Done(revision=self.revision, durability=Durability.SYNCED)

    async def register(self, request: Any) -> Any:
        raise NotImplementedError

    async def report(self, report: Any) -> None:
        raise NotImplementedError

    async def deregister(self, session: str, instance: str, cause: Cause) -> None:
        raise NotImplementedError

    def commands(self, session: str) -> AsyncIterator[Any]:
        raise NotImplementedError


def _replaced(one: Instance, **values: Any) -> Instance:
    import msgspec

    return msgspec.structs.replace(one, **values)


Method = Callable[..., Any]


class FakeClient:
    """Calls functions instead of services: ``client.methods["payments", "process"] = function``.

    A function takes the decoded arguments; an async generator streams.
    """

    def __init__(self, registry: FakeRegistry) -> None:
        self.registry = registry
        self.methods: dict[tuple[str, str], Method] = {}
        self.timeouts: list[float | None] = []
        self.contexts: list[CallContext | None] = []
        self.bodies: list[bytes] = []
        self.cancelled: list[str] = []

    def _find(self, service: str, method: str) -> Method:
        found = self.methods.get((service, method))
        if found is not None:
            return found
        names = {name for name, _ in self.methods}
        if service not in names:
            raise UnknownService(service)
        raise UnknownMethod(service, method, [one for name, one in self.methods if name == service])

    async def call_json(
        self,
        service: str,
        method: str,
        body: bytes,
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> bytes:
        self.timeouts.append(timeout)
        self.contexts.append(CURRENT.get())
        self.bodies.append(body)
        function = self._find(service, method)
        try:
            result = function(body)
            return json.dumps(await result if isinstance(result, Awaitable) else result).encode()
        except asyncio.CancelledError:
            self.cancelled.append(f"{service}.{method}")
            raise

    async def stream_json(
        self,
        service: str,
        method: str,
        body: bytes,
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> AsyncIterator[bytes]:
        self.timeouts.append(timeout)
        self.contexts.append(CURRENT.get())
        try:
            async for item in self._find(service, method)(body):
                yield json.dumps(item).encode()
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.append(f"{service}.{method}")
            raise


class FakeLoan:
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.failed: bool | None = None

    def answered(self, failed: bool) -> None:
        self.failed = failed


class FakeBalancer:
    """Lends endpoints in order, those that were not tried first."""

    def __init__(self, endpoints: dict[str, list[str]]) -> None:
        self.endpoints = endpoints
        self.loans: list[FakeLoan] = []

    @asynccontextmanager
    async def lend(self, service: str, tried: set[str]) -> AsyncIterator[FakeLoan]:
        known = self.endpoints.get(service)
        if not known:
            raise NoEndpoint(service)
        loan = FakeLoan(next((one for one in known if one not in tried), known[0]))
        self.loans.append(loan)
        yield loan


class Answer:
    """What came back, whole."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = {name.decode(): value.decode("latin-1") for name, value in headers}
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Conversation:
    """One request to an ASGI app, answered piece by piece; ``leave`` hangs up."""

    def __init__(self, app: Any, scope: dict[str, Any], body: bytes) -> None:
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._incoming.put_nowait({"type": "http.request", "body": body, "more_body": False})
        self.task = asyncio.create_task(app(scope, self._incoming.get, self._outgoing.put))
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []

    async def begin(self) -> int:
        message = await self._message()
        assert message["type"] == "http.response.start"
        self.status, self.headers = message["status"], message["headers"]
        return self.status

    async def part(self) -> bytes | None:
        """The next part of the body; None after the last."""
        message = await self._message()
        if not message.get("more_body") and not message.get("body"):
            return None
        return bytes(message["body"])

    async def rest(self) -> bytes:
        parts = []
        while True:
            message = await self._message()
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)

    def leave(self) -> None:
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def _message(self) -> dict[str, Any]:
        getting = asyncio.ensure_future(self._outgoing.get())
        done, _ = await asyncio.wait({getting, self.task}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        if getting in done:
            return getting.result()
        getting.cancel()
        if self.task in done:
            self.task.result()
            if not self._outgoing.empty():
                return self._outgoing.get_nowait()
        raise AssertionError("the app said nothing more")


class World:
    """A front with everything around it that a test may want to move."""

    def __init__(self, **spec: Any) -> None:
        self.spec = FrontSpec(node="unix:/none", **spec)
        self.clock = FakeClock()
        self.registry = FakeRegistry()
        self.client = FakeClient(self.registry)
        self.directory = Directory()
        self.balancer = FakeBalancer({})
        self.calls = HttpCalls()
        self.standing = Standing(
            self.client, self.directory, name="front", lease=3.0, orphan_grace=30.0, clock=self.clock
        )
        self.front = Front(
            self.client,
            self.spec,
            directory=self.directory,
            standing=self.standing,
            balancer=self.balancer,
            calls=self.calls,
            clock=self.clock,
            version="0.1.0",
        )

    def serve(self, contract: Contract, **methods: Method) -> None:
        """A service with one ready instance whose methods are these functions."""
        self.registry.add(
            instance(f"{contract.service}-1", contract.service, requires=(Dependency(service="other"),)), contract
        )
        for name, function in methods.items():
            self.client.methods[contract.service, name] = function
        self.know()

    def know(self) -> None:
        """The directory is as current as after a watch."""
        registry = self.registry
        self.directory.fold(registry._item(snapshot=tuple(registry._answers(set()))))
        self.directory.following = True

    def open(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Conversation:
        path, _, query = path.partition("?")
        given = {"host": "localhost:7070", **(headers or {})}
        if body or method in ("POST", "PUT"):
            given.setdefault("content-type", "application/json")
        if body:
            given.setdefault("content-length", str(len(body)))
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "client": ("127.0.0.1", 50000),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items() if value],
        }
        return Conversation(self.front, scope, body)

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        conversation = self.open(method, path, body, headers)
        await conversation.begin()
        content = await conversation.rest()
        await conversation.task
        return Answer(conversation.status, conversation.headers, content)

    async def call(self, service: str, method: str, body: bytes = b"", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", f"/api/v1/call/{service}/{method}", body, named)
