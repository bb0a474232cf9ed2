"""GET /api/v1/watch: the registry's changes as server-sent events that can be resumed from any revision."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from urllib.parse import parse_qs

import msgspec

from homeport.clock import Clock
from homeport.errors import Unavailable
from homeport.http.exchange import Exchange
from homeport.http.ports import FrontClient
from homeport.http.problems import refuse
from homeport.http.streams import ReadyEvents, answer_stream, event
from homeport.model import Completeness
from homeport.registry.api import WatchItem, WatchRequest

_RETRY_AFTER = 0.5
_encode = msgspec.json.Encoder().encode


class WatchEvents:
    """Follows the registry for each client, also over restarts of the node; a slow client gets the newest state."""

    def __init__(self, client: FrontClient, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self.stopping = asyncio.Event()

    async def answer(self, exchange: Exchange) -> None:
        """Stream until the client goes away, or the front stops: then it comes back, to the next front, with its id."""
        request = request_of(exchange.scope["query_string"], exchange.headers.get(b"last-event-id", b""))
        await answer_stream(exchange, self._events(request), ReadyEvents(), stop=self.stopping)

    async def _events(self, request: WatchRequest) -> AsyncGenerator[bytes, None]:
        completeness = Completeness.COMPLETE
        while True:
            try:
                items: Any = self._client.registry.watch(request)
                async with aclosing(items):
                    async for item in items:
                        if events := events_of(item, completeness):
                            yield b"".join(events)
                        completeness = item.completeness
                        request = msgspec.structs.replace(request, from_revision=item.revision, store=item.store)
            except Unavailable:
                completeness = Completeness.PARTIAL
                yield b": the registry does not answer; what was told stays as it was\n\n"
            await self._clock.sleep(_RETRY_AFTER)


def request_of(query: bytes, last_event_id: bytes) -> WatchRequest:
    """The watch that the query and the ``Last-Event-ID`` header ask for.

    Raises:
        HttpError: the revision is no whole number.
    """
    given = parse_qs(query.decode("latin-1"))
    revision = last_event_id.strip() or given.get("from", ["0"])[-1].encode()
    if not revision.isdigit() or int(revision) >= 2**63:
        raise refuse(
            400,
            "bad_revision",
            f"Last-Event-ID must be a revision, a whole number, not {revision.decode('latin-1')!r}",
            next="leave it out to begin with a snapshot",
        )
    services = [name for value in given.get("service", []) for name in value.split(",") if name]
    return WatchRequest(services=tuple(dict.fromkeys(services)), from_revision=int(revision))


def events_of(item: WatchItem, before: Completeness) -> list[bytes]:
    """One event for a snapshot, one per change, and one when the answer's completeness is another than before."""
    events = []
    if item.snapshot is not None:
        snapshot = {
            "revision": item.revision,
            "store": item.store,
            "completeness": item.completeness,
            "services": [msgspec.structs.replace(answer, contracts=()) for answer in item.snapshot],
        }
        events.append(event("snapshot", _encode(snapshot), item.revision))
    # The last change carries the item's own revision, which may be later: what lay between did not concern this watch.
    last = len(item.changes) - 1
    for index, change in enumerate(item.changes):
        behind = index < last and item.snapshot is None
        events.append(event("change", _encode(change), change.revision if behind else item.revision))
    if item.snapshot is None and item.completeness is not before:
        told = {"revision": item.revision, "completeness": item.completeness}
        events.append(event("completeness", _encode(told), item.revision))
    return events
