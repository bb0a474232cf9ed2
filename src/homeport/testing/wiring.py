"""Whether what a test gives makes up a running whole: each service once, and whatever they call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from homeport.authoring.service import is_service, options_of
from homeport.build.live.planned import planned_service
from homeport.build.plan import PlannedDependency, PlannedService
from homeport.errors import ConfigError, DefinitionError, near_names


class Given(NamedTuple):
    """A service that a test runs for real."""

    cls: type
    plan: PlannedService


def wiring(
    services: tuple[type, ...], fakes: Mapping[str, Any], config: Mapping[str, Mapping[str, Any]]
) -> dict[str, Given]:
    """The services by name, each with what it calls.

    Raises:
        DefinitionError: one is given twice or not at all, or something else was given.
        ConfigError: settings for a service that is not there.
    """
    given: dict[str, Given] = {}
    for cls in services:
        name = _name(cls)
        if name in given:
            other = given[name].cls
            what = f"{cls.__qualname__} is" if other is cls else f"{other.__qualname__} and {cls.__qualname__} are both"
            raise DefinitionError(f"{what} given {'twice' if other is cls else f'as {name!r}'}; leave one out")
        given[name] = Given(cls, planned_service(cls))
    for name, fake in fakes.items():
        _check_fake(name, fake, given)
    present = {*given, *(name for name, fake in fakes.items() if fake is not None)}
    called = {dependency.service for one in given.values() for dependency in one.plan.dependencies}
    strays = fakes.keys() - called  # nobody's dependency, so perhaps a misspelt one
    for one in given.values():
        for dependency in one.plan.dependencies:
            if dependency.service not in present:
                _check_absent(one.cls, dependency, present, strays, fakes)
    for name, values in config.items():
        _check_config(name, values, given)
    return given


def _name(cls: Any) -> str:
    if not isinstance(cls, type) and is_service(type(cls)):
        name = type(cls).__qualname__
        raise DefinitionError(f"give the class, {name}, and not an object of it: its handles are put in place here")
    return options_of(cls).name


def _check_fake(name: str, fake: Any, given: Mapping[str, Given]) -> None:
    if name in given:
        raise DefinitionError(
            f"{name!r} is given both as a class ({given[name].cls.__qualname__}) and as a fake; leave one out"
        )
    if is_service(fake):
        raise DefinitionError(f"{name}={fake.__name__} gives a service's class as a fake; give it by position instead")
    if isinstance(fake, type):
        raise DefinitionError(f"{name}={fake.__name__} gives a class; give an object of it: {name}={fake.__name__}()")


def _check_absent(
    cls: type, dependency: PlannedDependency, present: set[str], strays: set[str], fakes: Mapping[str, Any]
) -> None:
    service = dependency.service
    misnamed = [dependency.attribute] if dependency.attribute in strays else near_names(service, present)
    if dependency.optional and not strays.intersection(misnamed):
        return
    hint = f" (did you mean it by {misnamed[0]!r}?)" if misnamed else ""
    way = "None is only for optional dependencies" if service in fakes else "which is neither given nor faked"
    raise DefinitionError(
        f"{cls.__qualname__} calls {service!r} as self.{dependency.attribute}, {way}{hint}; give its class, or "
        f"{service}=YourFake()"
    )


def _check_config(name: str, values: Any, given: Mapping[str, Given]) -> None:
    if name not in given:
        near = near_names(name, given)
        hint = f" (did you mean {near[0]!r}?)" if near else f"; here are {', '.join(given)}"
        raise ConfigError(f"config={{{name!r}: …}} is for a service that does not run here{hint}")
    if not isinstance(values, Mapping):
        raise ConfigError(f"config={{{name!r}: …}} takes a dict of settings, got {type(values).__name__}")
