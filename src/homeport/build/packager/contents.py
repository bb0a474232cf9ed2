"""What goes into an artefact: files of the application, distributions, and loose packages."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.build.files import application_files
from homeport.build.packager.environment import Environment, is_standard
from homeport.build.packager.files import chosen
from homeport.build.packager.imported import ImportedName, imported_names
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

    ``project`` is the folder with the project's own list of what it requires; ``include`` names further distributions;
    ``leave_out`` are folders that are no part of the application, such as that of the artefacts.
    """
    root = Path(plan.root)
    reached = sorted({path for service in plan.services for path in (*service.files, service.location.path)})
    tops = tops_of(plan) if plan.scope else None
    walk = application_files(root, Exclusion((*plan.exclude, *exclude)), tops=tops, leave_out=leave_out)
    there = sorted(relative for relative, _ in walk)
    files = chosen(there, reached, scope=plan.scope, only_reached=only_reached)
    imports = _Imports(root, environment)
    for path in files:
        if path.endswith(".py"):
            imports.take(path, in_use=path in set(reached))
    wanted = [
        Wanted(text="homeport", source="the artefact"),
        *(Wanted(text=name, source="[build] include", line=1) for name in include),
        *(Wanted(text=name, source="an import") for name in sorted(imports.distributions)),
        *(declared_by(project) if project is not None else ()),
    ]
    needed = closure(wanted, environment.find)
    return Contents(
        root=root,
        files=tuple(files),
        distributions=needed.names,
        loose=tuple(sorted(imports.loose)),
        modules=tuple(sorted(imports.modules)),
        findings=(*imports.findings, *needed.findings),
    )


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
        self.findings: list[Finding] = []

    def take(self, path: str, *, in_use: bool) -> None:
        for name in imported_names((self._root / path).read_bytes()):
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
