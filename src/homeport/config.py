"""All settings of an application as one typed object, and the error that a wrong one gets.

``config_sources`` finds the raw values; here they become a checked ``Config``, and each keeps its origin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import inspect

from homeport.balancing.policy import Policy
from homeport.config_sources import Layer, Raw, layers
from homeport.durations import parse_duration
from homeport.errors import ConfigError, near_names

if TYPE_CHECKING:
    from homeport.packaged import Package

Duration = Annotated[float, msgspec.Meta(ge=0, extra={"duration": True})]
"""Float seconds; in settings also ``250ms`` or ``5m``."""

Secret = Annotated[str, msgspec.Meta(extra={"secret": True})]
"""A text that is never shown: annotate a field of a service's config with it."""

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1)]

REDACTED = "***"
_SECRET_KEY = re.compile(
    r"(^|[_\-.])(token|password|passwd|passphrase|secret|secrets|credentials?|dsn|key|apikey|auth)$", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)@")
_SERVICE_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[node]``: how the node process and the processes it starts behave."""

    name: str = ""  # "": the name of the project's folder
    data: str = ""  # "": .homeport beside the nearest homeport.toml or pyproject.toml, else in the working folder
    host: str = "127.0.0.1"
    port: Port = 7070  # when not asked for and taken, the next free one
    token: Secret = ""
    tls_certificate: str = ""
    tls_key: str = ""
    plain_http: bool = False  # accept a bind beyond loopback without TLS, because a proxy in front ends it
    layout: Literal["spread", "single"] = "spread"
    ready_timeout: Duration = 30.0
    orphan_grace: Duration = 30.0  # workers serve on this long without a node process
    drain_timeout: Duration = 10.0
    lease: Duration = 3.0
    exclude: tuple[str, ...] = ()  # globs, relative to the import root
    env_file: str = ".env"
    allow_metadata: tuple[str, ...] = ()  # HTTP headers that become metadata of calls
    allowed_hosts: tuple[str, ...] = ()  # Host and Origin values accepted besides loopback
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    force_rpc: bool = False  # local calls go through the codec too

    def __repr__(self) -> str:
        return f"NodeConfig({redacted(self)})"


class ServiceConfig(Policy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[services.<name>]``: how it runs and how it is called; ``config`` is handed to the class unseen."""

    replicas: Annotated[int, msgspec.Meta(ge=0)] | None = None  # None: as the class says
    concurrency: Count = 1000  # calls an instance admits at once
    threads: Count = 8
    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    config: dict[str, Any] = {}  # noqa: RUF012 - a Struct gives each its own

    def __repr__(self) -> str:
        return f"ServiceConfig({redacted(self)})"


class HealthConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[health]``: how instances are looked at, and when one that flaps is held back."""

    allow: tuple[str, ...] = ()  # hosts, addresses and networks that checks may connect to; none: any host's own
    commands: tuple[str, ...] = ()  # paths of programs that command checks may run
    damping: bool = True
    damping_half_life: Duration = 60.0  # of the penalty for becoming unhealthy; 0: no damping
    damping_longest: Duration = 300.0  # that one is held back, however often it flaps


class CheckConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[check]``: which findings are told. Codes may be cut short: ``HP2`` stands for all that begin with it."""

    select: tuple[str, ...] = ()  # none: all rules but those that only advise
    ignore: tuple[str, ...] = ()
    per_file_ignores: dict[str, tuple[str, ...]] = {}  # glob → codes
    exclude: tuple[str, ...] = ()  # globs of files that nothing is told of; they are read all the same


class BuildConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[build]``: how services are found, and what ``homeport build`` puts into an artefact."""

    include: tuple[str, ...] = ()  # distributions, and own modules, besides what is required and imported by name
    exclude: tuple[str, ...] = ()  # globs of the application's files, besides those of [node]
    markers: tuple[str, ...] = ()  # "shop.deco.our_service": decorators that count as @service, see docs/scan.md


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    node: NodeConfig = NodeConfig()
    health: HealthConfig = HealthConfig()
    check: CheckConfig = CheckConfig()
    build: BuildConfig = BuildConfig()
    services: dict[str, ServiceConfig] = {}


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A checked ``Config``, with what the caller needs to explain and use it."""

    config: Config
    origins: dict[str, str]  # dotted path → "--port", "HOMEPORT_NODE__PORT", "homeport.toml"; absent: the default
    file: Path | None  # the settings file that was read
    environment: dict[str, str]  # for the application's processes: .env below the real environment

    def origin(self, path: str) -> str:
        return self.origins.get(path, "default")


def load(
    start: Path,
    environ: Mapping[str, str],
    *,
    flags: Mapping[str, object] | None = None,
    assignments: Sequence[str] = (),
    read_env_file: bool = False,
    package: Package | None = None,
) -> Loaded:
    """Read and check all settings, nearest source first: flag, environment, ``.env``, file, default.

    ``start`` is where the search for a settings file begins (it goes upward). ``flags`` maps dotted paths to values
    that the command line already typed, ``None`` meaning not given; ``assignments`` are the texts of ``--set a.b=c``.
    The settings inside a packaged application are the weakest; a ``homeport.toml`` at ``start`` itself adds to them.

    Raises:
        ConfigError: a setting is unknown, malformed or of the wrong type; the message names its source and path.
    """
    found = layers(start, environ, flags or {}, assignments, read_env_file, package)
    origins: dict[str, str] = {}
    config = _shape(_merge(found.layers), Config, (), origins)
    return Loaded(config=config, origins=origins, file=found.file, environment=found.environment)


def redacted(value: Any, name: str = "") -> Any:
    """``value`` as plain data, with secrets replaced: those marked ``Secret``, those named like one, URL passwords."""
    if isinstance(value, msgspec.Struct):
        marked = _marked_secret(type(value))
        return {
            field: REDACTED if field in marked and getattr(value, field) else redacted(getattr(value, field), field)
            for field in value.__struct_fields__
        }
    if isinstance(value, Mapping):
        return {key: redacted(item, str(key)) for key, item in value.items()}
    if value and _SECRET_KEY.search(name):
        return REDACTED
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    if isinstance(value, str):
        return _URL_PASSWORD.sub(rf"\1:{REDACTED}@", value)
    return value


def _marked_secret(struct: type[msgspec.Struct]) -> set[str]:
    return {
        field.name
        for field in msgspec.structs.fields(struct)
        if any((meta.extra or {}).get("secret") for meta in getattr(field.type, "__metadata__", ()))
    }


# -- raw values to typed ones ------------------------------------------------------------------------------------------


def _merge(found: Sequence[Layer]) -> dict[str, Any]:
    """One tree of ``Raw`` leaves; a later layer wins leaf by leaf."""
    tree: dict[str, Any] = {}
    for layer in found:
        for path, raw in layer.items():
            _put(tree, path, raw)
    return tree


def _put(tree: dict[str, Any], path: tuple[str, ...], raw: Raw) -> None:
    for depth, part in enumerate(path[:-1], 1):
        below = tree.setdefault(part, {})
        if isinstance(below, Raw):
            if below.value != {}:
                raise ConfigError(
                    f"{raw.origin} sets {'.'.join(path)}, but {below.origin} gives {'.'.join(path[:depth])} "
                    f"a plain value; make it a table or remove one of them"
                )
            below = tree[part] = {}
        tree = below
    tree[path[-1]] = raw


def _shape(tree: Any, type_: Any, path: tuple[str, ...], origins: dict[str, str]) -> Any:
    """Build ``type_`` from a tree of ``Raw`` leaves, noting the origin of each value."""
    if isinstance(tree, Raw):
        return _leaf(tree, type_, path, origins)
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return _struct(tree, type_, path, origins)
    info = inspect.type_info(type_)
    if isinstance(info, inspect.DictType):
        values = _value_type(type_)
        for key in tree:
            if path == ("services",) and not _SERVICE_NAME.match(key):
                raise ConfigError(
                    f"{_some_origin(tree[key])}: services.{key}: a service name is lower case letters, digits and _, "
                    f"beginning with a letter"
                )
        return {key: _shape(below, values, (*path, key), origins) for key, below in tree.items()}
    if isinstance(info, inspect.AnyType):
        return {key: _shape(below, Any, (*path, key), origins) for key, below in tree.items()}
    raise ConfigError(f"{_some_origin(tree)}: {'.'.join(path)} takes a plain value, not a table")


def _struct(tree: dict[str, Any], struct: type[msgspec.Struct], path: tuple[str, ...], origins: dict[str, str]) -> Any:
    types = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for key in tree:
        if key not in types:
            near = near_names(key, types)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(types)}"
            raise ConfigError(f"{_some_origin(tree[key])}: unknown setting {'.'.join((*path, key))}; {hint}")
    values = {key: _shape(below, types[key], (*path, key), origins) for key, below in tree.items()}
    try:
        return struct(**values)
    except ValueError as error:  # values that are each well, but not together
        raise ConfigError(f"{_some_origin(tree)}: {'.'.join(path)}: {error}") from None


def _leaf(raw: Raw, type_: Any, path: tuple[str, ...], origins: dict[str, str]) -> Any:
    dotted = ".".join(path)
    origins[dotted] = raw.origin
    try:
        value = parse_duration(raw.value) if _is_duration(type_) and isinstance(raw.value, str) else raw.value
        if raw.textual and isinstance(value, str):
            value = _read_text(value, type_)
        return msgspec.convert(value, type_, strict=not raw.textual)
    except (msgspec.ValidationError, ValueError) as error:
        info, reason = inspect.type_info(type_), _lower_first(str(error))
        if isinstance(info, inspect.LiteralType):
            reason = f"must be one of {', '.join(map(str, info.values))}"
        shown = REDACTED if _SECRET_KEY.search(dotted) else repr(raw.value)
        raise ConfigError(f"{raw.origin}: {dotted}: {reason} (got {shown})") from None


def _read_text(text: str, type_: Any) -> Any:
    """What a text from the environment or the command line means for a setting of ``type_``.

    A text for an untyped setting stays a text, as its class converts it; brackets and braces are read as JSON.
    """
    wants_many = isinstance(inspect.type_info(type_), inspect.VarTupleType | inspect.ListType)
    if text[:1] in "[{" and (wants_many or type_ is Any):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    if wants_many:
        return [part.strip() for part in text.split(",") if part.strip()]
    booleans = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    return booleans.get(text.lower(), text) if type_ is bool else text


def _is_duration(type_: Any) -> bool:
    return bool(type_ == Duration or type_ == Duration | None)


def _value_type(mapping: Any) -> Any:
    return mapping.__args__[1]


def _some_origin(tree: Any) -> str:
    while not isinstance(tree, Raw):
        tree = next(iter(tree.values()))
    return tree.origin


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def walk(value: Any, visit: Callable[[str, Any], None], path: str = "") -> None:
    """Call ``visit(dotted path, plain value)`` for every setting, in order: what ``config show`` lists."""
    if isinstance(value, msgspec.Struct):
        value = {field: getattr(value, field) for field in value.__struct_fields__}
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            walk(below, visit, f"{path}.{key}" if path else str(key))
    elif path:
        visit(path, value)
