"""Analyses the services of many modules: all of them, or only those that a change may touch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec

from homeport.build.analyzer.checks import check_application, check_service
from homeport.build.analyzer.collecting import Collector, Taken
from homeport.build.analyzer.dependencies import Site
from homeport.build.analyzer.linked import LinkedApplication, LinkedService
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import PlannedService
from homeport.build.scanner.facts import ModuleFacts
from homeport.build.scanner.sources import Sources

_AMBIGUOUS = "HP107"  # two services of one name: which of them others mean hangs on all modules


class KeptService(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A service as it was analysed, without the source that it was read from."""

    planned: PlannedService
    sites: dict[str, Site]
    answers_http: bool
    open: bool
    column: int
    findings: tuple[Finding, ...]  # of the checks of this service and its calls


class KeptModule(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that was found out about one module."""

    path: str
    sources: tuple[int, ...]  # the files that it hangs on, by number
    findings: tuple[Finding, ...]  # of how its services are defined
    services: tuple[KeptService, ...]


class KeptAnalysis(msgspec.Struct, frozen=True, array_like=True, gc=False):
    files: tuple[str, ...]
    modules: tuple[KeptModule, ...]


class Analysis(NamedTuple):
    services: tuple[PlannedService, ...]
    findings: tuple[Finding, ...]
    kept: KeptAnalysis | None  # None: the next analysis had better begin anew


def analyse(
    sources: Sources, markers: Sequence[str] = (), earlier: KeptAnalysis | None = None, changed: Collection[str] = ()
) -> Analysis:
    """Analyse what ``sources`` was told to look through.

    ``earlier`` is what an analysis of the same found out, and ``changed`` are the files with other content since then;
    no file may have come or gone. The outcome is the same as without them.
    """
    if earlier is not None and not markers:
        done = _Analysis(sources, markers)
        done.take(_untouched(earlier, sources, changed), earlier)
        if not done.ambiguous:
            return done.outcome()
    done = _Analysis(sources, markers)
    done.take({}, None)
    return done.outcome()


def analyse_attribute(
    sources: Sources, module: ModuleFacts, attribute: str, target: str, markers: Sequence[str] = ()
) -> Analysis:
    """Analyse one class or app of a module.

    Raises:
        UsageError: the module has no such thing.
    """
    collector = Collector(sources, markers)
    collector.take_attribute(module, attribute, target)
    application = collector.linked()
    findings = dict.fromkeys((*collector.findings, *check_application(application)))
    for service in application.services.values():
        findings.update(dict.fromkeys(check_service(application, service)))
    return Analysis(tuple(service.planned for service in application.services.values()), tuple(findings), None)


def _untouched(earlier: KeptAnalysis, sources: Sources, changed: Collection[str]) -> dict[str, KeptModule]:
    numbers = {number for number, path in enumerate(earlier.files) if path in changed}
    matter = set(sources.mattering())
    return {one.path: one for one in earlier.modules if one.path in matter and numbers.isdisjoint(one.sources)}


class _Analysis:
    def __init__(self, sources: Sources, markers: Sequence[str]) -> None:
        self._sources = sources
        self._collector = Collector(sources, markers)
        self._markers = markers
        self._kept: dict[str, KeptModule] = {}  # by path; taken as they were
        self._files: tuple[str, ...] = ()  # by which the kept modules number theirs
        self._taken: dict[str, Taken] = {}  # by path; analysed anew

    def take(self, untouched: dict[str, KeptModule], earlier: KeptAnalysis | None) -> None:
        """Take the modules that are not ``untouched``, and those whose services call a service of them."""
        self._kept, self._files = dict(untouched), earlier.files if earlier is not None else ()
        touched = {
            service.planned.name
            for module in (earlier.modules if earlier is not None else ())
            if module.path not in untouched
            for service in module.services
        }
        for path in self._sources.mattering():
            if path not in untouched:
                touched.update(self._take(path).services)
        for path, module in untouched.items():
            if any(one.service in touched for service in module.services for one in service.planned.dependencies):
                del self._kept[path]
                self._take(path)

    @property
    def ambiguous(self) -> bool:
        """Whether two services of the application have one name."""
        names = [service.planned.name for module in self._kept.values() for service in module.services]
        names += [name for taken in self._taken.values() for name in taken.services]
        return len(set(names)) < len(names) or any(found.code == _AMBIGUOUS for found in self._collector.findings)

    def outcome(self) -> Analysis:
        known = {service.planned.name: service for module in self._kept.values() for service in module.services}
        anew = {name for taken in self._taken.values() for name in taken.services}
        self._take_callees(anew, known)
        linked = self._collector.linked()
        services = {name: _linked(service) for name, service in known.items()}
        services.update((name, service) for name, service in linked.services.items() if name in anew)
        whole = LinkedApplication(dict(sorted(services.items())), linked.whole)
        # Calls are checked against methods, which only what the collector has taken has.
        callees = LinkedApplication({**services, **linked.services}, linked.whole)
        own = {name: tuple(check_service(callees, services[name])) for name in sorted(anew)}
        findings = dict.fromkeys(self._collector.findings)
        findings.update(dict.fromkeys(found for module in self._kept.values() for found in module.findings))
        findings.update(dict.fromkeys(check_application(whole)))
        for name in whole.services:
            findings.update(dict.fromkeys(own[name] if name in own else known[name].findings))
        kept = None if self.ambiguous or self._markers else self._keep(services, own)
        return Analysis(tuple(service.planned for service in whole.services.values()), tuple(findings), kept)

    def _take(self, path: str) -> Taken:
        taken = self._taken[path] = self._collector.take_module(self._sources.facts(path))
        return taken

    def _take_callees(self, anew: Iterable[str], known: dict[str, KeptService]) -> None:
        """Show the collector the modules of services that are called, so that calls of them can be checked."""
        called = {one.service for name in anew for one in self._collector.planned(name).dependencies}
        for path in sorted({known[name].planned.location.path for name in called if name in known}):
            self._collector.take_module(self._sources.facts(path))

    def _keep(self, services: dict[str, LinkedService], own: dict[str, tuple[Finding, ...]]) -> KeptAnalysis:
        numbers: dict[str, int] = {}
        modules = [
            msgspec.structs.replace(module, sources=_numbered((self._files[n] for n in module.sources), numbers))
            for module in self._kept.values()
        ]
        for path, taken in self._taken.items():
            hangs_on = self._collector.sources_of(self._sources.facts(path))
            kept = tuple(_kept(services[name], own[name]) for name in taken.services)
            modules.append(KeptModule(path, _numbered(hangs_on, numbers), taken.findings, kept))
        return KeptAnalysis(tuple(numbers), tuple(modules))


def _numbered(paths: Iterable[str], numbers: dict[str, int]) -> tuple[int, ...]:
    return tuple(numbers.setdefault(path, len(numbers)) for path in paths)


def _kept(service: LinkedService, findings: tuple[Finding, ...]) -> KeptService:
    return KeptService(
        planned=service.planned,
        sites=dict(service.sites),
        answers_http=service.answers_http,
        open=service.open,
        column=service.column,
        findings=findings,
    )


def _linked(kept: KeptService) -> LinkedService:
    return LinkedService(
        planned=kept.planned,
        answers_http=kept.answers_http,
        open=kept.open,
        sites=kept.sites,
        column=kept.column,
    )
