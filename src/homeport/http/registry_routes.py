"""The registry over HTTP: list, look up, ask why, and register outside programs in any language."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec

from homeport.errors import BadArguments, NotSent, Unavailable, UnknownService, near_names
from homeport.http.api import InstanceList, ServiceDetail
from homeport.http.directory import Directory
from homeport.http.exchange import Exchange
from homeport.http.ports import FrontClient
from homeport.http.problems import HttpError, refuse
from homeport.model import Cause, Completeness, Instance
from homeport.registry.api import OutsideInstance

T = TypeVar("T")

_PATIENCE = 1.0  # seconds for a read: people and dashboards wait for it
_FIELDS = tuple(field for field in OutsideInstance.__struct_fields__ if field != "id")


class RegistryRoutes:
    """Answers from the registry; where it does not answer, reads come from the front's own copy and say so."""

    def __init__(self, client: FrontClient, directory: Directory) -> None:
        self._registry = client.registry
        self._directory = directory

    async def services(self, exchange: Exchange) -> None:
        summaries = await _soon(self._registry.services())
        await exchange.answer_value(summaries, headers=self._completeness())

    async def service(self, exchange: Exchange, name: str) -> None:
        summaries = await _soon(self._registry.services())
        summary = next((summary for summary in summaries if summary.name == name), None)
        if summary is None:
            raise UnknownService(name, [summary.name for summary in summaries])
        detail = ServiceDetail(
            service=summary,
            instances=tuple(await self._registry.instances(name)),
            contract=(await self._registry.contract(summary.contract)) if summary.contract else None,
        )
        await exchange.answer_value(detail, headers=self._completeness())

    async def instances(self, exchange: Exchange) -> None:
        service = _query(exchange, "service")
        directory = self._directory
        completeness = directory.completeness
        try:
            found = await _soon(self._registry.instances(service))
        except Unavailable:
            found, completeness = directory.instances(service), Completeness.PARTIAL
        if service and not found and not directory.knows(service):
            raise UnknownService(service, directory.names())
        revision = max([directory.revision, *(instance.revision for instance in found)])
        listed = InstanceList(revision=revision, completeness=completeness, instances=tuple(found))
        await exchange.answer_value(listed)

    async def instance(self, exchange: Exchange, id: str) -> None:
        await exchange.answer_value(await self._find(id))

    async def put_instance(self, exchange: Exchange, id: str) -> None:
        exchange.require_json()
        await exchange.answer_value(await self._registry.put_instance(outside_instance(id, await exchange.body())))

    async def beat_instance(self, exchange: Exchange, id: str) -> None:
        if exchange.has_body or b"content-type" in exchange.headers:
            exchange.require_json()
        await exchange.body()
        if not await self._registry.beat_instance(id):
            raise _no_instance(id, self._ids(), next=f"register it again: PUT /api/v1/instances/{id}")
        await exchange.answer_value({"known": True})

    async def delete_instance(self, exchange: Exchange, id: str) -> None:
        await self._find(id)
        await exchange.answer_value(await self._registry.delete_instance(id, _query(exchange, "reason")))

    async def forgive(self, exchange: Exchange, id: str) -> None:
        await self._find(id)
        cause = Cause(what="forgiven", actor="HTTP API", evidence=_query(exchange, "reason"))
        await exchange.answer_value({"held_back": await self._registry.forgive(id, cause)})

    async def why(self, exchange: Exchange, name: str) -> None:
        await exchange.answer_value(await _soon(self._registry.why(name)))

    async def _find(self, id: str) -> Instance:
        try:
            instances = await _soon(self._registry.instances())
        except Unavailable:
            instances = self._directory.instances()
        for instance in instances:
            if instance.id == id:
                return instance
        raise _no_instance(id, [instance.id for instance in instances])

    def _ids(self) -> list[str]:
        return [instance.id for instance in self._directory.instances()]

    def _completeness(self) -> list[tuple[bytes, bytes]]:
        return [(b"homeport-completeness", self._directory.completeness.encode())]


def outside_instance(id: str, body: bytes) -> OutsideInstance:
    """The registration in a request body; whatever does not fit is refused by name.

    Raises:
        BadArguments: it is no JSON object, has unknown fields, another id, or a value that does not fit.
    """
    try:
        given: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadArguments(f"the body is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise BadArguments(f"$: expected an object with {', '.join(_FIELDS)}, got {type(given).__name__}")
    if given.setdefault("id", id) != id:
        raise BadArguments(f"$.id: expected {id!r} as in the path, got {given['id']!r}")
    for name in given:
        if name != "id" and name not in _FIELDS:
            near = near_names(name, _FIELDS)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it may have {', '.join(_FIELDS)}"
            raise BadArguments(f"$.{name}: an instance has no such field{hint}")
    try:
        return msgspec.convert(given, OutsideInstance)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `")
        raise BadArguments(f"{place.rstrip('`') or '$'}: {text[:1].lower()}{text[1:]}") from None


async def _soon(answer: Awaitable[T]) -> T:
    """The registry's answer, if it comes within a second.

    Raises:
        NotSent: it does not; the node process is being restarted, or gone.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            return await answer
    except TimeoutError:
        raise NotSent(f"the registry did not answer within {_PATIENCE:g} s") from None


def _no_instance(id: str, known: list[str], next: str = "") -> HttpError:
    near = near_names(id, known)
    hint = f"did you mean {near[0]!r}?" if near else "GET /api/v1/instances lists the instances"
    return refuse(404, "unknown_instance", f"no instance {id!r} is registered", next=next or hint)


def _query(exchange: Exchange, name: str) -> str:
    query: bytes = exchange.scope["query_string"]
    return parse_qs(query.decode("latin-1")).get(name, [""])[-1]
