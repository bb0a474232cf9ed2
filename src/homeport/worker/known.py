"""What a worker knows of services before it imports any: from the built registry, or as it was told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from homeport.authoring.service import hearing, options_of
from homeport.build.comparison import RegistryMismatch, check_class
from homeport.build.generator.registry_file import RegistryFile
from homeport.build.generator.registry_rows import ServiceRow
from homeport.contracts.api import Contract
from homeport.contracts.signature import ServiceSignature, signature_of
from homeport.contracts.stored import stored_signature
from homeport.errors import UsageError
from homeport.worker.api import HostedService, WorkerSpec


class KnownServices:
    """The rows of the registry that the worker was pointed to.

    Without one (in tests), what it hosts is spelled out in its spec, and classes are taken as they are.

    Raises:
        RegistryUnreadable: the registry is damaged, or of another version.
    """

    def __init__(self, spec: WorkerSpec) -> None:
        self._root = Path(spec.root)
        self._file = RegistryFile(Path(spec.registry)) if spec.registry else None
        self._rows: dict[str, ServiceRow | None] = {
            hosted.name: ServiceRow(service=hosted.plan) for hosted in spec.services if hosted.plan is not None
        }

    @property
    def digest(self) -> str:
        """Of the registry; empty without one."""
        return self._file.digest[:16] if self._file is not None else ""

    def hosted(self, service: HostedService) -> ServiceRow:
        """The row of a service to host.

        Raises:
            UsageError: there is none.
        """
        row = self._row(service.name)
        if row is None:
            where = f"the registry {self._file.path}" if self._file is not None else "what this worker was told"
            raise UsageError(f"{where} has no service {service.name!r}; build it again")
        return row

    def signature(self, row: ServiceRow, cls: type) -> ServiceSignature:
        """Of a class to host: by its stored contract, if there is one.

        Raises:
            RegistryMismatch: the class is not what its row says.
            DefinitionError: it cannot be served as it is written.
        """
        if self._file is not None:
            check_class(row.service, row.contract, cls)
        return stored_signature(cls, row.contract) if row.contract is not None else signature_of(cls, row.service.name)

    def contract(self, service: str) -> Contract | None:
        """As stored, of any service of the application."""
        row = self._row(service)
        return row.contract if row is not None else None

    @contextmanager
    def unlisted_refused(self) -> Iterator[None]:
        """Inside the block, importing a service that the registry should list and does not is an error (HP701)."""
        if self._file is None or self._file.head.attribute:
            yield
            return
        with hearing(_refusal(self._file, self._root)):
            yield

    def _row(self, name: str) -> ServiceRow | None:
        if name not in self._rows:
            self._rows[name] = self._file.service(name) if self._file is not None else None
        return self._rows[name]


def _refusal(registry: RegistryFile, root: Path) -> Callable[[type], None]:
    def refuse_unlisted(cls: type) -> None:
        name = options_of(cls).name
        row = registry.service(name)
        at = row.service.location if row is not None else None
        if at is not None and (at.module, at.qualname) == (cls.__module__, cls.__qualname__):
            return
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        if file is None or not _was_read(registry, root, Path(file)):
            return
        listed = f"means {at.qualname} of {at.path} by it" if at is not None else "does not list it"
        raise RegistryMismatch(
            f"HP701: the class {cls.__qualname__} of {Path(file).relative_to(root)} is the service {name!r} once "
            f"imported, but the registry {listed}: reading the source does not show it; mark a class statement with "
            f"@service, or see `homeport explain HP701`"
        )

    return refuse_unlisted


def _was_read(registry: RegistryFile, root: Path, file: Path) -> bool:
    """Whether the registry was made with this file in view."""
    from homeport.build.scanner.sources import python_files

    head = registry.head
    scope = root / head.scope
    if not file.is_relative_to(scope):
        return False
    return file == scope or file in python_files(scope, head.exclude, root=root)
