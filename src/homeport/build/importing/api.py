"""What a process that imports an application is asked, and what it answers, one message for each step."""

from __future__ import annotations

import msgspec

from homeport.authoring.service import ServiceOptions
from homeport.build.plan import Plan, PlannedDependency
from homeport.contracts.api import Contract


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    plan: Plan
    modules: tuple[str, ...] = ()  # further ones to import, to see whether they define services
    skip: tuple[str, ...] = ()  # services and modules that ended an earlier process
    compare: bool = False  # read dependencies from the imported classes, too


class ReflectedService(msgspec.Struct, frozen=True, kw_only=True):
    """What importing one service has shown."""

    name: str
    fault: str = ""  # why it cannot be served; then the rest is empty
    line: int = 0  # of the fault, where it is in the service's own file
    importable: bool = True
    contract: Contract | None = None
    options: ServiceOptions | None = None  # of a class
    dependencies: tuple[PlannedDependency, ...] | None = None  # None: not asked for, or not to be told
    import_seconds: float = 0.0  # of all modules that it needs and a bare worker does not have, shared ones included
    import_kilobytes: int = 0  # by which the process grew for them
    modules: tuple[str, ...] = ()  # of the application
    libraries: tuple[str, ...] = ()  # top-level packages that are neither the application nor the standard library
    slowest: tuple[tuple[str, float], ...] = ()  # modules that took longest themselves, in seconds


class MarkedClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class below the import root that ``@service`` has marked."""

    service: str
    module: str
    qualname: str
    path: str  # relative to the import root
    line: int


class Begun(msgspec.Struct, frozen=True, tag="begun"):
    """What is imported next: if nothing follows, that has ended the process."""

    name: str


class Imported(msgspec.Struct, frozen=True, tag="imported"):
    service: ReflectedService


class NotImported(msgspec.Struct, frozen=True, tag="not-imported"):
    """A module without planned services that could not be imported."""

    module: str
    fault: str


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    marked: tuple[MarkedClass, ...]


Message = Begun | Imported | NotImported | Finished
