"""TARGET on the command line, read together with the settings that belong to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from homeport.build.plan import Plan
    from homeport.build.scanner.store import Trust
    from homeport.cli.surroundings import Surroundings
    from homeport.config import Loaded


class Application(NamedTuple):
    """What commands know of an application without running it."""

    name: str
    plan: Plan
    loaded: Loaded


def read_application(target: str, surroundings: Surroundings) -> Application:
    """Scan TARGET, with the settings of its project.

    Raises:
        UsageError: TARGET does not exist.
        ConfigError: a setting is wrong.
    """
    from homeport.build.diagnostics.checking import settled
    from homeport.build.scanner.targets import find_target

    cwd = surroundings.cwd().resolve()
    loaded = settings_of(target, surroundings)
    plan = settled(scanned(target, surroundings, loaded), loaded.config.check)
    scope = find_target(surroundings.source(target), cwd).scope
    folder = scope if scope.is_dir() else scope.parent
    project = loaded.file.parent.name if loaded.file is not None and folder == loaded.file.parent else folder.name
    if surroundings.package is not None and not target:
        project = surroundings.package.manifest.name
    return Application(loaded.config.node.name or project or target, plan, loaded)


def settings_of(target: str, surroundings: Surroundings, flags: Mapping[str, object] | None = None) -> Loaded:
    """The settings that belong to TARGET; without one, those of the program's own application or of this folder.

    Raises:
        ConfigError: a setting is wrong.
    """
    from homeport.cli.foreground.launch import settings_start
    from homeport.config import load

    cwd, package = surroundings.cwd().resolve(), surroundings.package if not target else None
    start = cwd if package is not None else settings_start(target or ".", cwd)
    return load(start, surroundings.environ, flags=flags, read_env_file=True, package=package)


def scanned(
    target: str, surroundings: Surroundings, loaded: Loaded, *, trust: Trust = "times", cached: bool = True
) -> Plan:
    """Scan TARGET as its settings have it, with what scans before it kept in the node's data folder.

    Raises:
        UsageError: TARGET does not exist.
    """
    from homeport.build.application import scan

    cwd, named = surroundings.cwd().resolve(), surroundings.source(target)
    config = loaded.config
    cache = data_of(target, surroundings, loaded) / "cache" if cached else None
    return scan(named, cwd, config.node.exclude, markers=config.build.markers, cache=cache, trust=trust)


def data_of(target: str, surroundings: Surroundings, loaded: Loaded) -> Path:
    """The data folder of a node that runs TARGET, which need not be there yet."""
    from homeport.cli.foreground.launch import chosen_data, settings_start
    from homeport.nodes import data_folder

    cwd, packaged = surroundings.cwd().resolve(), surroundings.package is not None and not target
    start = settings_start(surroundings.source(target), cwd)
    return chosen_data(loaded, cwd) or data_folder(start, cwd, packaged=packaged)


def without_errors(plan: Plan) -> Plan:
    """``plan``, if its source has no errors.

    Raises:
        FaultySource: it has, no service at all being one.
    """
    from homeport.cli.errors import FaultySource

    errors = (finding for finding in plan.findings if finding.severity == "error")
    found = tuple(msgspec.structs.replace(one, path=os.path.join(plan.root, one.path)) for one in errors)
    if found:
        raise FaultySource(found)
    return plan
