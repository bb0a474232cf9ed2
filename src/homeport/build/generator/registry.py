"""Makes the built registry of a plan: the file that workers start from, and the same as text for people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from homeport.build.analyzer.graph import start_order
from homeport.build.generator.registry_layout import pack
from homeport.build.generator.registry_rows import (
    GRAPH,
    HEAD,
    START,
    GraphRow,
    HeadRow,
    ServiceRow,
    StartGroup,
    StartRow,
    encode,
    encode_services,
)
from homeport.build.generator.registry_text import text_of
from homeport.build.plan import Plan, PlannedService
from homeport.build.scanner.store import module_of

if TYPE_CHECKING:  # importing takes processes, and who makes a registry of a plan alone starts none
    from homeport.build.reflection import Reflection


class BuiltRegistry(msgspec.Struct, frozen=True, kw_only=True):
    """All rows, before they become bytes or text."""

    head: HeadRow
    graph: GraphRow
    start: StartRow
    services: dict[str, ServiceRow]  # in order of name

    def to_bytes(self, python: tuple[int, int] = sys.version_info[:2]) -> bytes:
        """The registry file; equal registries give equal bytes."""
        from homeport import __version__

        rows = {HEAD: encode(self.head), GRAPH: encode(self.graph), START: encode(self.start)}
        rows |= encode_services(self.services)
        return pack(rows, python, __version__)

    def to_json(self) -> str:
        """The registry for people and diffs."""
        return text_of(self.head, self.graph, self.start, self.services)


def built_registry(plan: Plan, reflection: Reflection | None = None, source: str = "") -> BuiltRegistry:
    """What a plan and, if its services were imported, their reflection come to.

    ``source`` is a digest of the files that the plan was made from.
    """
    rows = {
        service.name: _row(service, reflection) for service in sorted(plan.services, key=lambda service: service.name)
    }
    return BuiltRegistry(
        head=HeadRow(
            scope=plan.scope,
            attribute=plan.attribute,
            exclude=tuple(plan.exclude),
            source=source,
            reflected=reflection is not None,
        ),
        graph=GraphRow(calls={name: _callees(row.service) for name, row in rows.items()}),
        start=StartRow(order=start_order(plan), groups=tuple(_groups(plan, rows))),
        services=rows,
    )


def source_digest(plan: Plan) -> str:
    """16 hex digits over the files that the plan's services may import.

    Raises:
        OSError: one of them cannot be read.
    """
    import hashlib

    total = hashlib.blake2b(digest_size=8)
    for path in sorted({path for service in plan.services for path in service.files}):
        content = hashlib.blake2b(Path(plan.root, path).read_bytes(), digest_size=16).digest()
        total.update(path.encode(errors="surrogateescape") + b"\0" + content)
    return total.hexdigest()


def _row(service: PlannedService, reflection: Reflection | None) -> ServiceRow:
    seen = reflection.services.get(service.name) if reflection is not None else None
    if seen is None or seen.contract is None:
        modules = tuple(sorted(module_of(path) for path in service.files))
        return ServiceRow(service=service, modules=modules)
    return ServiceRow(service=service, contract=seen.contract, modules=seen.modules)


def _callees(service: PlannedService) -> tuple[str, ...]:
    return tuple(sorted({dependency.service for dependency in service.dependencies}))


def _groups(plan: Plan, rows: dict[str, ServiceRow]) -> list[StartGroup]:
    alone = {service.name for service in plan.services if service.isolated or service.singleton}
    shared = tuple(name for name in rows if name not in alone)
    groups = [shared] if shared else []
    groups += [(name,) for name in rows if name in alone]
    return [
        StartGroup(services=names, modules=tuple(sorted({m for name in names for m in rows[name].modules})))
        for names in groups
    ]
