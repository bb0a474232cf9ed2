"""The registry as text, for people, diffs and version control; and back into rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from homeport.build.generator.registry_rows import GraphRow, HeadRow, ServiceRow, StartRow
from homeport.build.plan import PlannedService
from homeport.contracts.api import Contract
from homeport.errors import UsageError


class _Text(msgspec.Struct, frozen=True):
    services: dict[str, dict[str, Any]]


def text_of(head: HeadRow, graph: GraphRow, start: StartRow, services: Mapping[str, ServiceRow]) -> str:
    """JSON with keys in order, and nothing that differs from machine to machine."""
    text = {
        "application": head,
        "calls": graph.calls,
        "start": start,
        "services": {name: _readable(row) for name, row in services.items()},
    }
    return msgspec.json.format(msgspec.json.encode(text, order="sorted"), indent=2).decode() + "\n"


def rows_of_text(text: bytes, path: str) -> dict[str, ServiceRow]:
    """The services that such a text lists; ``path`` names it in errors.

    Raises:
        UsageError: it is something else.
    """
    try:
        services = msgspec.json.decode(text, type=_Text).services
        return {name: _row(fields) for name, fields in sorted(services.items())}
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UsageError(
            f"{path} is no registry in its readable form ({error}); name a .registry.json that `homeport build` wrote"
        ) from error


def _readable(row: ServiceRow) -> dict[str, Any]:
    """Without lists of files, which differ with every new module, and without what the contract says better."""
    service: dict[str, Any] = msgspec.to_builtins(row.service)
    del service["files"]
    if row.contract is not None:
        del service["methods"]
    return {**service, "contract": row.contract, "modules": row.modules}


def _row(fields: dict[str, Any]) -> ServiceRow:
    return ServiceRow(
        service=msgspec.convert(fields, PlannedService),
        contract=msgspec.convert(fields.get("contract"), Contract | None),
        modules=tuple(fields.get("modules", ())),
    )
