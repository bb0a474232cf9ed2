"""Turns a planned service into an object: imports its class, gives it its handles, its config and its log."""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from homeport.build.comparison import RegistryMismatch
from homeport.build.plan import Location, PlannedDependency, PlannedService
from homeport.contracts.annotations import raw_annotations
from homeport.contracts.api import Contract
from homeport.contracts.hints import imported_for_types
from homeport.contracts.signature import ServiceSignature, signature_of
from homeport.contracts.stored import stored_signature
from homeport.errors import ConfigError, DefinitionError, HomeportError

log = logging.getLogger("homeport.worker")

MakeHandle = Callable[[PlannedDependency, Callable[[], ServiceSignature | None]], Any]


def load(location: Location, root: str) -> Any:
    """The class or ASGI app at ``location``; ``root`` is the import root.

    Raises:
        DefinitionError: its module cannot be imported, or lacks the name.
    """
    try:
        target: Any = importlib.import_module(location.module)
    except RegistryMismatch:
        raise
    except Exception as error:
        raise DefinitionError(
            f"cannot import {location.module!r} from import root {root}: {type(error).__name__}: {error}"
        ) from error
    for part in location.qualname.split("."):
        try:
            target = getattr(target, part)
        except AttributeError:
            raise DefinitionError(
                f"{location.path} has no {location.qualname!r} once imported; is it defined under a condition?"
            ) from None
    return target


@cache
def _target_types(location: Location, service: str) -> ServiceSignature | None:
    return _typed(service, lambda: signature_of(load(location, "the release"), service))


def _typed(service: str, signature: Callable[[], ServiceSignature]) -> ServiceSignature | None:
    try:
        return signature()
    except HomeportError as error:
        # The caller can live without the callee's types; its results are then plain data.
        log.warning("dependency.untyped", extra={"service": service, "error": str(error)})
        return None


def types_of(dependency: PlannedDependency, contract: Contract | None = None) -> Callable[[], ServiceSignature | None]:
    """Where the types of a dependency's results come from: its own class, if the application has it.

    With the ``contract`` that was stored of that class, only the methods that are called are looked at.
    """
    location, service = dependency.location, dependency.service
    if location is None:
        return lambda: None
    if contract is None:
        return lambda: _target_types(location, service)
    return cache(lambda: _typed(service, lambda: stored_signature(load(location, "the release"), contract)))


def _no_contract(service: str) -> None:
    """Where nothing is stored."""


def assemble(
    cls: Any,
    plan: PlannedService,
    config: dict[str, Any],
    handle: MakeHandle,
    fence: int = 1,
    contract_of: Callable[[str], Contract | None] = _no_contract,
) -> Any:
    """An object of ``cls`` with its handles in place before its ``__init__`` runs.

    A singleton is given ``fence``, the token it shows to what it writes to. ``contract_of`` gives the stored contract
    of a service, if there is one.

    Raises:
        ConfigError: its settings do not fit its ``config`` annotation.
        DefinitionError: the class does not take what it is given.
    """
    target = cls.__new__(cls)
    attributes = {
        dependency.attribute: handle(dependency, types_of(dependency, contract_of(dependency.service)))
        for dependency in plan.dependencies
        if not dependency.parameter
    }
    attributes["config"] = typed_config(cls, plan.name, config)
    attributes["log"] = logging.getLogger(plan.name)
    if plan.singleton:
        attributes.setdefault("fence", fence)  # unless that is what it calls another service
    for name, value in attributes.items():
        if name in ("config", "fence", "log") and _is_taken(cls, name):
            continue
        try:
            setattr(target, name, value)
        except AttributeError as error:
            raise DefinitionError(
                f"{cls.__qualname__} does not let {name!r} be set ({error}); remove __slots__ or add {name!r} to it"
            ) from error
    parameters = {
        dependency.attribute: handle(dependency, types_of(dependency, contract_of(dependency.service)))
        for dependency in plan.dependencies
        if dependency.parameter
    }
    needs = inspect.signature(cls.__init__).parameters
    if "config" in needs:
        parameters["config"] = attributes["config"]
    try:
        target.__init__(**parameters)
    except TypeError as error:
        raise DefinitionError(
            f"{cls.__qualname__}(): {error}; __init__ may take services (annotated with their class) and config"
        ) from error
    return target


def _is_taken(cls: type, name: str) -> bool:
    """Whether the class has a use of its own for a reserved name, such as a property."""
    return getattr(cls, name, None) is not None


def typed_config(cls: type, service: str, values: dict[str, Any]) -> Any:
    """The service's settings as its ``config`` annotation wants them; without one, a plain dict."""
    wanted = _config_type(cls)
    if wanted is None:
        return dict(values)
    try:
        if hasattr(wanted, "model_validate"):
            return wanted.model_validate(values)
        return msgspec.convert(values, wanted, strict=False)
    except ValueError as error:
        raise ConfigError(f"[services.{service}.config] does not fit {wanted.__name__}: {error}") from error


def _config_type(cls: Any) -> Any:
    """What the class, or else its ``__init__``, annotates ``config`` with. No other annotation need make sense here."""
    for base in cls.__mro__:
        if (annotation := raw_annotations(base).get("config")) is not None:
            return _resolved(cls, annotation, base.__module__, dict(vars(base)))
    init = inspect.unwrap(cls.__init__)
    if not inspect.isfunction(init):
        return None
    return _resolved(cls, raw_annotations(init).get("config"), init.__module__, {})


def _resolved(cls: Any, annotation: Any, module: str, names: dict[str, Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    known = {**vars(sys.modules[module]), **names}
    while True:
        try:
            return eval(annotation, known)  # noqa: S307 - the author's own annotation
        except NameError as error:
            cause: Exception = error
            if error.name is None or error.name in known:
                break
            try:
                known[error.name] = imported_for_types(error.name, module)
            except (LookupError, ImportError) as missing:
                cause = missing if isinstance(missing, ImportError) else error
                break
        except Exception as error:
            cause = error
            break
    raise DefinitionError(f"{cls.__qualname__}.config: cannot resolve {annotation!r}: {cause}") from cause
