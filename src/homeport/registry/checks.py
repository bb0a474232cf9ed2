"""Refuses what nobody should register, and names the field."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence

from homeport.errors import BadArguments
from homeport.health.checks import TTL
from homeport.health.targets import target_of
from homeport.model import Check
from homeport.registry.api import InstanceSpec, OpenSession, OutsideInstance, Register, WatchRequest

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_SCHEMES = ("unix:/", "tcp://", "http://", "https://")
# Workers only: the front passes requests on to it, and an outside program must not have it open sockets of this user's.
_WORKER_SCHEMES = (*_SCHEMES, "http+unix:/")
_WEEK = 7 * 86_400.0
_MOST_REVISION = 2**53 - 1  # what JSON readers can hold


def service(name: str, field: str = "service") -> str:
    """The name, if a service of ours may have it."""
    if not _NAME.match(name):
        raise BadArguments(
            f"{field}: {_shown(name)} is no service name; it must begin with a lower-case letter and have at most 64 "
            f"lower-case letters, digits and underscores"
        )
    if name.startswith("homeport"):
        raise BadArguments(f"{field}: {name!r} is reserved, as all names that begin with 'homeport'; choose another")
    return name


def outside_service(name: str) -> str:
    """The name under which an outside service is reached: ``my-service`` is ``my_service`` here."""
    return service(name.replace("-", "_"))


def session(request: OpenSession) -> None:
    _text("session", request.session)
    _text("worker", request.worker, least=0)
    _text("release", request.release, least=0)
    _text("kind", request.kind, most=32)
    _text("store", request.store, least=0)
    _ttl(request.ttl)
    _revision(request.revision)
    if request.pid < 0:
        raise BadArguments(f"pid: {request.pid} is negative")


def registration(request: Register) -> None:
    _few("instances", request.instances, 1000)
    _few("contracts", request.contracts, 1000)
    seen: set[str] = set()
    for index, spec in enumerate(request.instances):
        field = f"instances[{index}]"
        _instance(spec, field)
        if spec.id in seen:
            raise BadArguments(f"{field}.id: {spec.id!r} is given twice")
        seen.add(spec.id)
    for index, contract in enumerate(request.contracts):
        service(contract.service, f"contracts[{index}].service")
        _text(f"contracts[{index}].fingerprint", contract.fingerprint, most=64)


def outside(request: OutsideInstance) -> str:
    """The name under which its service is reached."""
    name = outside_service(request.service)
    _common(request, "")
    if request.ttl is not None:
        _ttl(request.ttl)
    _checks(request.checks, request.endpoints, "checks")
    return name


def watch(request: WatchRequest) -> None:
    _few("services", request.services, 1000)
    _revision(request.from_revision)
    for index, name in enumerate(request.services):
        _text(f"services[{index}]", name, most=64)


def reason(text: str) -> str:
    _text("reason", text, least=0, most=1000)
    return text


def _instance(spec: InstanceSpec, field: str) -> None:
    service(spec.service, f"{field}.service")
    _common(spec, f"{field}.")
    _few(f"{field}.requires", spec.requires, 256)
    for index, dependency in enumerate(spec.requires):
        _text(f"{field}.requires[{index}].service", dependency.service, most=64)
    _checks(spec.checks, spec.endpoints, f"{field}.checks")
    for index, check in enumerate(spec.checks):
        if check.kind == TTL:
            raise BadArguments(f"{field}.checks[{index}].kind: a worker's own heartbeats say that it is alive")
        if check.deregister_after is not None:
            raise BadArguments(
                f"{field}.checks[{index}].deregister_after: what a worker hosts is replaced, not removed"
            )
    _text(f"{field}.contract", spec.contract, least=0, most=64)


def _common(spec: InstanceSpec | OutsideInstance, prefix: str) -> None:
    _text(f"{prefix}id", spec.id)
    _text(f"{prefix}version", spec.version, least=0)
    _text(f"{prefix}zone", spec.zone, least=0)
    if not (math.isfinite(spec.weight) and 0 < spec.weight <= 1000):
        raise BadArguments(f"{prefix}weight: {spec.weight} is not above 0 and up to 1000")
    if not spec.endpoints:
        raise BadArguments(f"{prefix}endpoints: none is given; where does it answer?")
    _few(f"{prefix}endpoints", spec.endpoints, 16)
    schemes = _WORKER_SCHEMES if isinstance(spec, InstanceSpec) else _SCHEMES
    for index, endpoint in enumerate(spec.endpoints):
        field = f"{prefix}endpoints[{index}]"
        _text(field, endpoint, most=512)
        if not endpoint.startswith(schemes) or endpoint in schemes:
            raise BadArguments(f"{field}: {_shown(endpoint)} must be unix:/path, tcp://host:port or http(s)://…")
    _few(f"{prefix}tags", spec.tags, 64)
    for index, tag in enumerate(spec.tags):
        _text(f"{prefix}tags[{index}]", tag, most=256)
    _metadata(f"{prefix}metadata", spec.metadata)


def _metadata(field: str, metadata: Mapping[str, str]) -> None:
    _few(field, metadata, 64)
    for key, value in metadata.items():
        _text(f"{field} key", key)
        _text(f"{field}[{key!r}]", value, least=0, most=4096)


def _checks(declared: Sequence[Check], endpoints: Sequence[str], field: str) -> None:
    _few(field, declared, 16)
    for index, check in enumerate(declared):
        place = f"{field}[{index}]"
        _text(f"{place}.target", check.target, least=0, most=512)
        _text(f"{place}.body", check.body, least=0, most=512)
        _metadata(f"{place}.headers", check.headers)
        _few(f"{place}.arguments", check.arguments, 64)
        for number, argument in enumerate(check.arguments):
            _text(f"{place}.arguments[{number}]", argument, least=0, most=4096)
        try:
            target_of(check, endpoints)
        except ValueError as error:
            raise BadArguments(f"{place}.{error}") from None


def _ttl(ttl: float) -> None:
    if not 0.1 <= ttl <= _WEEK:
        raise BadArguments(f"ttl: {ttl} is not between 0.1 and {_WEEK:g} seconds")


def _revision(revision: int) -> None:
    if not 0 <= revision <= _MOST_REVISION:
        raise BadArguments(f"revision: {revision} is not between 0 and 2^53 - 1")


def _few(field: str, items: Collection[object], most: int) -> None:
    count = len(items)
    if count > most:
        raise BadArguments(f"{field}: {count} are given, at most {most} are taken")


def _text(field: str, text: str, *, least: int = 1, most: int = 128) -> None:
    if not least <= len(text) <= most:
        raise BadArguments(f"{field}: {_shown(text)} has {len(text)} characters; {least} to {most} are taken")
    if not text.isprintable():
        raise BadArguments(f"{field}: {_shown(text)} has characters that cannot be printed")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}…")
