"""``@method``: says how a method of a service may be called."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, ParamSpec, Protocol, TypeVar, overload

import msgspec

from homeport.authoring.places import place_of, place_of_caller
from homeport.durations import Duration, parse_duration
from homeport.errors import DefinitionError, ServiceError, near_names

MARK = "__homeport_method__"

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Any] | AsyncIterator[Any]])
P = ParamSpec("P")
R = TypeVar("R")


class MethodOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What ``@method`` says of a function."""

    timeout: float | None = None  # seconds; None: the default
    idempotent: bool = False  # may be run again when it is unknown whether it ran
    route_by: str = ""  # parameter whose value chooses the instance
    raises: tuple[type[ServiceError], ...] = ()
    public: bool = False  # callable from beyond loopback


class MethodDecorator(Protocol):
    """What ``@method(...)`` does to the type of a function: see ``method``."""

    @overload
    def __call__(self, function: F, /) -> F: ...  # type: ignore[overload-overlap]  # the first that fits wins

    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, Coroutine[Any, Any, R]]: ...


@overload
def method(function: F, /) -> F: ...  # type: ignore[overload-overlap]  # the first that fits wins


@overload
def method(function: Callable[P, R], /) -> Callable[P, Coroutine[Any, Any, R]]: ...


@overload
def method(
    *,
    timeout: Duration | None = None,
    idempotent: bool = False,
    route_by: str = "",
    raises: Iterable[type[ServiceError]] | type[ServiceError] = (),
    public: bool = False,
) -> MethodDecorator: ...


def method(function: Any = None, /, **options: Any) -> Any:
    """Say how a method may be called, or make a plain ``def`` one; the function itself stays as it is.

    ``timeout`` is a duration (``2``, ``"250ms"``; for a stream: the idle time per item); ``idempotent`` allows retries
    after a lost connection; ``route_by`` names a parameter, and calls with equal values of it reach the same instance;
    ``raises`` lists the ``ServiceError`` classes that belong to the contract; ``public`` allows HTTP calls from beyond
    this machine.

    The body of a plain ``def`` runs in a thread. Type checkers see it as a coroutine function, which it is for every
    caller with a handle; the class itself calls the plain function, so keep what both need in a private helper.

    Raises:
        DefinitionError: an option cannot be; the message names the place and the way out.
    """
    if function is not None:
        return _mark(function, options, place_of_caller(1))

    def decorate(function: Any) -> Any:
        return _mark(function, options, place_of_caller(1))

    return decorate


def method_options(function: Any) -> MethodOptions:
    """The options of a function; the defaults, if it is not marked."""
    options = getattr(function, MARK, None)
    return options if isinstance(options, MethodOptions) else MethodOptions()


def _mark(function: Any, options: dict[str, Any], place: str) -> Any:
    if not inspect.isfunction(function):
        raise DefinitionError(f"{place}: {_refusal(function)}")
    where = f"{place_of(function)}: {function.__qualname__}"
    if hasattr(function, MARK):
        raise DefinitionError(f"{where} is marked with @method twice; put all options into one")
    if function.__name__.startswith("_"):
        raise DefinitionError(
            f"{where} is private by its underscore and can never be called from outside; rename it or leave @method out"
        )
    if function.__name__ in _HOOKS:
        raise DefinitionError(f"{where} is a hook that Homeport itself calls, never a method; leave @method out")
    if inspect.isgeneratorfunction(function):
        raise DefinitionError(f"{where} is a plain generator; only `async def` with `yield` can stream")
    try:
        setattr(function, MARK, _checked(function, **options))
    except (DefinitionError, TypeError) as error:
        raise DefinitionError(f"{where}: {error}") from None
    return function


_HOOKS = ("startup", "shutdown", "health")
_KNOWN = ("timeout", "idempotent", "route_by", "raises", "public")


def _checked(function: Any, **options: Any) -> MethodOptions:
    for option in options:
        if option not in _KNOWN:
            raise DefinitionError(f"@method has no option {option!r}; it has {', '.join(_KNOWN)}")
    for flag in ("idempotent", "public"):
        if not isinstance(options.get(flag, False), bool):
            raise DefinitionError(f"@method({flag}=…) must be True or False, got {options[flag]!r}")
    return MethodOptions(
        timeout=checked_timeout(options.get("timeout"), origin="@method"),
        idempotent=options.get("idempotent", False),
        route_by=_parameter(function, options.get("route_by", "")),
        raises=_declared_errors(options.get("raises", ())),
        public=options.get("public", False),
    )


def checked_timeout(value: Duration | None, *, origin: str) -> float | None:
    """The seconds of a ``timeout=``; ``origin`` says in an error whose it was."""
    if value is None:
        return None
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        raise DefinitionError(f"{origin}(timeout=…): {error}") from None
    if seconds == 0:
        raise DefinitionError(f"{origin}(timeout=…) must be above zero; leave it out for the default")
    return seconds


def _parameter(function: Any, name: str) -> str:
    if name == "":
        return ""
    parameters = list(inspect.signature(function).parameters)[1:]
    if name not in parameters:
        near = near_names(str(name), parameters)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(parameters) or 'none'}"
        raise DefinitionError(f"@method(route_by={name!r}) names no parameter; {hint}")
    return name


def _declared_errors(raises: Any) -> tuple[type[ServiceError], ...]:
    errors = (raises,) if isinstance(raises, type) else raises
    if not isinstance(errors, list | tuple | set | frozenset):
        raise DefinitionError(f"@method(raises=…) takes a list of ServiceError classes, got {raises!r}")
    for error in errors:
        if not (isinstance(error, type) and issubclass(error, ServiceError)):
            shown = error.__name__ if isinstance(error, type) else repr(error)
            raise DefinitionError(
                f"@method(raises=…) lists {shown}, which is no ServiceError; derive it from homeport.ServiceError, "
                "or leave it out: any other exception arrives as RemoteError without being declared"
            )
    return tuple(errors)


def _refusal(thing: Any) -> str:
    if isinstance(thing, staticmethod | classmethod | property):
        return f"@method marks plain methods, and this is a {type(thing).__name__}; services serve methods with `self`"
    if isinstance(thing, type):
        return f"@method marks methods, and {thing.__qualname__} is a class; mark it with @service"
    return f"@method takes its options by name and marks functions, not {thing!r}"
