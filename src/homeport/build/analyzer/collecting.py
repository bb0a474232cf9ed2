"""Gathers the services of the modules it is shown, and what is wrong with how they are defined."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from homeport.authoring.naming import checked_name, is_valid_name
from homeport.authoring.service import ServiceOptions
from homeport.build.analyzer.definition import NO_METHODS_HINT, fact_and_way_out, no_methods, option_code
from homeport.build.analyzer.dependencies import Member, Site, analyze, effective_functions
from homeport.build.analyzer.hidden import hidden_uses
from homeport.build.analyzer.linked import LinkedApplication, LinkedService, replaced
from homeport.build.analyzer.marked import StaticScope, declared_options, location_of
from homeport.build.analyzer.methods import served_methods
from homeport.build.analyzer.topics import listeners, published_topics, timers
from homeport.build.analyzer.unfollowed import unfollowed, unknown_markers
from homeport.build.diagnostics.finding import Finding
from homeport.build.linker.lineage import Lineage
from homeport.build.linker.names import LinkedClass, Linker
from homeport.build.linker.symbols import LinkedCall
from homeport.build.plan import Location, PlannedDependency, PlannedService
from homeport.build.scanner.bindings import OwnFunction
from homeport.build.scanner.facts import ModuleFacts
from homeport.build.scanner.sources import Sources
from homeport.errors import DefinitionError, UsageError, near_names, snake_case


class Taken(NamedTuple):
    """What a module had to give."""

    services: tuple[str, ...]
    findings: tuple[Finding, ...]


class Collector:
    """Takes modules, classes and apps in; gives the linked application out."""

    def __init__(self, sources: Sources, markers: Sequence[str] = ()) -> None:
        """``markers`` are the full names of decorators that count as ``@service``."""
        self._sources = sources
        self._linker = Linker(sources.find, sources.whole, markers)
        self._services: dict[str, LinkedService] = {}
        self._impossible: set[tuple[str, str]] = set()  # classes that this was said of
        self._whole = True
        self.findings: list[Finding] = []

    def take_module(self, module: ModuleFacts) -> Taken:
        """Take all services of a module."""
        before, known = len(self.findings), len(self._services)
        self._impossible.clear()  # what a module has to say does not hang on those before it
        if module.error is not None:
            self.findings.append(module.error)
        self._refuse_marked_functions(module)
        self.findings.extend(unfollowed(self._linker, module))
        for cls in module.classes.values():
            self._take_class(LinkedClass(module, cls))
        return Taken(tuple(islice(self._services, known, None)), tuple(self.findings[before:]))

    def planned(self, name: str) -> PlannedService:
        """A service that was taken, before its dependencies are tied."""
        return self._services[name].planned

    def sources_of(self, module: ModuleFacts) -> tuple[str, ...]:
        """The files that what was taken of a module hangs on."""
        return self._linker.sources_of(module)

    def take_attribute(self, module: ModuleFacts, attribute: str, target: str) -> None:
        """Take one class or ASGI app.

        Raises:
            UsageError: the module has no such thing.
        """
        self._whole = False
        if module.error is not None:
            self.findings.append(module.error)
            return
        symbol = self._linker.resolve(module, attribute)
        if isinstance(symbol, LinkedCall):  # an app, unless it is `Payments = service(Plain)`
            made = self._linker.type_of(module, attribute)
            symbol = made if made is not None and self._linker.markers.of(made) else symbol
        binding = module.names.get(attribute.partition(".")[0])
        if isinstance(symbol, LinkedClass):
            if not self._linker.markers.of(symbol):
                at = symbol.cls
                self._report(
                    symbol.module,
                    at.line,
                    at.column,
                    "HP108",
                    f"class {at.qualname} is no service",
                    "mark it with @service",
                )
            self._take_class(symbol)
        elif binding is None and not module.stars:
            near = near_names(attribute, module.names)
            hint = f"did you mean {' or '.join(near)}?" if near else "it must be a class or an ASGI app of that module"
            raise UsageError(f"{target!r}: {module.path} defines no {attribute!r}; {hint}")
        elif isinstance(binding, OwnFunction) and binding.kind == "def":
            raise UsageError(
                f"{target!r}: {attribute} is a plain function, and an ASGI app is wanted; if it makes the app, assign "
                f"the result (`app = {attribute}()`) and name that"
            )
        else:
            self._take_app(module, attribute)

    def linked(self) -> LinkedApplication:
        """All that was taken, with dependencies tied to the classes found."""
        self.findings.extend(unknown_markers(self._linker))
        return LinkedApplication(
            {name: self._tied(service) for name, service in sorted(self._services.items())}, self._whole
        )

    def _take_class(self, linked: LinkedClass) -> None:
        module, cls = linked.module, linked.cls
        markings = self._linker.markers.of(linked)
        if not markings:
            return
        mark = markings[0].mark
        if len(markings) > 1:
            again, twice = markings[1].mark, f"class {cls.qualname} is marked with @service twice"
            self._report(module, again.line, again.column, "HP105", twice, "keep one of them")
        try:
            options = declared_options(cls, markings[0])
        except DefinitionError as error:
            fact, way_out = fact_and_way_out(error)
            self._report(module, mark.line, mark.column, option_code(cls.name, markings[0]), fact, way_out)
            return
        self._add(self._service(linked, options, Site(module.path, mark.line, mark.column)))

    def _service(self, linked: LinkedClass, options: ServiceOptions, marked: Site) -> LinkedService:
        module, cls = linked.module, linked.cls
        lineage = self._linker.lineage(linked)
        self._refuse_impossible(lineage)
        members = tuple(
            Member(StaticScope(self._linker, entry.module, entry.cls), entry.cls) for entry in lineage.classes
        )
        methods = served_methods(members)
        answers_http = any("asgi" in entry.cls.body.bound for entry in lineage.classes)
        if not lineage.foreign and not answers_http and not methods:
            self._report(module, cls.line, cls.column, "HP106", no_methods(cls.qualname), NO_METHODS_HINT)
        given = frozenset().union(*(self._linker.markers.sets(entry) for entry in lineage.classes))
        analysis = analyze(
            options.name, members, foreign=lineage.foreign, given=given, uses=options.uses, uses_at=marked
        )
        self.findings.extend(analysis.findings)
        if not lineage.foreign:
            known = [dependency.attribute for dependency in analysis.dependencies]
            self.findings.extend(hidden_uses(self._linker, lineage.classes, known, options.uses))
        functions = tuple(effective_functions(members))
        planned = PlannedService(
            name=options.name,
            location=location_of(module, cls),
            version=options.version,
            replicas=options.replicas,
            isolated=options.isolated,
            singleton=options.singleton,
            public=options.public,
            dependencies=analysis.dependencies,
            methods=tuple(method.planned for method in methods.values()),
            listens=listeners(functions),
            publishes=published_topics(functions),
            every=timers(functions),
            files=self._linker.reach(module),
        )
        is_open = lineage.foreign or any(self._is_remade(entry) for entry in lineage.classes)
        return LinkedService(planned, members, methods, answers_http, is_open, analysis.sites, cls.column)

    def _is_remade(self, linked: LinkedClass) -> bool:
        """Whether a decorator that is not known may have given the class other methods."""
        markings = [marking.mark for marking in self._linker.markers.of(linked)]
        return any(mark not in markings and mark.name.rpartition(".")[2] not in _HARMLESS for mark in linked.cls.marks)

    def _take_app(self, module: ModuleFacts, attribute: str) -> None:
        location = Location(module=module.module, qualname=attribute, path=module.path, line=1)
        name = checked_name(
            app_name(module.module, attribute, self._sources.root.name), origin=f"app {module.module}:{attribute}"
        )
        planned = PlannedService(name=name, location=location, kind="asgi", files=self._linker.reach(module))
        self._add(LinkedService(planned, answers_http=True))

    def _add(self, service: LinkedService) -> None:
        known = self._services.setdefault(service.name, service)
        if known is not service:
            here, there = service.planned.location, known.planned.location
            message = (
                f"two classes are called {service.name!r}: {here.qualname} here and {there.qualname} at "
                f"{there.path}:{there.line}"
            )
            self.findings.append(
                Finding(
                    severity="error",
                    path=here.path,
                    line=here.line,
                    column=service.column,
                    code="HP107",
                    message=message,
                    hint='give one of them @service(name="…")',
                )
            )

    def _tied(self, service: LinkedService) -> LinkedService:
        dependencies = tuple(self._tied_dependency(dependency) for dependency in service.planned.dependencies)
        # A worker also imports the classes that its handles stand for: results are decoded to their types.
        targets = {dependency.location.module for dependency in dependencies if dependency.location is not None}
        reached = (self._linker.reach(module) for name in targets if (module := self._sources.find(name)) is not None)
        files = tuple(sorted(set(service.planned.files).union(*reached)))
        planned = msgspec.structs.replace(service.planned, dependencies=dependencies, files=files)
        return replaced(service, planned)

    def _tied_dependency(self, dependency: PlannedDependency) -> PlannedDependency:
        target = self._services.get(dependency.service)
        if dependency.location is not None or target is None or target.planned.kind != "class":
            return dependency
        return msgspec.structs.replace(dependency, location=target.planned.location)

    def _refuse_impossible(self, lineage: Lineage) -> None:
        linked = lineage.impossible
        if linked is not None and linked.key not in self._impossible:
            self._impossible.add(linked.key)
            message = f"the bases of class {linked.cls.qualname} cannot be put in order, so that Python refuses it"
            hint = "name a base before the bases that it derives from, and each only once"
            self._report(linked.module, linked.cls.line, linked.cls.column, "HP113", message, hint)

    def _refuse_marked_functions(self, module: ModuleFacts) -> None:
        scope = StaticScope(self._linker, module)
        for function in module.marked_functions:
            for mark in function.marks:
                if scope.means(mark.name, "service"):
                    message = f"@service marks classes, and {function.name!r} is a function"
                    self._report(module, mark.line, mark.column, "HP104", message, "make it a method of a class")

    def _report(self, module: ModuleFacts, line: int, column: int, code: str, message: str, hint: str) -> None:
        found = Finding(
            severity="error", path=module.path, line=line, column=column, code=code, message=message, hint=hint
        )
        self.findings.append(found)


_HARMLESS = ("dataclass", "final", "runtime_checkable", "total_ordering")
_GENERIC_NAMES = ("app", "application", "asgi", "main", "server", "wsgi")


def app_name(module: str, attribute: str, folder: str) -> str:
    """``shop.orders:app`` → ``orders``; ``orders.main:app`` → ``orders``; ``main:app`` in ``orders/`` → ``orders``."""
    parts = [snake_case(part) for part in module.split(".")]
    named = [part for part in parts if part not in _GENERIC_NAMES]
    candidates = [*named[-1:], snake_case(folder).replace("-", "_"), parts[-1]]
    return next((name for name in candidates if is_valid_name(name)), attribute)
