"""``dependency(...)``: declares an attribute that stands for another service."""

from __future__ import annotations

from typing import Any

from homeport.authoring.method import checked_timeout
from homeport.authoring.naming import is_valid_name
from homeport.authoring.places import place_of_caller
from homeport.durations import Duration
from homeport.errors import DefinitionError


class DependencyMarker:
    """What stands in a class for a handle until an instance is given one.

    It is a non-data descriptor: a handle (or a fake) set on the instance hides it.
    """

    def __init__(self, service: str | None, optional: bool, timeout: float | None) -> None:
        self.service, self.optional, self.timeout = service, optional, timeout
        self.attribute = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.attribute = name

    def __get__(self, instance: object, owner: type) -> DependencyMarker:
        if instance is None:
            return self
        raise AttributeError(
            f"{owner.__name__}.{self.attribute} stands for the service {self.service or self.attribute!r}, and nobody "
            f"has provided it; set it by hand (`service.{self.attribute} = …`) or use homeport.testing.local()"
        )

    def __repr__(self) -> str:
        return f"dependency(service={self.service!r}, optional={self.optional}, timeout={self.timeout})"


def dependency(service: str | None = None, *, optional: bool = False, timeout: Duration | None = None) -> Any:
    """Declare that an attribute, or a parameter of ``__init__``, stands for another service.

    ``service`` is its name, by default that of the annotated class, or else of the attribute. An ``optional`` one is
    ``None`` when absent at the start, and is not waited for. ``timeout`` is for each call made through it::

        pay: Payments = dependency(timeout="2s")

    Raises:
        DefinitionError: an option cannot be; the message names the place and the way out.
    """
    place = place_of_caller(1)
    if service is not None and not is_valid_name(service):
        raise DefinitionError(
            f"{place}: dependency({service!r}) is no service name; write lower-case letters, digits and underscores"
        )
    if not isinstance(optional, bool):
        raise DefinitionError(f"{place}: dependency(optional=…) must be True or False, got {optional!r}")
    try:
        seconds = checked_timeout(timeout, origin="dependency")
    except DefinitionError as error:
        raise DefinitionError(f"{place}: {error}") from None
    return DependencyMarker(service, optional, seconds)
