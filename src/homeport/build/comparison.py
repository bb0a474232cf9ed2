"""Where an imported class and its row in the registry say different things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homeport.authoring.dependency import DependencyMarker
from homeport.authoring.service import MARK, ServiceOptions
from homeport.build.plan import PlannedDependency, PlannedMethod, PlannedService
from homeport.contracts.annotations import raw_signature
from homeport.contracts.api import Contract
from homeport.contracts.served import served_by
from homeport.errors import DefinitionError

_OPTIONS = ("name", "version", "replicas", "isolated", "singleton", "public")


class RegistryMismatch(DefinitionError):
    """What is imported is not what the registry lists."""


def check_class(planned: PlannedService, contract: Contract | None, cls: type) -> None:
    """Compare as far as it is quick: options, names of methods and parameters, declared dependencies.

    Raises:
        RegistryMismatch: they differ; the message says in what, and the next step.
    """
    found = [*_of_class(planned, cls), *(_of_methods(contract, cls) if contract is not None else ())]
    if found:
        at = planned.location
        raise RegistryMismatch(
            f"HP702: the class {at.qualname} of {at.path} and the registry's entry {planned.name!r} differ: "
            f"{'; '.join(found)}; build again if the source is newer than the registry, or see `homeport explain HP702`"
        )


MISMATCH_HINT = (
    "say in the source what the class ends up as when it is imported: plain options in @service, and dependencies by "
    'annotations or @service(uses=["…"])'
)


def option_differences(planned: PlannedService, options: ServiceOptions) -> Iterator[str]:
    for name in _OPTIONS:
        imported, listed = getattr(options, name), getattr(planned, name)
        if imported != listed:
            yield f"{name} is {imported!r} once imported and {listed!r} in the registry"


def dependency_differences(
    planned: tuple[PlannedDependency, ...], imported: tuple[PlannedDependency, ...]
) -> Iterator[str]:
    """What each side lacks; where both have an attribute, which service it stands for and how."""
    listed, found = _by_attribute(planned), _by_attribute(imported)
    for attribute in sorted(listed.keys() | found.keys()):
        one, other = listed.get(attribute), found.get(attribute)
        if one is None or other is None:
            at, service = ("imported class", other) if one is None else ("registry", one)
            assert service is not None
            yield f"only the {at} has self.{attribute} as the service {service.service!r}"
        elif one.service != other.service:
            yield f"self.{attribute} is {other.service!r} once imported and {one.service!r} in the registry"
        elif (one.optional, one.timeout, one.parameter) != (other.optional, other.timeout, other.parameter):
            yield f"self.{attribute} is {_shown(other)} once imported and {_shown(one)} in the registry"


def method_differences(planned: tuple[PlannedMethod, ...], contract: Contract) -> Iterator[str]:
    """Methods that the source has, and the imported class has not, or otherwise.

    The imported class may have more, from bases that are not of the application.
    """
    for method in planned:
        imported = contract.method(method.name)
        if imported is None:
            yield f"only the source has the method {method.name}"
            continue
        names = tuple(parameter.name for parameter in method.parameters)
        if names != imported.parameter_names and not method.decorated:
            shown = ", ".join(imported.parameter_names)
            yield f"{method.name} takes ({shown}) once imported and ({', '.join(names)}) in the source"
        if method.streams != imported.streams and not method.decorated:
            yield f"{method.name} {'streams' if imported.streams else 'does not stream'} once imported"


def _of_class(planned: PlannedService, cls: type) -> Iterator[str]:
    options = getattr(cls, MARK, None)
    if not isinstance(options, ServiceOptions):
        yield "it is not marked with @service once imported"
        return
    yield from option_differences(planned, options)
    listed = {dependency.attribute for dependency in planned.dependencies}
    for name in sorted(set(options.uses) - {dependency.service for dependency in planned.dependencies}):
        yield f"only the imported class uses the service {name!r}"
    for owner in cls.__mro__:
        for attribute, value in vars(owner).items():
            if isinstance(value, DependencyMarker) and attribute not in listed and getattr(cls, attribute) is value:
                yield f"only the imported class has self.{attribute} as {value!r}"


def _of_methods(contract: Contract, cls: type) -> Iterator[str]:
    listed = {method.name: method.parameter_names for method in contract.methods}
    found = {served.name: tuple(raw_signature(served.function).parameters)[1:] for served in served_by(cls)}
    for name in sorted(listed.keys() | found.keys()):
        if name not in found:
            yield f"only the registry has the method {name}"
        elif name not in listed:
            yield f"only the imported class has the method {name}"
        elif found[name] != listed[name]:
            imported, registry = (", ".join(names) for names in (found[name], listed[name]))
            yield f"{name} takes ({imported}) once imported and ({registry}) in the registry"


def _by_attribute(dependencies: tuple[PlannedDependency, ...]) -> Mapping[str, PlannedDependency]:
    return {dependency.attribute: dependency for dependency in dependencies}


def _shown(dependency: PlannedDependency) -> str:
    told = ["optional" if dependency.optional else "required"]
    told += ["a parameter of __init__"] if dependency.parameter else []
    told += [f"timeout {dependency.timeout:g} s"] if dependency.timeout is not None else []
    return ", ".join(told)
