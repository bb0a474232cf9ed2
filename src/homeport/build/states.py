"""States of an application that can be compared: a registry in any of its forms, an artefact, or the source itself."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.build.generator.registry import built_registry
from homeport.build.generator.registry_file import RegistryFile, is_registry
from homeport.build.generator.registry_rows import ServiceRow
from homeport.build.generator.registry_text import rows_of_text
from homeport.build.plan import Plan
from homeport.build.reflection import reflect
from homeport.errors import UsageError
from homeport.packaged import FOLDER, REGISTRY, is_package, read_package


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The services of an application at one moment."""

    name: str  # as it was asked for
    rows: dict[str, ServiceRow]
    findings: tuple[Finding, ...] = ()  # of importing the services, if they were imported


def stored_state(named: str, cwd: Path) -> State | None:
    """The state in a registry file, its readable form, or an artefact; None when ``named`` is nothing of that.

    Raises:
        UsageError: it is such a file, and cannot be read.
    """
    path = cwd / Path(named).expanduser()
    for package in (path, path / FOLDER):
        if is_package(package):
            path = read_package(package).registry
    read = _reader(path) if path.is_file() else None
    beside = path.with_name(f"{path.name}.registry.json")
    if read is None and beside.is_file():  # an executable with its Python inside
        path, read = beside, _of_text
    return State(name=named, rows=read(path)) if read is not None else None


def of_plan(plan: Plan, name: str) -> State:
    """The state of a scanned application; its services are imported, in a process of their own, for their contracts."""
    reflection = reflect(plan)
    rows = built_registry(plan, reflection).services
    return State(name=name, rows=rows, findings=reflection.findings)


def _reader(path: Path) -> Callable[[Path], dict[str, ServiceRow]] | None:
    if is_registry(path):
        return _of_registry
    if path.suffix == ".json":
        return _of_text
    return _of_artefact if zipfile.is_zipfile(path) else None


def _of_registry(path: Path) -> dict[str, ServiceRow]:
    return RegistryFile(path).rows()


def _of_text(path: Path) -> dict[str, ServiceRow]:
    return rows_of_text(path.read_bytes(), str(path))


def _of_artefact(path: Path) -> dict[str, ServiceRow]:
    try:
        with zipfile.ZipFile(path) as artefact:
            content = artefact.read(f"{FOLDER}/{REGISTRY}")
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{path} holds no registry ({error}); name a file made by `homeport build`, its .registry.json, or a target"
        ) from error
    with tempfile.TemporaryDirectory(prefix="homeport-registry-") as folder:
        copy = Path(folder, f"{path.name}:{REGISTRY}")
        copy.write_bytes(content)
        return _of_registry(copy)
