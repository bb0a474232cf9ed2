"""Finds the services of an application in its source, without importing any of it."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from homeport.authoring.naming import checked_name, is_valid_name
from homeport.authoring.service import ServiceOptions, service_options
from homeport.build.analyzer.dependencies import Member, Site, Target, analyze, serves_methods
from homeport.build.diagnostics.finding import Finding
from homeport.build.linker.names import LinkedClass, Linker, Outside
from homeport.build.plan import Location, Plan, PlannedDependency, PlannedService
from homeport.build.scanner.bindings import OwnFunction
from homeport.build.scanner.classes import ClassFacts
from homeport.build.scanner.expressions import Mark
from homeport.build.scanner.facts import ModuleFacts
from homeport.build.scanner.sources import Sources, python_files
from homeport.build.scanner.targets import TargetPlace, find_target
from homeport.errors import DefinitionError, UsageError, near_names, snake_case


def scan(target: str, cwd: Path, exclude: Sequence[str] = ()) -> Plan:
    """The services that TARGET holds, with all that their source says of them.

    Whatever is wrong with the source is among the plan's findings, never an exception.

    Raises:
        UsageError: TARGET itself does not exist.
    """
    place = find_target(target, cwd)
    with _without_garbage_collection():
        return _scan(place, target, exclude)


def _scan(place: TargetPlace, target: str, exclude: Sequence[str]) -> Plan:
    sources = Sources(place.root)
    scan = _Scan(sources)
    if place.attribute:
        scan.take_attribute(sources.at(place.scope), place.attribute, target)
    else:
        paths = python_files(place.scope, exclude) if place.scope.is_dir() else [place.scope]
        scan.take_modules([sources.at(path) for path in paths])
        scan.expect_services(place)
    scope = place.scope.relative_to(place.root).as_posix()
    return msgspec.structs.replace(
        scan.plan(), scope="" if scope == "." else scope, attribute=place.attribute, exclude=tuple(exclude)
    )


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Syntax trees are many objects without cycles; to look for garbage among them doubles the time of a scan."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class StaticScope:
    """What names mean in a module, by its source and that of the modules it imports."""

    def __init__(self, linker: Linker, module: ModuleFacts) -> None:
        self._linker, self._module = linker, module

    @property
    def path(self) -> str:
        return self._module.path

    def service(self, name: str) -> Target | None:
        symbol = self._linker.resolve(self._module, name)
        return static_target(self._linker, symbol) if isinstance(symbol, LinkedClass) else None

    def means(self, name: str, public: str) -> bool:
        return self._linker.resolve(self._module, name) == Outside(f"homeport.{public}")

    def is_any(self, name: str) -> bool:
        return self._linker.resolve(self._module, name) in (Outside("typing.Any"), Outside("typing_extensions.Any"))


def service_mark(linker: Linker, linked: LinkedClass) -> Mark | None:
    """The ``@service`` of a class, if it has one."""
    scope = StaticScope(linker, linked.module)
    return next((mark for mark in linked.cls.marks if scope.means(mark.name, "service")), None)


def static_target(linker: Linker, linked: LinkedClass) -> Target | None:
    """The service that a class stands for, by its source; None when it is no service."""
    mark = service_mark(linker, linked)
    if mark is None:
        return None
    try:
        options = declared_options(linked.cls, mark)
    except DefinitionError:
        return None  # reported where the class stands
    return Target(options.name, location_of(linked.module, linked.cls))


def declared_options(cls: ClassFacts, mark: Mark) -> ServiceOptions:
    """What ``@service(...)`` says, as written.

    Raises:
        DefinitionError: it is wrong, or no literal.
    """
    if mark.positional:
        raise DefinitionError('@service takes its options by name, as in @service(name="payment")')
    if mark.unreadable:
        raise DefinitionError(f"@service{mark.unreadable}")
    return service_options(cls.name, **mark.options)


def location_of(module: ModuleFacts, cls: ClassFacts) -> Location:
    return Location(module=module.module, qualname=cls.qualname, path=module.path, line=cls.line)


class _Scan:
    def __init__(self, sources: Sources) -> None:
        self._root, self._sources = sources.root, sources
        self._linker = Linker(sources.find, sources.whole)
        self._services: dict[str, PlannedService] = {}
        self._sites: dict[tuple[str, str], Site] = {}  # of a service and its attribute
        self._findings: list[Finding] = []
        self._files = 0

    def take_modules(self, modules: Iterable[ModuleFacts]) -> None:
        for module in modules:
            self._files += 1
            if module.error is not None:
                self._findings.append(module.error)
            self._refuse_marked_functions(module)
            for cls in module.classes.values():
                self._take_class(LinkedClass(module, cls))

    def take_attribute(self, module: ModuleFacts, attribute: str, target: str) -> None:
        if module.error is not None:
            self._findings.append(module.error)
            return
        symbol = self._linker.resolve(module, attribute)
        binding = module.names.get(attribute.partition(".")[0])
        if isinstance(symbol, LinkedClass):
            if service_mark(self._linker, symbol) is None:
                at = symbol.cls
                self._report(
                    symbol.module, at.line, at.column, f"class {at.qualname} is no service; mark it with @service"
                )
            self._take_class(symbol)
        elif binding is None and not module.stars:
            near = near_names(attribute, module.names)
            hint = f"did you mean {' or '.join(near)}?" if near else "it must be a class or an ASGI app of that module"
            raise UsageError(f"{target!r}: {module.path} defines no {attribute!r}; {hint}")
        elif isinstance(binding, OwnFunction) and not binding.is_async:
            raise UsageError(
                f"{target!r}: {attribute} is a plain function, and an ASGI app is wanted; if it makes the app, assign "
                f"the result (`app = {attribute}()`) and name that"
            )
        else:
            self._take_app(module, attribute)

    def expect_services(self, place: TargetPlace) -> None:
        """Say so when there is nothing to run."""
        if not self._services and not any(finding.severity == "error" for finding in self._findings):
            message = (
                f"no class marked with @service in {place.scope} ({self._files} files read); mark one, or name an app"
            )
            found = Finding(severity="error", path=_shown(place.scope, self._root), line=1, column=1, message=message)
            self._findings.append(found)

    def plan(self) -> Plan:
        services = [self._link(service) for _, service in sorted(self._services.items())]
        findings = sorted(self._findings, key=lambda found: (found.path, found.line, found.column))
        return Plan(root=str(self._root), services=tuple(services), findings=tuple(findings))

    def _take_class(self, linked: LinkedClass) -> None:
        module, cls = linked.module, linked.cls
        mark = service_mark(self._linker, linked)
        if mark is None:
            return
        marks = [other for other in cls.marks if StaticScope(self._linker, module).means(other.name, "service")]
        if len(marks) > 1:
            self._report(module, marks[1].line, marks[1].column, f"class {cls.qualname} is marked with @service twice")
        try:
            options = declared_options(cls, mark)
        except DefinitionError as error:
            self._report(module, mark.line, mark.column, str(error))
            return
        lineage = self._linker.lineage(linked)
        members = [Member(StaticScope(self._linker, entry.module), entry.cls) for entry in lineage.classes]
        answers_http = any("asgi" in entry.cls.body.bound for entry in lineage.classes)
        if not lineage.foreign and not answers_http and not serves_methods(members):
            self._report(module, cls.line, cls.column, no_methods(cls.qualname))
        analysis = analyze(options.name, members, foreign=lineage.foreign)
        self._findings.extend(analysis.findings)
        self._sites.update({(options.name, attribute): site for attribute, site in analysis.sites.items()})
        self._add(
            PlannedService(
                name=options.name,
                location=location_of(module, cls),
                version=options.version,
                replicas=options.replicas,
                isolated=options.isolated,
                singleton=options.singleton,
                public=options.public,
                dependencies=analysis.dependencies,
                files=self._linker.reach(module),
            ),
            cls.column,
        )

    def _take_app(self, module: ModuleFacts, attribute: str) -> None:
        location = Location(module=module.module, qualname=attribute, path=module.path, line=1)
        files = self._linker.reach(module)
        name = checked_name(
            app_name(module.module, attribute, self._root.name), origin=f"app {module.module}:{attribute}"
        )
        self._add(PlannedService(name=name, location=location, kind="asgi", files=files), 1)

    def _add(self, service: PlannedService, column: int) -> None:
        known = self._services.setdefault(service.name, service)
        if known is not service:
            here, there = service.location, known.location
            message = (
                f"two classes are called {service.name!r}: {here.qualname} here and {there.qualname} at "
                f'{there.path}:{there.line}; give one of them @service(name="…")'
            )
            found = Finding(severity="error", path=here.path, line=here.line, column=column, message=message)
            self._findings.append(found)

    def _link(self, service: PlannedService) -> PlannedService:
        """The service with its dependencies tied to the classes found, and a warning for each that was not."""
        linked = tuple(self._link_dependency(service, dependency) for dependency in service.dependencies)
        # A worker also imports the classes that its handles stand for: results are decoded to their types.
        targets = {dependency.location.module for dependency in linked if dependency.location is not None}
        reached = (self._linker.reach(module) for name in targets if (module := self._sources.find(name)) is not None)
        files = sorted(set(service.files).union(*reached))
        return msgspec.structs.replace(service, dependencies=linked, files=tuple(files))

    def _link_dependency(self, service: PlannedService, dependency: PlannedDependency) -> PlannedDependency:
        target = self._services.get(dependency.service)
        if dependency.location is not None:
            return dependency
        if target is not None:
            return msgspec.structs.replace(dependency, location=target.location if target.kind == "class" else None)
        if not dependency.optional:
            others = [name for name in self._services if name != service.name]
            near = near_names(dependency.service, others)
            hint = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
            message = (
                f"service {service.name!r} calls {dependency.service!r}, which is not in this application; it may be "
                f"registered from outside{hint}"
            )
            site = self._sites[service.name, dependency.attribute]
            found = Finding(severity="warning", path=site.path, line=site.line, column=site.column, message=message)
            self._findings.append(found)
        return dependency

    def _refuse_marked_functions(self, module: ModuleFacts) -> None:
        scope = StaticScope(self._linker, module)
        for function in module.marked_functions:
            for mark in function.marks:
                if scope.means(mark.name, "service"):
                    message = (
                        f"@service marks classes, and {function.name!r} is a function; make it a method of a class"
                    )
                    self._report(module, mark.line, mark.column, message)

    def _report(self, module: ModuleFacts, line: int, column: int, message: str) -> None:
        found = Finding(severity="error", path=module.path, line=line, column=column, message=message)
        self._findings.append(found)


def no_methods(qualname: str) -> str:
    """What to say of a service that has nothing to call."""
    return (
        f"class {qualname} has no methods to serve; add a public `async def`, or mark a `def` with @method "
        "(startup, shutdown and health are hooks, names with an underscore are private)"
    )


_GENERIC_NAMES = ("app", "application", "asgi", "main", "server", "wsgi")


def app_name(module: str, attribute: str, folder: str) -> str:
    """``shop.orders:app`` → ``orders``; ``orders.main:app`` → ``orders``; ``main:app`` in ``orders/`` → ``orders``."""
    parts = [snake_case(part) for part in module.split(".")]
    named = [part for part in parts if part not in _GENERIC_NAMES]
    candidates = [*named[-1:], snake_case(folder).replace("-", "_"), parts[-1]]
    return next((name for name in candidates if is_valid_name(name)), attribute)


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
