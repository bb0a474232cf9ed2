"""What goes into an artefact: files of the application, distributions, and loose packages."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.build.files import application_files
from homeport.build.packager.dynamic import DynamicImport, dynamic_imports
from homeport.build.packager.environment import Environment, is_standard
from homeport.build.packager.files import chosen
from homeport.build.packager.imported import ImportedName, imported_names
from homeport.build.packager.own import OwnModules
from homeport.build.packager.requirements import Wanted, closure, declared_in_list, declared_in_project
from homeport.build.plan import Plan, tops_of
from homeport.build.scanner.exclusion import Exclusion


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """All that an artefact holds besides what is made for it."""

    root: Path  # import root of the application
    files: tuple[str, ...]  # of the application, relative to it
    distributions: tuple[str, ...]
    loose: tuple[Path, ...] = ()  # packages and modules that no distribution lists, such as editable ones
    modules: tuple[str, ...] = ()  # that the application imports by name, from elsewhere
    whole: tuple[str, ...] = ()  # packages from elsewhere of which it may import any module
    findings: tuple[Finding, ...] = ()


def contents_of(
    plan: Plan,
    environment: Environment,
    *,
    project: Path | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    leave_out: Sequence[Path] = (),
    only_reached: bool = False,
) -> Contents:
    """What an artefact of the plan's services has to hold.

    ``project`` is the folder with the project's own list of what it requires; ``include`` names further distributions,
    or modules of the application or of Python; ``leave_out`` are folders that are no part of the application, such as
    that of the artefacts.
    """
    root = Path(plan.root)
    reached = sorted({path for service in plan.services for path in (*service.files, service.location.path)})
    tops = tops_of(plan) if plan.scope else None
    walk = application_files(root, Exclusion((*plan.exclude, *exclude)), tops=tops, leave_out=leave_out)
    there = sorted(relative for relative, _ in walk)
    own = OwnModules(root, there)
    named = {name: own.below(name) for name in include}
    taken = own.followed(reached, (path for paths in named.values() for path in paths))
    files = chosen(there, taken, scope=plan.scope, only_reached=only_reached)
    imports = _Imports(root, environment)
    for path in files:
        if path.endswith(".py"):
            imports.take(path, in_use=path in set(reached))
    of_python = {name for name in include if is_standard(name) and environment.find(name) is None}
    further = [name for name, paths in named.items() if not paths and name not in of_python]
    computed = _computed(own, taken) if only_reached and not include else ()
    needed = closure(_wanted(further, imports.distributions, project), environment.find)
    return Contents(
        root=root,
        files=tuple(files),
        distributions=needed.names,
        loose=tuple(sorted(imports.loose)),
        modules=tuple(sorted(imports.modules.union(of_python))),
        whole=tuple(sorted(imports.open_ended.union(*map(environment.modules_of, further)))),
        findings=(*imports.findings, *needed.findings, *computed),
    )


def _wanted(further: Iterable[str], imported: Iterable[str], project: Path | None) -> Iterator[Wanted]:
    yield Wanted(text="homeport", source="the artefact")
    yield from (Wanted(text=name, source="[build] include", line=1) for name in further)
    yield from (Wanted(text=name, source="an import") for name in sorted(imported))
    if project is not None:
        yield from declared_by(project)


def declared_by(project: Path) -> Iterator[Wanted]:
    """What a project says it requires, in its pyproject.toml and requirements.txt."""
    own, listed = project / "pyproject.toml", project / "requirements.txt"
    if own.is_file():
        text = own.read_text(encoding="utf-8", errors="replace")
        try:
            yield from declared_in_project(text, tomllib.loads(text))
        except tomllib.TOMLDecodeError:
            pass  # settings are read from the same file, and that says what is wrong with it
    if listed.is_file():
        yield from declared_in_list(listed.read_text(encoding="utf-8", errors="replace"))


class _Imports:
    """Gathers what files import that is neither the application's own nor Python's."""

    def __init__(self, root: Path, environment: Environment) -> None:
        self._root, self._environment = root, environment
        self.distributions: set[str] = set()
        self.loose: set[Path] = set()
        self.modules: set[str] = set()
        self.open_ended: set[str] = set()
        self.findings: list[Finding] = []

    def take(self, path: str, *, in_use: bool) -> None:
        source = (self._root / path).read_bytes()
        called = [one for one in dynamic_imports(source) if one.name]
        self.open_ended.update(one.name for one in called if one.open_ended and not self._is_own(one.name))
        for name in (*imported_names(source), *map(_as_import, called)):
            if is_standard(name.name):
                self.modules.add(name.name)
            elif not self._is_own(name.name) and not name.name.startswith("homeport"):
                self._take(path, name, in_use)

    def _take(self, path: str, name: ImportedName, in_use: bool) -> None:
        owners = self._environment.owners(name.name)
        loose = None if owners else self._environment.loose(name.name)
        if owners:
            self.distributions.update(owners)
        elif loose is not None:
            self.loose.add(loose)
        elif in_use and name.needed:
            self.findings.append(_missing(path, name))
        if owners or loose is not None:
            self.modules.add(name.name)

    def _is_own(self, module: str) -> bool:
        top = self._root / module.partition(".")[0]
        return top.is_dir() or top.with_name(f"{top.name}.py").is_file()


def _as_import(called: DynamicImport) -> ImportedName:
    return ImportedName(name=called.name, line=called.line, column=called.column, needed=False)


def _computed(own: OwnModules, taken: Iterable[str]) -> Iterator[Finding]:
    for path in sorted(taken):
        for called in own.dynamic_imports_of(path):
            if not called.name:
                yield Finding(
                    severity="warning",
                    path=path,
                    line=called.line,
                    column=called.column,
                    message="imports a module whose name is computed, so that the executable may lack it",
                    code="HP605",
                    hint='say what it may be, as in `include = ["plugins"]` under `[build]`',
                )


def _missing(path: str, name: ImportedName) -> Finding:
    return Finding(
        severity="error",
        path=path,
        line=name.line,
        column=name.column,
        message=f"imports {name.name!r}, which is not installed here, so that the artefact would lack it",
        code="HP602",
        hint="install it in this environment, or handle ImportError around the import",
    )
