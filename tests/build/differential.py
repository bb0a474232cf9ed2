"""Whether the scan of an application says what importing it shows: for tests of both."""

from __future__ import annotations

import importlib
import inspect
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from homeport.authoring.service import is_service, options_of
from homeport.build.application import scan
from homeport.build.live.planned import planned_service
from homeport.build.plan import Plan, PlannedService
from homeport.build.presence import without_present
from homeport.build.scanner.sources import module_name, python_files
from homeport.errors import DefinitionError

Place = tuple[str, str]  # module and qualname


def disagreements(files: Mapping[str, str]) -> list[str]:
    """What the scan of these files (path → text) and their import say differently; empty when they agree.

    A service that the scan does not see is no disagreement when a finding in its file says that something there cannot
    be followed, or is wrong. A module that cannot be imported shows nothing; but when it is Homeport that refuses it,
    the scan must refuse it too. Of a class with a base from a library, the scan never says that it lacks methods.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        plan = scan(".", root)
        with _importable(root):
            return list(_compare(plan, root))


def _compare(plan: Plan, root: Path) -> Iterator[str]:
    static = {(service.location.module, service.location.qualname): service for service in plan.services}
    said = {finding.path for finding in plan.findings if finding.severity != "note" or finding.code.startswith("HP2")}
    refused = {finding.path for finding in plan.findings if finding.severity == "error"}
    shown, unknown = set[Place](), set[str]()
    for path in python_files(root):
        relative = path.relative_to(root)
        name = module_name(relative)
        try:
            module = _imported(name)
        except DefinitionError as error:
            unknown.add(name)
            if not refused:
                yield f"{relative}: importing it is refused ({error}), but the scan finds no error"
            continue
        except (Exception, SystemExit):
            unknown.add(name)
            continue
        for cls in _services_of(module):
            place = (name, cls.__qualname__)
            shown.add(place)
            yield from _compare_service(place, cls, static.get(place), _files_of(cls, root), said)
    for module_of, qualname in static.keys() - shown:
        if module_of not in unknown:
            yield f"{module_of}:{qualname}: the scan finds this service, importing shows none"


def _compare_service(
    place: Place, cls: type, scanned: PlannedService | None, files: dict[type, str], said: set[str]
) -> Iterator[str]:
    here, is_said = ":".join(place), not said.isdisjoint(files.values())
    try:
        live = without_present(planned_service(cls), cls)
    except DefinitionError as error:
        # A base from a library might have brought some.
        unknown = "has no methods" in str(error) and "" in files.values()
        if not is_said and not unknown:
            yield f"{here}: refused in hand ({error}), but the scan says nothing"
        return
    if scanned is None:
        if not is_said:
            yield f"{here}: importing shows this service ({options_of(cls)}), the scan is silent about it"
        return
    for field in ("name", "version", "replicas", "isolated", "singleton", "public"):
        mine, theirs = getattr(without_present(scanned, cls), field), getattr(live, field)
        if mine != theirs:
            yield f"{here}: {field} is {mine!r} by the scan and {theirs!r} by import"
    mine, theirs = _dependencies(without_present(scanned, cls)), _dependencies(live)
    if mine != theirs:
        yield f"{here}: dependencies are {sorted(mine)} by the scan and {sorted(theirs)} by import"


def _files_of(cls: type, root: Path) -> dict[type, str]:
    """The file of the application that each class of the lineage stands in; "" for one from elsewhere."""
    found: dict[type, str] = {}
    for base in cls.__mro__:
        file = Path(getattr(sys.modules.get(base.__module__), "__file__", None) or "/")
        if file.is_relative_to(root):
            found[base] = file.relative_to(root).as_posix()
        elif base is not object and base.__module__ not in ("abc", "typing"):
            found[base] = ""
    return found


def _dependencies(service: PlannedService) -> set[tuple[str, str, bool, float, bool, bool]]:
    return {
        (d.attribute, d.service, d.optional, -1.0 if d.timeout is None else d.timeout, d.declared, d.parameter)
        for d in service.dependencies
    }


def _services_of(module: ModuleType) -> Iterator[type]:
    """Marked classes that a worker could import from this module: those that their own qualname leads to."""
    pending = [value for value in vars(module).values() if inspect.isclass(value)]
    seen = set[int]()
    while pending:
        cls = pending.pop()
        if id(cls) in seen or cls.__module__ != module.__name__:
            continue
        seen.add(id(cls))
        pending.extend(value for value in vars(cls).values() if inspect.isclass(value))
        if is_service(cls) and _at(module, cls.__qualname__) is cls:
            yield cls


def _at(module: ModuleType, qualname: str) -> object:
    found: object = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _imported(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


@contextmanager
def _importable(root: Path) -> Iterator[None]:
    """Imports come from ``root`` first, and leave nothing behind."""
    before, path, bytecode = dict(sys.modules), list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, str(root))
    sys.dont_write_bytecode = True
    own = {module_name(file.relative_to(root)).partition(".")[0] for file in python_files(root)}
    hidden = [name for name in before if name.partition(".")[0] in own]
    for name in hidden:
        del sys.modules[name]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = path, bytecode
        for name in [name for name in sys.modules if name.partition(".")[0] in own]:
            del sys.modules[name]
        sys.modules.update({name: before[name] for name in hidden})
        sys.path_importer_cache.pop(str(root), None)
