"""The project that an application belongs to: its name, version, and settings file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from homeport.build.plan import Plan
from homeport.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of it; ``folder`` is that of its pyproject.toml, or else of the settings or the code."""

    folder: Path
    name: str
    version: str = ""


def project_of(plan: Plan, settings: Path | None = None, name: str = "") -> Project:
    """The project around the plan's code.

    Raises:
        UsageError: ``name`` cannot be that of a file.
    """
    if name and not _NAME.match(name):
        raise UsageError(
            f"--name {name}: a name is letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
        )
    root = Path(plan.root)
    start = root / plan.scope
    file = next((found for above in (start, *start.parents) if (found := above / "pyproject.toml").is_file()), None)
    folder = file.parent if file is not None else settings.parent if settings is not None else root
    # Code elsewhere in it, such as an example, is not what the project is named for.
    own = file is not None and root in (folder, folder / "src")
    table = _project_table(file) if file is not None and own else {}
    declared = str(table.get("name") or "")
    return Project(
        folder=folder, name=name or _plain(declared or _called(plan)), version=str(table.get("version") or "")
    )


def _called(plan: Plan) -> str:
    named = Path(plan.scope) if plan.scope else Path(plan.root)
    return named.with_suffix("").name if named.name != "src" else named.parent.name


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._") or "app"


def _project_table(file: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8", errors="replace")).get("project", {})
    except (OSError, tomllib.TOMLDecodeError):
        return {}
    return table if isinstance(table, dict) else {}
