"""The name of a service: what its class is called, or what ``name=`` says."""

from __future__ import annotations

import re
from typing import TypeGuard

from homeport.errors import DefinitionError, snake_case

_VALID = re.compile(r"[a-z][a-z0-9_]*\Z")
_RESERVED_PREFIX = "homeport"
RESERVED = ("events", "config", "log")  # attributes of a service that are never dependencies


def service_name(class_name: str) -> str:
    """The name a class gives its service: ``PaymentService`` → ``payment``, ``HTTPProxyService`` → ``http_proxy``.

    Raises:
        DefinitionError: nothing valid is left of the name.
    """
    name = snake_case(class_name.removesuffix("Service"))
    if not name:
        raise DefinitionError(
            f"class {class_name} gives its service no name: nothing is left without the trailing 'Service'; "
            f'rename the class or write @service(name="…")'
        )
    return checked_name(name, origin=f"class {class_name}")


def checked_name(name: object, *, origin: str) -> str:
    """``name``, if a service may be called so; ``origin`` says in an error whose name it is."""
    if not is_valid_name(name):
        raise DefinitionError(
            f"{origin}: {name!r} is not a service name; it must be lower-case letters, digits and underscores and "
            f"begin with a letter, as in 'payment' or 'product_catalog'; write @service(name=\"…\")"
        )
    if name.startswith(_RESERVED_PREFIX):
        raise DefinitionError(
            f"{origin}: the service name {name!r} is reserved, as all that begin with '{_RESERVED_PREFIX}'; "
            f'choose another with @service(name="…")'
        )
    return name


def is_valid_name(name: object) -> TypeGuard[str]:
    """Whether a service of the application could have this name."""
    return isinstance(name, str) and _VALID.match(name) is not None
