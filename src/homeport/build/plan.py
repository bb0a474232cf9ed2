"""The result of a scan: which services an application has, where they live, and what they call.

The node reads it to start workers, and workers read it to import, inject and register; neither scans.
"""

from __future__ import annotations

import msgspec

from homeport.build.diagnostics.finding import Finding


class Location(msgspec.Struct, frozen=True, kw_only=True):
    module: str  # as imported from the import root: "boutique.cart"
    qualname: str  # "CartService"; for an ASGI app the attribute: "app"
    path: str  # relative to the import root: "boutique/cart.py"
    line: int


class PlannedDependency(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute (or ``__init__`` parameter) of a service that stands for another service."""

    attribute: str  # self.<attribute>
    service: str
    optional: bool = False
    timeout: float | None = None
    declared: bool = False  # by an annotation or dependency(); False: found by its use
    parameter: bool = False  # of __init__
    location: Location | None = (
        None  # the target's class, where the application has it: lets results decode to its types
    )
    line: int = 0
    column: int = 0
    path: str = ""  # the file of that line, which may be that of a base class


class PlannedParameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a method, without ``self``."""

    name: str
    kind: str = ""  # "position" or "name", if it can be passed in that way only
    required: bool = True
    annotation: str = ""  # as written
    default: str = ""  # as written, when it is a plain literal; "…" for any other


class PlannedMethod(msgspec.Struct, frozen=True, kw_only=True):
    """One method as its source has it; the contract, with types resolved, comes from importing the class."""

    name: str
    parameters: tuple[PlannedParameter, ...] = ()
    returns: str = ""  # the annotation, as written
    streams: bool = False
    blocking: bool = False  # a ``def``: its body runs in a thread
    decorated: bool = False  # by something other than @method, which may have changed its parameters
    timeout: float | None = None  # seconds
    idempotent: bool = False
    public: bool = False
    route_by: str = ""
    doc: str = ""  # first line
    path: str = ""  # of the file it stands in, which may be that of a base class
    line: int = 0


class PlannedListener(msgspec.Struct, frozen=True, kw_only=True):
    """A method marked with ``@on``: it is given the events of a topic."""

    topic: str
    method: str
    line: int = 0


class PlannedTimer(msgspec.Struct, frozen=True, kw_only=True):
    """A method marked with ``@every``: it runs again and again."""

    every: str  # as written: "5m"
    method: str
    line: int = 0


class PlannedService(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    location: Location
    kind: str = "class"  # class, asgi
    version: str = ""
    replicas: int = 1
    isolated: bool = False
    singleton: bool = False
    public: bool = False
    dependencies: tuple[PlannedDependency, ...] = ()
    methods: tuple[PlannedMethod, ...] = ()  # in order of name; those of bases outside the application are unknown
    listens: tuple[PlannedListener, ...] = ()
    publishes: tuple[str, ...] = ()  # topics
    every: tuple[PlannedTimer, ...] = ()
    files: tuple[str, ...] = ()  # every application file a worker of it may import, relative to the root; for --reload


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All services of one application, in order of name."""

    root: str  # absolute path of the import root
    services: tuple[PlannedService, ...]
    findings: tuple[Finding, ...] = ()
    scope: str = ""  # folder or file that was looked through, relative to the root; "": all below the root
    attribute: str = ""  # the one class or app of it that was asked for; "": every service
    exclude: tuple[str, ...] = ()  # globs of what was left out
    commented: tuple[str, ...] = ()  # files looked through that may hold comments which silence findings

    def service(self, name: str) -> PlannedService | None:
        return next((service for service in self.services if service.name == name), None)


def tops_of(plan: Plan) -> frozenset[str]:
    """The names in the import root of the packages and modules that services are made of."""
    paths = (path for service in plan.services for path in (*service.files, service.location.path))
    return frozenset(path.partition("/")[0] for path in paths)
