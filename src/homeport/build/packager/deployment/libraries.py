"""What of a project has to be installed so that its libraries are there."""

from __future__ import annotations

import re
import tomllib

import msgspec

_ELSEWHERE = re.compile(r"\s*(-r|-c|-e|--requirement|--constraint|--editable|\.|/|file:)|.*@\s*file:")


class Libraries(msgspec.Struct, frozen=True, kw_only=True):
    """Files of the project's folder that say what to install, in order."""

    files: tuple[str, ...] = ()  # "requirements.txt", "pyproject.toml", "." for the project itself
    alone: bool = True  # requirements.txt names no other files, so that it can be installed without them


def libraries_of(pyproject: str | None, requirements: str | None) -> Libraries:
    """Of a project with these texts as its pyproject.toml and requirements.txt; None: there is no such file."""
    files, alone = [], True
    if requirements is not None:
        files.append("requirements.txt")
        alone = not any(_ELSEWHERE.match(line) for line in requirements.splitlines())
    table = _project_table(pyproject or "")
    dynamic = table.get("dynamic")
    if isinstance(dynamic, list) and "dependencies" in dynamic:  # only building the project tells
        files.append(".")
    elif table.get("dependencies"):
        files.append("pyproject.toml")
    return Libraries(files=tuple(files), alone=alone)


def _project_table(text: str) -> dict[str, object]:
    try:
        table = tomllib.loads(text).get("project", {})
    except tomllib.TOMLDecodeError:
        return {}
    return table if isinstance(table, dict) else {}
