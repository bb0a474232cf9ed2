"""Checks of what a node runs: its registry, how far the source has moved on, bytecode, imports that take long."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from homeport.cli.doctor.finding import Checked, ill, warning, well
from homeport.cli.human import duration, plural

if TYPE_CHECKING:
    from homeport.build.generator.registry_file import RegistryFile
    from homeport.build.generator.registry_rows import ServiceRow
    from homeport.cli.surroundings import Surroundings
    from homeport.model import Instance
    from homeport.node.api import NodeStatus
    from homeport.packaged import Package

SLOW_IMPORT = 0.5  # seconds
_FEW = 3  # that are named


def check_application(surroundings: Surroundings, node: str | None, status: NodeStatus) -> list[Checked]:
    """All of them; none when the node's files are not on this machine."""
    from homeport.build.generator.registry_file import RegistryFile, RegistryUnreadable
    from homeport.cli.asking import ask

    releases = Path(status.data, "releases")
    if not (releases / status.release).is_dir():
        return []
    instances = ask(surroundings, node, lambda client: client.registry.instances(""))
    try:
        registry = RegistryFile(releases / f"{status.release}.registry")
        registry.verify()
    except RegistryUnreadable as error:
        found = f"workers that start would refuse it: {error.why}"
        return [ill("registry", found, f"rm {error.path}; the next worker that starts has it written again")]
    rows = registry.rows()
    return [
        check_registry(registry, [one for one in instances if one.release == status.release]),
        check_source(surroundings, registry, rows, status, releases / status.release),
        check_bytecode(rows, instances, releases / status.release, surroundings.environ),
        check_imports(instances),
    ]


def check_registry(registry: RegistryFile, instances: Iterable[Instance]) -> Checked:
    """It is sound, and everybody was started from it."""
    others = sorted({one.service for one in instances if one.registry and not registry.digest.startswith(one.registry)})
    if others:
        found = f"{_named(others)} started from another registry than that of the release in force"
        return warning("registry", found, f"homeport restart {others[0]}, unless a deploy goes on")
    return well("registry", f"{registry.digest[:16]}, {plural(len(registry.names), 'service')}, every row sound")


def check_source(
    surroundings: Surroundings,
    registry: RegistryFile,
    rows: Mapping[str, ServiceRow],
    status: NodeStatus,
    release: Path,
) -> Checked:
    """What the source says now is what runs."""
    from homeport.build.difference import difference
    from homeport.build.generator.registry import built_registry
    from homeport.cli.running_state import target_of
    from homeport.cli.target import read_application
    from homeport.errors import UsageError

    if surroundings.package is not None:
        return check_package(surroundings.package, status)
    plan = registry.plan(Path(status.root))
    try:
        now = built_registry(read_application(target_of(plan), surroundings).plan).services
    except UsageError as error:
        return warning(
            "source", f"cannot be compared with what runs: {error}", "homeport deploy TARGET, from where it is"
        )
    changed = [f"{change.service}: {change.what}" for change in difference(rows, now)]
    files = sorted(
        {path for row in rows.values() for path in row.service.files if _differs(path, status.root, release)}
    )
    touched = sorted(name for name, row in rows.items() if set(row.service.files) & set(files))
    if not changed and not files:
        return well("source", f"as it runs (release {status.release})")
    told = [f"{_named(files)} changed, which {_named(touched)} import"] if files else []
    return warning(
        "source",
        f"newer than what runs: {'; '.join([*told, *changed[:_FEW]])}",
        "homeport diff shows who would notice; homeport deploy has it take over",
    )


def check_package(package: Package, status: NodeStatus) -> Checked:
    """The application that this program has inside is what runs."""
    name = package.manifest.name
    if package.release == status.release:
        return well("source", f"as it runs, that in {name} (release {status.release})")
    found = f"that in {name} is another version (release {package.release}) than runs ({status.release})"
    return warning("source", found, "homeport deploy has it take over")


def check_bytecode(
    rows: Mapping[str, ServiceRow], instances: Iterable[Instance], release: Path, environ: Mapping[str, str]
) -> Checked:
    """Modules that run were compiled once, and not again by every worker that starts."""
    running = {one.service for one in instances}
    files = sorted({path for name, row in rows.items() if name in running for path in row.service.files})
    missing = [path for path in files if not Path(importlib.util.cache_from_source(str(release / path))).exists()]
    if not missing:
        return well("bytecode", f"all {plural(len(files), 'module')} compiled")
    found = (
        f"{len(missing)} of {plural(len(files), 'module')} not compiled ({_named(missing)}): every start does it again"
    )
    if environ.get("PYTHONDONTWRITEBYTECODE"):
        return warning("bytecode", found, "unset PYTHONDONTWRITEBYTECODE, then homeport stop and run it again")
    return warning("bytecode", found, f"python -m compileall -q {release}")


def check_imports(instances: Iterable[Instance]) -> Checked:
    """No worker is held up for long by what its services import."""
    slowest: dict[str, float] = {}
    for one in instances:
        seconds = float(one.metadata.get("import_seconds", 0.0))
        slowest[one.service] = max(seconds, slowest.get(one.service, 0.0))
    slow = sorted(
        (name for name, seconds in slowest.items() if seconds >= SLOW_IMPORT), key=lambda name: -slowest[name]
    )
    if slow:
        named = ", ".join(f"{name} {duration(slowest[name])}" for name in slow[:_FEW])
        return warning("imports", f"slow at every start: {named}", "homeport build --report shows which modules")
    return well("imports", f"the slowest took {duration(max(slowest.values(), default=0.0))}")


def _differs(path: str, root: str, release: Path) -> bool:
    try:
        return Path(root, path).read_bytes() != (release / path).read_bytes()
    except OSError:
        return not os.path.exists(os.path.join(root, path))


def _named(names: list[str]) -> str:
    return ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")
