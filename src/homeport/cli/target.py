"""TARGET on the command line, read together with the settings that belong to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from homeport.build.plan import Plan
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
    from homeport.build.application import scan
    from homeport.build.diagnostics.checking import settled
    from homeport.build.scanner.targets import find_target
    from homeport.cli.foreground.launch import settings_start
    from homeport.config import load

    cwd = surroundings.cwd().resolve()
    loaded = load(settings_start(target, cwd), surroundings.environ, read_env_file=True)
    config = loaded.config
    plan = settled(scan(target, cwd, config.node.exclude, markers=config.build.markers), config.check)
    scope = find_target(target, cwd).scope
    folder = scope if scope.is_dir() else scope.parent
    project = loaded.file.parent.name if loaded.file is not None and folder == loaded.file.parent else folder.name
    return Application(loaded.config.node.name or project or target, plan, loaded)


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
