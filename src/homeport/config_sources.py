"""Where raw settings come from: a file, ``.env``, the environment, flags."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from homeport.errors import ConfigError, near_names

if TYPE_CHECKING:
    from homeport.packaged import Package

SETTINGS_FILES = ("homeport.toml", "pyproject.toml")
SECTIONS = ("node", "health", "check", "build", "services")
ALIASES = {"HOMEPORT_DATA": ("node", "data"), "HOMEPORT_FORCE_RPC": ("node", "force_rpc")}
"""Variables of one underscore that set something; any other, such as ``HOMEPORT_NODE``, is none of ours here."""


class Raw(msgspec.Struct, frozen=True):
    """A value as its source gave it."""

    value: Any
    origin: str
    textual: bool = False  # from a source that knows only text


Layer = dict[tuple[str, ...], Raw]


class Found(msgspec.Struct, frozen=True):
    layers: list[Layer]  # weakest first
    file: Path | None
    environment: dict[str, str]


def layers(
    start: Path,
    environ: Mapping[str, str],
    flags: Mapping[str, object],
    assignments: Sequence[str],
    read_env_file: bool,
    package: Package | None = None,
) -> Found:
    """All sources, weakest first."""
    file = settings_file(start) if package is None else _beside(start)
    from_file = _file_layer(file) if file else {}
    inside = package.settings if package is not None else None
    built_in = dict(_leaves(_table_of(inside), f"{inside.name} in the artefact")) if inside is not None else {}
    strong = [
        _environment_layer(environ, "", from_file),
        {tuple(path.split(".")): Raw(value, _flag(path)) for path, value in flags.items() if value is not None},
        _assignment_layer(assignments),
    ]
    dotenv: dict[str, str] = {}
    if read_env_file:
        folder = file.parent if file else (start if start.is_dir() else start.parent)
        dotenv = _env_file(folder, [from_file, *strong])
    below = _environment_layer({k: v for k, v in dotenv.items() if k not in environ}, ".env: ", from_file)
    return Found([built_in, from_file, below, *strong], file, {**dotenv, **environ})


def _beside(folder: Path) -> Path | None:
    """A packaged application may be run anywhere: the projects around that place are not its own."""
    file = folder / "homeport.toml"
    return file if file.is_file() else None


def settings_file(start: Path) -> Path | None:
    """The nearest ``homeport.toml`` or ``pyproject.toml`` from ``start`` upward.

    Raises:
        ConfigError: one folder has both, and both hold settings of Homeport.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        own, project = folder / "homeport.toml", folder / "pyproject.toml"
        if own.is_file():
            if project.is_file() and _table_of(project):
                raise ConfigError(f"{own} and [tool.homeport] in {project} both hold settings; move all into one")
            return own
        if project.is_file():
            return project
    return None


def _file_layer(file: Path) -> Layer:
    return dict(_leaves(_table_of(file), _file_origin(file)))


def _table_of(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            table = tomllib.load(opened)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    if file.name == "pyproject.toml":
        table = table.get("tool", {}).get("homeport", {})
        if not isinstance(table, dict):
            raise ConfigError(f"{file}: tool.homeport must be a table")
    return table


def _file_origin(file: Path) -> str:
    return f"{file} [tool.homeport]" if file.name == "pyproject.toml" else str(file)


def _leaves(table: Mapping[str, Any], origin: str, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Raw]]:
    for key, value in table.items():
        below = (*path, key)
        if isinstance(value, dict) and value:
            yield from _leaves(value, origin, below)
        else:
            yield below, Raw(value, origin)


def _environment_layer(environ: Mapping[str, str], prefix: str, file: Layer) -> Layer:
    layer: Layer = {}
    for name, value in environ.items():
        if name in ALIASES:
            if value:
                layer[ALIASES[name]] = Raw(value, prefix + name, textual=True)
        elif name.startswith("HOMEPORT_") and "__" in name:
            path = tuple(part.lower() for part in name.removeprefix("HOMEPORT_").split("__"))
            if path[0] not in SECTIONS:
                near = near_names(path[0], SECTIONS) or list(SECTIONS)
                hint = " or ".join(f"HOMEPORT_{section.upper()}__" for section in near)
                raise ConfigError(f"{prefix}{name}: settings begin with {hint}…; rename or unset the variable")
            if "" in path:
                raise ConfigError(f"{prefix}{name}: a part of the name is empty; write HOMEPORT_NODE__PORT")
            layer[_as_spelt(path, file)] = Raw(value, prefix + name, textual=True)
    return layer


def _as_spelt(path: tuple[str, ...], file: Layer) -> tuple[str, ...]:
    """The file's spelling of a path: variables are upper case, keys of a service's config need not be lower."""
    spelt: tuple[str, ...] = ()
    for part in path:
        depth = len(spelt)
        same = {known[depth] for known in file if len(known) > depth and known[:depth] == spelt}
        spelt = (*spelt, next((known for known in sorted(same) if known.lower() == part), part))
    return spelt


def _assignment_layer(assignments: Sequence[str]) -> Layer:
    layer: Layer = {}
    for text in assignments:
        path, equals, value = text.partition("=")
        parts = tuple(part.strip() for part in path.split("."))
        if not equals or "" in parts:
            raise ConfigError(f"--set {text}: write --set node.port=7171 or --set services.NAME.config.KEY=VALUE")
        layer[parts] = Raw(value, f"--set {path.strip()}", textual=True)
    return layer


def _flag(path: str) -> str:
    return "--" + path.removeprefix("node.").replace("_", "-")


def _env_file(folder: Path, known: Sequence[Layer]) -> dict[str, str]:
    """The variables of ``.env`` (or the file that ``node.env_file`` names), if it exists."""
    named = [layer[("node", "env_file")] for layer in known if ("node", "env_file") in layer]
    name = str(named[-1].value) if named else ".env"
    file = folder / name
    if not name or not file.is_file():
        if named and name:
            raise ConfigError(f"{named[-1].origin}: node.env_file: there is no file {file}")
        return {}
    from dotenv import dotenv_values

    try:
        return {key: value for key, value in dotenv_values(file).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
