"""HP120: dependencies that work, but that editors and type checkers do not know; and the lines that declare them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.build.diagnostics.fixes.handles import Declared, File, Handle, declare
from homeport.build.diagnostics.texts import Texts, decoded
from homeport.build.plan import Location, Plan, PlannedDependency


def undeclared_handles(plan: Plan) -> dict[Finding, Handle]:
    """One for each attribute of a class, at its first use; without edits, which need the source."""
    found: dict[tuple[str, int, int], tuple[Finding, Handle]] = {}
    for service in plan.services:
        for dependency in service.dependencies:
            target = _undeclared(dependency)
            if target is not None:
                at = (dependency.path, dependency.line, dependency.column)
                found.setdefault(at, (_finding(dependency, target), _handle(dependency, target)))
    return dict(found.values())


def with_edits(findings: Iterable[Finding], handles: Mapping[Finding, Handle], texts: Texts) -> tuple[Finding, ...]:
    """The findings, those of undeclared handles with the edits that declare all of their file's together."""
    findings = tuple(findings)
    wanted: dict[str, list[Handle]] = {}
    for finding in findings:
        if finding in handles:
            wanted.setdefault(finding.path, []).append(handles[finding])
    declared = {
        path: declare(decoded(texts.bytes_of(path)), _file(path), members, lambda module: _is_own(texts.root, module))
        for path, members in wanted.items()
    }
    return tuple(
        _editable(finding, declared[finding.path])
        if finding in handles and handles[finding] in declared[finding.path].handles
        else finding
        for finding in findings
    )


def _editable(finding: Finding, declared: Declared) -> Finding:
    hint = f"{finding.hint}; `homeport check --fix` does"
    return msgspec.structs.replace(finding, edits=declared.edits, hint=hint)


def _undeclared(dependency: PlannedDependency) -> Location | None:
    """The class that an undeclared attribute stands for, if it is one of the application that can be named."""
    if dependency.declared or not dependency.path or not dependency.line:
        return None
    target = dependency.location
    return target if target is not None and "<" not in target.qualname else None


def _finding(dependency: PlannedDependency, target: Location) -> Finding:
    attribute = dependency.attribute
    return Finding(
        severity="note",
        path=dependency.path,
        line=dependency.line,
        column=dependency.column,
        code="HP120",
        message=f"{attribute!r} is used without being declared, so editors and type checkers do not know its methods",
        hint=f"write `{attribute}: {target.qualname}` in the class",
    )


def _handle(dependency: PlannedDependency, target: Location) -> Handle:
    return Handle(dependency.attribute, dependency.line, target.module, target.qualname)


def _file(path: str) -> File:
    parts = path.removesuffix(".py").split("/")
    is_package = parts[-1] == "__init__"
    return File(path, ".".join(parts[:-1] if is_package else parts), is_package)


def _is_own(root: Path, module: str) -> bool:
    base = root.joinpath(*module.split(".")) if module else root
    return bool(module) and (base.with_name(f"{base.name}.py").is_file() or base.is_dir())
