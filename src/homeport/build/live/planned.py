"""The plan of a class in hand, for tests and notebooks: the analysis of the scan, with live names first."""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from homeport.authoring.service import is_service, options_of
from homeport.build.analyzer.definition import NO_METHODS_HINT, no_methods
from homeport.build.analyzer.dependencies import Helper, Member, Site, Target, analyze, effective_functions
from homeport.build.analyzer.marked import StaticScope, static_target
from homeport.build.analyzer.methods import served_methods as methods_in_source
from homeport.build.analyzer.topics import listeners, published_topics, timers
from homeport.build.linker.arguments import UNKNOWN, filled
from homeport.build.linker.names import TRANSPARENT_BASES, LinkedClass, Linker, Outside
from homeport.build.live.introspection import allows_none, introspected_member, unwrap_class
from homeport.build.plan import Location, PlannedDependency, PlannedService
from homeport.build.presence import without_present
from homeport.build.scanner.classes import ClassFacts
from homeport.build.scanner.expressions import Mark
from homeport.build.scanner.facts import ModuleFacts, read_module
from homeport.build.scanner.sources import Sources
from homeport.contracts.served import served_methods
from homeport.errors import DefinitionError


def planned_service(cls: type) -> PlannedService:
    """What the scan would say of this class, with what its names really stand for.

    Without its source (made by ``exec``, a prompt, or a compiled module) only annotations and ``dependency()`` count.
    ``files`` names its own file alone.

    Raises:
        DefinitionError: it is no service, or cannot be served as it is written.
    """
    options = options_of(cls)
    sourced = {base: _sourced_member(base) for base in cls.__mro__ if _is_authored(base)}
    members = [member or introspected_member(base, live_target) for base, member in sourced.items()]
    location = _location(cls)
    if not served_methods(cls) and not hasattr(cls, "asgi"):
        raise DefinitionError(f"{location.path}:{location.line}: {no_methods(cls.__qualname__)}; {NO_METHODS_HINT}")
    marked = Site(location.path, location.line, 1)
    analysis = analyze(options.name, members, foreign=None in sourced.values(), uses=options.uses, uses_at=marked)
    for finding in analysis.findings:
        if finding.severity == "error":
            raise DefinitionError(f"{finding.path}:{finding.line}: {finding.message}; {finding.hint}")
    functions = tuple(effective_functions(members))
    planned = PlannedService(
        name=options.name,
        location=location,
        version=options.version,
        replicas=options.replicas,
        isolated=options.isolated,
        singleton=options.singleton,
        public=options.public,
        dependencies=tuple(_as_the_scan_names_it(dependency, cls) for dependency in analysis.dependencies),
        methods=tuple(method.planned for method in methods_in_source(members).values()),
        listens=listeners(functions),
        publishes=published_topics(functions),
        every=timers(functions),
        files=(location.path,),
    )
    return without_present(planned, cls)


def live_target(value: Any) -> Target | None:
    """The service that a live object, used as a type, stands for."""
    cls = unwrap_class(value)
    return Target(options_of(cls).name, _location(cls), allows_none(value)) if is_service(cls) else None


class LiveScope:
    """What names mean where a class was made: live objects first, then what the source says.

    The source knows what no live namespace does: imports under ``TYPE_CHECKING``, and classes local to a function.
    """

    def __init__(self, cls: type, facts: ClassFacts, namespace: Mapping[str, Any], source: _Source) -> None:
        self._namespace, self._source = namespace, source
        self._static = StaticScope(source.linker, source.facts, facts)
        self._siblings = cls.__qualname__.rpartition(".")[0]

    @property
    def path(self) -> str:
        return self._source.facts.path

    def service(self, name: str) -> Target | None:
        value = _lookup(self._namespace, name)
        if value is not None and not isinstance(value, str):  # a text may be the alias of a type
            return live_target(value)
        for sibling in self._source.facts.local_classes:
            if sibling.qualname == f"{self._siblings}.{name}":
                return static_target(self._source.linker, LinkedClass(self._source.facts, sibling))
        symbol = self._source.linker.resolve(self._source.facts, name)
        if isinstance(symbol, Outside):
            return live_target(_loaded(symbol.name))
        return self._static.service(name)

    def means(self, name: str, public: str) -> bool:
        value = _lookup(self._namespace, name)
        return self._static.means(name, public) if value is None else value is _loaded(f"homeport.{public}")

    def is_any(self, name: str) -> bool:
        return _lookup(self._namespace, name) is Any or self._static.is_any(name)

    def outside(self, name: str) -> str:
        return self._static.outside(name)

    def plain_class(self, name: str) -> bool:
        return False  # contracts say more of live classes

    def helper(self, name: str) -> Helper | None:
        return None

    def read(self, mark: Mark) -> Mark:
        return self._static.read(filled(mark, self._plain))

    def _plain(self, name: str) -> object:
        value = _lookup(self._namespace, name)
        return value if isinstance(value, str | int | float) else UNKNOWN


class _Source:
    """A parsed source text, with the files around it."""

    def __init__(self, facts: ModuleFacts, linker: Linker) -> None:
        self.facts, self.linker = facts, linker


def _sourced_member(cls: type) -> Member | None:
    source = _source_of(cls)
    facts = _find_class(source.facts, cls) if source is not None else None
    if source is None or facts is None:
        return None
    return Member(LiveScope(cls, facts, _namespace(cls), source), facts)


def _source_of(cls: type) -> _Source | None:
    file = _file_of(cls)
    text = "".join(linecache.getlines(file, vars(sys.modules.get(cls.__module__, sys)))) if file else ""
    return _read(text, cls.__module__, file) if text else None


@lru_cache(maxsize=64)
def _read(text: str, module: str, file: str) -> _Source:
    root = _root(module, file)
    facts = read_module(text, module=module, path=file, is_package=Path(file).name == "__init__.py")
    sources = Sources(root) if root is not None else None
    return _Source(facts, Linker(sources.find, sources.whole) if sources is not None else Linker(lambda _: None))


def _find_class(facts: ModuleFacts, cls: type) -> ClassFacts | None:
    """The class statement that made ``cls``; of several with the same name, the one that holds its functions."""
    lines = [function.__code__.co_firstlineno for function in _functions(cls)]
    candidates = [*reversed(facts.local_classes), *facts.classes.values()]
    for candidate in candidates:
        if candidate.qualname == cls.__qualname__ and all(candidate.line <= n <= candidate.last_line for n in lines):
            return candidate
    return None


def _functions(cls: type) -> Iterator[Any]:
    for value in vars(cls).values():
        value = inspect.unwrap(value) if inspect.isfunction(value) else value
        own = inspect.isfunction(value) and value.__qualname__.rpartition(".")[0] == cls.__qualname__
        if own and value.__code__.co_filename != "<string>":  # as of those that dataclass makes
            yield value


def _file_of(cls: type) -> str:
    """Where the class was written; its functions know even in a notebook, where the module has no file."""
    for function in _functions(cls):
        return str(function.__code__.co_filename)
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or ""


def _namespace(cls: type) -> dict[str, Any]:
    names = dict(vars(sys.modules[cls.__module__])) if cls.__module__ in sys.modules else {}
    for function in _functions(cls):
        names.update(function.__globals__)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            with suppress(ValueError):  # still empty
                names[name] = cell.cell_contents
    return names


def _lookup(namespace: Mapping[str, Any], name: str) -> Any:
    first, *rest = name.split(".")
    value = namespace.get(first)
    for part in rest:
        value = getattr(value, part, None)
    return value


def _loaded(name: str) -> Any:
    """The object of this full name, if its module is loaded already."""
    module, _, attribute = name.rpartition(".")
    return getattr(sys.modules.get(module), attribute, None)


def _is_authored(cls: type) -> bool:
    """Whether its source may say something; these bases are known to say nothing."""
    return f"{cls.__module__}.{cls.__qualname__}" not in TRANSPARENT_BASES


def _location(cls: type) -> Location:
    file = _file_of(cls)
    root = _root(cls.__module__, file)
    path = Path(file).relative_to(root).as_posix() if root is not None else file
    source = _source_of(cls)
    facts = _find_class(source.facts, cls) if source is not None else None
    return Location(
        module=cls.__module__, qualname=cls.__qualname__, path=path, line=facts.line if facts is not None else 1
    )


def _as_the_scan_names_it(dependency: PlannedDependency, cls: type) -> PlannedDependency:
    """The dependency with its file relative to the import root of the class that uses it."""
    for base in cls.__mro__:
        if base.__module__ in sys.modules and _file_of(base) == dependency.path:
            return msgspec.structs.replace(dependency, path=_location(base).path)
    return dependency


def _root(module: str, file: str) -> Path | None:
    """The folder from which ``module`` was imported, if ``file`` is where that name leads."""
    path = Path(file)
    if not path.is_file():
        return None
    parts = path.with_suffix("").parts
    names = module.split(".") + ["__init__"] * (path.name == "__init__.py")
    if list(parts[-len(names) :]) != names:
        return path.parent  # run as a script, or loaded by a path of its own
    return Path(*parts[: -len(names)])
