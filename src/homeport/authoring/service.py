"""``@service``: marks a class as a service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, overload

import msgspec

from homeport.authoring.naming import RESERVED, checked_name, is_valid_name, service_name
from homeport.authoring.places import place_of_caller
from homeport.errors import DefinitionError

MARK = "__homeport_service__"

C = TypeVar("C", bound=type[Any])


class ServiceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What ``@service`` says of a class."""

    name: str
    version: str = ""
    replicas: int = 1  # copies that run unless scaled; 0: idle until scaled
    isolated: bool = False  # never shares a worker
    singleton: bool = False  # never more than one copy
    public: bool = False  # callable from beyond loopback
    uses: tuple[str, ...] = ()  # services that it calls besides those that its source shows


@overload
def service(cls: C, /) -> C: ...


@overload
def service(
    *,
    name: str | None = None,
    version: str = "",
    replicas: int = 1,
    isolated: bool = False,
    singleton: bool = False,
    public: bool = False,
    uses: Sequence[str] = (),
) -> Callable[[C], C]: ...


def service(cls: Any = None, /, **options: Any) -> Any:
    """Mark a class as a service; the class itself stays as it is, and nothing is registered.

    ``name`` replaces the one derived from the class (``PaymentService`` → ``payment``); ``replicas`` is the number of
    copies to run; ``isolated`` gives each copy a worker of its own; a ``singleton`` is never scaled above one; a
    ``public`` service may be called over HTTP from beyond this machine. ``uses`` names services that it calls in ways
    the source does not show, as by ``getattr(self, name)``; each is then a dependency of that name. Subclasses are
    services only if marked too.

    Raises:
        DefinitionError: the class cannot be a service; the message names the place and the way out.
    """
    if cls is not None:
        return _mark(cls, options, place_of_caller(1))

    def decorate(cls: Any) -> Any:
        return _mark(cls, options, place_of_caller(1))

    return decorate


def service_options(class_name: str, /, **options: Any) -> ServiceOptions:
    """The options that ``@service(**options)`` gives a class of this name.

    Raises:
        DefinitionError: an option is unknown or has a value it cannot have.
    """
    known = ("name", *_TYPES, "uses")
    for option, value in options.items():
        if option not in known:
            raise DefinitionError(f"@service has no option {option!r}; it has {', '.join(known)}")
        expected = _TYPES.get(option)
        if expected is not None and type(value) is not expected:
            raise DefinitionError(f"@service({option}=…) must be {_NOUNS[expected]}, got {value!r}")
    options["uses"] = _checked_uses(options.get("uses", ()))
    given = options.pop("name", None)
    name = service_name(class_name) if given is None else checked_name(given, origin=f"class {class_name}")
    if name in options["uses"]:
        raise DefinitionError(f"@service(uses=…) of {name!r} names the service itself; leave it out")
    result = ServiceOptions(name=name, **options)
    if result.replicas < 0:
        raise DefinitionError(f"@service(replicas=…) must be 0 or more, got {result.replicas}")
    if result.singleton and result.replicas > 1:
        raise DefinitionError(
            f"@service(singleton=True, replicas={result.replicas}) contradicts itself: a singleton has one copy; "
            "leave out one of the two"
        )
    return result


def is_service(cls: object) -> bool:
    """Whether this very class is marked; a subclass of a marked class is not."""
    return isinstance(cls, type) and MARK in vars(cls)


def options_of(cls: type) -> ServiceOptions:
    """The options of a class marked with ``@service``.

    Raises:
        DefinitionError: it is not marked.
    """
    if not is_service(cls):
        kind = f"class {cls.__qualname__}" if isinstance(cls, type) else repr(cls)
        raise DefinitionError(f"{kind} is no service; mark the class itself with @service")
    options: ServiceOptions = vars(cls)[MARK]
    return options


@contextmanager
def hearing(hear: Callable[[type], None]) -> Iterator[None]:
    """Inside the block, ``hear`` is told of each class that becomes marked; what it raises, the module meets."""
    _hearers.append(hear)
    try:
        yield
    finally:
        _hearers.remove(hear)


_hearers: list[Callable[[type], None]] = []
_TYPES: dict[str, type] = {"version": str, "replicas": int, "isolated": bool, "singleton": bool, "public": bool}
_NOUNS = {str: "a text", int: "a whole number", bool: "True or False"}


def _mark(cls: Any, options: dict[str, Any], place: str) -> Any:
    if not isinstance(cls, type):
        raise DefinitionError(f"{place}: {_refusal(cls)}")
    if is_service(cls):
        raise DefinitionError(f"{place}: class {cls.__qualname__} is marked with @service twice; leave one out")
    try:
        setattr(cls, MARK, service_options(cls.__name__, **options))
    except DefinitionError as error:
        raise DefinitionError(f"{place}: {error}") from None
    for hear in tuple(_hearers):
        hear(cls)
    return cls


def _checked_uses(names: Any) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, list | tuple | set | frozenset):
        raise DefinitionError(f'@service(uses=…) must be names of services, as in uses=["payments"], got {names!r}')
    for name in names:
        if not is_valid_name(name):
            raise DefinitionError(
                f"@service(uses=…) names services, and {name!r} is no service name; write lower-case letters, digits "
                f"and underscores"
            )
        if name in RESERVED:
            raise DefinitionError(f"@service(uses=…) names {name!r}, which is reserved; self.{name} is no dependency")
    return tuple(sorted(set(names)))


def _refusal(thing: Any) -> str:
    if callable(thing) and hasattr(thing, "__name__"):
        return (
            f"@service marks classes, and {thing.__name__!r} is a function; "
            "make it an `async def` method of a class and mark the class"
        )
    if isinstance(thing, str):
        return f"@service takes its options by name; write @service(name={thing!r})"
    return f"@service marks classes, not {thing!r}"
