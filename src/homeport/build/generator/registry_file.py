"""Opens a built registry and reads the rows that are asked for, and no others."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from homeport.build.generator import registry_rows
from homeport.build.generator.registry_layout import FORMAT, Damaged, Rows, made_by
from homeport.build.generator.registry_rows import (
    GRAPH,
    HEAD,
    PATHS,
    SOURCE,
    START,
    GraphRow,
    HeadRow,
    PathsRow,
    ServiceRow,
    StartRow,
)
from homeport.build.plan import Plan
from homeport.contracts.api import Contract
from homeport.errors import UsageError

T = TypeVar("T")


class RegistryUnreadable(UsageError):
    """A registry file is damaged, or was made by or for another version."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"the registry {self.path} cannot be used: {self.why}; make it again with `homeport build`"


class RegistryFile:
    """A registry file in memory as far as it is read.

    The file is checked when opened (its index) and row by row when read, so that neither depends on how many services
    there are. It may be replaced meanwhile, by renaming another over it: this one goes on reading what it opened.

    Raises:
        RegistryUnreadable: the message says what is wrong and what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._content = self._mapped()
        try:
            made = made_by(self._content)
            if made.format != FORMAT:
                raise self._refused(f"its format is {made.format}, and this Homeport reads format {FORMAT}")
            self._rows = Rows(self._content)
        except Damaged as damage:
            raise self._refused(f"it is damaged: {damage}") from damage
        self.digest = self._rows.digest
        self._check_versions(made.python, made.homeport)

    # -- reading -------------------------------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """Of all services, in order."""
        return tuple(name for name in self._rows if not name.startswith("@") and not name.endswith(SOURCE))

    def service(self, name: str) -> ServiceRow | None:
        """What a worker needs of a service, without its files, modules and methods; None: there is no such service."""
        row = self._read(name)
        return self._decoded(name, row, registry_rows.decode_service) if row is not None else None

    @property
    def head(self) -> HeadRow:
        return self._whole(HEAD, registry_rows.decode_head)

    @property
    def graph(self) -> GraphRow:
        return self._whole(GRAPH, registry_rows.decode_graph)

    @property
    def start(self) -> StartRow:
        return self._whole(START, registry_rows.decode_start)

    def rows(self) -> dict[str, ServiceRow]:
        """All that is known of all services, by name: for tools."""
        paths = self._whole(PATHS, registry_rows.decode_paths)
        return {name: self._with_source(name, paths) for name in self.names}

    def contracts(self) -> dict[str, Contract]:
        """Of all services whose contract is known."""
        return {name: row.contract for name, row in self.rows().items() if row.contract is not None}

    def plan(self, root: Path) -> Plan:
        """The plan it was made of, for a copy of the source at ``root``."""
        head = self.head
        services = tuple(row.service for row in self.rows().values())
        return Plan(root=str(root), services=services, scope=head.scope, attribute=head.attribute, exclude=head.exclude)

    def verify(self) -> None:
        """Read and check every row."""
        for name in self._rows:
            self._read(name)
        self.rows()

    # -- within --------------------------------------------------------------------------------------------------------

    def _mapped(self) -> memoryview:
        try:
            with self.path.open("rb") as file:
                if not file.seek(0, 2):
                    raise self._refused("it is damaged: it is empty")
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from error

    def _check_versions(self, python: tuple[int, int], homeport: str) -> None:
        if python != sys.version_info[:2]:
            running = ".".join(map(str, sys.version_info[:2]))
            raise self._refused(f"it was made for Python {python[0]}.{python[1]}, and this is Python {running}")
        from homeport import __version__

        if homeport.split(".")[:2] != __version__.split(".")[:2]:
            raise self._refused(f"Homeport {homeport} made it, and this is Homeport {__version__}")

    def _with_source(self, name: str, paths: PathsRow) -> ServiceRow:
        lean = self._whole(name, registry_rows.decode_service)
        source = self._whole(name + SOURCE, registry_rows.decode_source)
        try:
            return registry_rows.with_source(lean, source, paths)
        except IndexError:
            raise self._refused(f"its row {name + SOURCE!r} speaks of files that it does not list") from None

    def _read(self, name: str) -> memoryview | None:
        try:
            return self._rows.get(name)
        except Damaged as damage:
            raise self._refused(f"it is damaged: {damage}") from damage

    def _whole(self, name: str, decode: Callable[[memoryview], T]) -> T:
        row = self._read(name)
        if row is None:
            raise self._refused(f"it lacks its row {name!r}")
        return self._decoded(name, row, decode)

    def _decoded(self, name: str, row: memoryview, decode: Callable[[memoryview], T]) -> T:
        try:
            return decode(row)
        except msgspec.DecodeError as error:
            raise self._refused(f"its row {name!r} holds something else: {error}") from error

    def _refused(self, why: str) -> RegistryUnreadable:
        return RegistryUnreadable(str(self.path), why)


def is_registry(path: Path) -> bool:
    """Whether the file begins like one."""
    try:
        with path.open("rb") as file:
            made_by(file.read(256))
    except (OSError, Damaged):
        return False
    return True
