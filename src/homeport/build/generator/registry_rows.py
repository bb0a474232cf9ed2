"""What the rows of a registry file hold: one for each service, and a few about the application as a whole."""

from __future__ import annotations

import msgspec

from homeport.build.plan import PlannedService
from homeport.contracts.api import Contract

# Of rows about the whole; no service can be called so.
HEAD, GRAPH, START = "@head", "@graph", "@start"


class ServiceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One service: what a worker needs to import, serve and register it."""

    service: PlannedService
    contract: Contract | None = None  # None: nobody has imported it yet; its first worker finds out
    modules: tuple[str, ...] = ()  # of the application that starting it imports


class HeadRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, and how."""

    scope: str  # relative to the import root; "": all of it
    attribute: str  # the one class or app that was asked for; "": every service
    exclude: tuple[str, ...]
    source: str  # digest of the source it was made from
    reflected: bool  # contracts are in the rows


class GraphRow(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls whom."""

    calls: dict[str, tuple[str, ...]]  # by caller


class StartGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Services that may share a worker, and the application's modules that such a worker imports."""

    services: tuple[str, ...]
    modules: tuple[str, ...]


class StartRow(msgspec.Struct, frozen=True, kw_only=True):
    """What starting everything comes to."""

    order: tuple[tuple[str, ...], ...]  # levels: all of one may start once those before it are ready
    groups: tuple[StartGroup, ...]  # when the layout is "single"; else each service is one of its own


_encoder = msgspec.msgpack.Encoder(order="deterministic")
decode_service = msgspec.msgpack.Decoder(ServiceRow).decode
decode_head = msgspec.msgpack.Decoder(HeadRow).decode
decode_graph = msgspec.msgpack.Decoder(GraphRow).decode
decode_start = msgspec.msgpack.Decoder(StartRow).decode


def encode(row: ServiceRow | HeadRow | GraphRow | StartRow) -> bytes:
    """The same bytes for equal rows."""
    return _encoder.encode(row)
