"""What the rows of a registry file hold: what workers read of each service, what tools do, and the whole's own."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from homeport.build.plan import PlannedMethod, PlannedService
from homeport.contracts.api import Contract

# Of rows about the whole; no service can be called so.
HEAD, GRAPH, START, PATHS = "@head", "@graph", "@start", "@paths"
SOURCE = ".source"  # after a service's name: the row that tools read


class ServiceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One service: what a worker needs to import, serve and register it."""

    service: PlannedService
    contract: Contract | None = None  # None: nobody has imported it yet; its first worker finds out
    modules: tuple[str, ...] = ()  # of the application that starting it imports


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """What workers need not know of a service: apart, so that they read little."""

    files: tuple[int, ...]  # numbers in ``PathsRow.files``
    modules: tuple[int, ...]  # numbers in ``PathsRow.modules``
    methods: tuple[PlannedMethod, ...]


class PathsRow(msgspec.Struct, frozen=True, kw_only=True):
    """Names that many services share, each once."""

    files: tuple[str, ...]
    modules: tuple[str, ...]


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
decode_source = msgspec.msgpack.Decoder(SourceRow).decode
decode_paths = msgspec.msgpack.Decoder(PathsRow).decode
decode_head = msgspec.msgpack.Decoder(HeadRow).decode
decode_graph = msgspec.msgpack.Decoder(GraphRow).decode
decode_start = msgspec.msgpack.Decoder(StartRow).decode


def encode(row: HeadRow | GraphRow | StartRow) -> bytes:
    """The same bytes for equal rows."""
    return _encoder.encode(row)


def encode_services(rows: Mapping[str, ServiceRow]) -> dict[str, bytes]:
    """The rows of these services by key, with those that they share."""
    files = sorted({path for row in rows.values() for path in row.service.files})
    modules = sorted({module for row in rows.values() for module in row.modules})
    file_numbers = {path: number for number, path in enumerate(files)}
    module_numbers = {module: number for number, module in enumerate(modules)}
    encoded = {PATHS: _encoder.encode(PathsRow(files=tuple(files), modules=tuple(modules)))}
    for name, row in rows.items():
        lean = msgspec.structs.replace(row.service, files=(), methods=())
        encoded[name] = _encoder.encode(ServiceRow(service=lean, contract=row.contract))
        encoded[name + SOURCE] = _encoder.encode(
            SourceRow(
                files=tuple(file_numbers[path] for path in row.service.files),
                modules=tuple(module_numbers[module] for module in row.modules),
                methods=row.service.methods,
            )
        )
    return encoded


def with_source(row: ServiceRow, source: SourceRow, paths: PathsRow) -> ServiceRow:
    """The whole row of a service, put together again.

    Raises:
        IndexError: the paths are of another registry.
    """
    files = tuple(paths.files[number] for number in source.files)
    service = msgspec.structs.replace(row.service, files=files, methods=source.methods)
    return ServiceRow(
        service=service, contract=row.contract, modules=tuple(paths.modules[number] for number in source.modules)
    )
