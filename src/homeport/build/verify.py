"""Compares what reading the source says with what importing it shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from homeport.build.comparison import MISMATCH_HINT, dependency_differences, method_differences, option_differences
from homeport.build.diagnostics.finding import Finding
from homeport.build.importing.api import MarkedClass, ReflectedService
from homeport.build.plan import Plan, PlannedService
from homeport.build.reflection import PATIENCE, Reflection, reflect
from homeport.build.scanner.sources import python_files
from homeport.build.scanner.store import module_of

_NEVER_IMPORTED = ("__main__", "setup")  # importing them runs a program


def reflect_all(plan: Plan, patience: float = PATIENCE) -> Reflection:
    """Import every module that the plan was made from, and read dependencies from the classes: for ``verify()``."""
    modules = [module_of(path.relative_to(plan.root).as_posix()) for path in files_read(plan)]
    modules = [module for module in modules if module.rpartition(".")[2] not in _NEVER_IMPORTED]
    return reflect(plan, modules=modules, compare=True, patience=patience)


def verify(plan: Plan, reflection: Reflection) -> tuple[Finding, ...]:
    """Where plan and import differ, in order of place; with what kept the import from telling."""
    found = [*reflection.findings]
    for service in plan.services:
        seen = reflection.services.get(service.name)
        if seen is not None and not seen.fault:
            found.extend(_differences(service, seen))
    if not plan.attribute:
        read = {path.relative_to(plan.root).as_posix() for path in files_read(plan)}
        found.extend(_unlisted(plan, [one for one in reflection.marked if one.path in read]))
    return tuple(sorted(found, key=lambda one: (one.path, one.line, one.column, one.message)))


def files_read(plan: Plan) -> list[Path]:
    """All files that were looked through for services."""
    scope = Path(plan.root, plan.scope)
    return list(python_files(scope, plan.exclude, root=Path(plan.root))) if scope.is_dir() else [scope]


def _differences(service: PlannedService, seen: ReflectedService) -> Iterator[Finding]:
    found: list[tuple[str, str]] = []  # severity and difference
    if seen.options is not None:
        found += (("error", one) for one in option_differences(service, seen.options))
    if seen.dependencies is not None:
        found += (("error", one) for one in dependency_differences(service.dependencies, seen.dependencies))
    if seen.contract is not None:
        # Workers serve what the imported class has; only the checks of calls go by what the source seems to say.
        found += (("warning", one) for one in method_differences(service.methods, seen.contract))
    for severity, difference in found:
        yield Finding(
            severity=severity,
            code="HP702",
            path=service.location.path,
            line=service.location.line,
            column=1,
            message=f"service {service.name!r} is not what its source seems to say: {difference}",
            hint=MISMATCH_HINT,
        )


def _unlisted(plan: Plan, marked: list[MarkedClass]) -> Iterator[Finding]:
    listed = {(service.location.module, service.location.qualname): service.name for service in plan.services}
    for one in marked:
        if listed.get((one.module, one.qualname)) != one.service:
            yield Finding(
                severity="error",
                code="HP701",
                path=one.path,
                line=one.line,
                column=1,
                message=f"class {one.qualname} is the service {one.service!r} once imported, but reading the source "
                f"does not show it",
                hint="mark a class statement with @service itself, or name your decorator in `markers` under [build]",
            )
