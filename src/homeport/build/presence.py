"""What only the imported class can tell: attributes that it has after all."""

from __future__ import annotations

import msgspec

from homeport.build.plan import PlannedService

_ABSENT = object()


def without_present(planned: PlannedService, cls: type) -> PlannedService:
    """The plan without the undeclared dependencies whose names are attributes of the imported class.

    The scan reads source; a decorator, a metaclass or a base from a library may have put them there.
    """
    kept = tuple(
        dependency
        for dependency in planned.dependencies
        if dependency.declared or getattr(cls, dependency.attribute, _ABSENT) is _ABSENT
    )
    return msgspec.structs.replace(planned, dependencies=kept)
