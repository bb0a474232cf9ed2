"""Where a definition stands in the source, for errors about it."""

from __future__ import annotations

import inspect
import os
from typing import Any

from homeport.errors import DefinitionError


def place_of(definition: Any) -> str:
    """``shop/cart.py:12`` of a class or function, relative to the working folder if below it; ``""`` if unknown."""
    try:
        code = getattr(inspect.unwrap(definition), "__code__", None)
        path = code.co_filename if code else inspect.getsourcefile(definition) or ""
        line = code.co_firstlineno if code else inspect.getsourcelines(definition)[1]
    except (OSError, TypeError):
        return ""
    relative = os.path.relpath(path)
    return f"{path if relative.startswith('..') else relative}:{line}"


def refuse(name: str, definition: Any, why: str) -> DefinitionError:
    """The error that says ``name``, defined there, cannot be served because of ``why`` (which ends with a way out)."""
    place = place_of(definition)
    return DefinitionError(f"{name} ({place}): {why}" if place else f"{name}: {why}")
