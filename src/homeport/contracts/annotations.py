"""Annotations of a function or a class before any name in them is looked up.

From Python 3.14 on annotations are evaluated when asked for, and fail as a whole if one name is not there yet; asked
for as text they never fail.
"""

from __future__ import annotations

import inspect
import sys
import types
from typing import Any

if sys.version_info >= (3, 14):
    import annotationlib

    def raw_annotations(of: Any) -> dict[str, Any]:
        """Types or text, whichever Python has; of a class only its own."""
        try:
            return dict(annotationlib.get_annotations(of))
        except NameError:
            return dict(annotationlib.get_annotations(of, format=annotationlib.Format.STRING))

    def raw_signature(function: Any) -> inspect.Signature:
        """The signature, its annotations types or text."""
        try:
            return inspect.signature(function)
        except NameError:
            return inspect.signature(function, annotation_format=annotationlib.Format.STRING)

else:

    def raw_annotations(of: Any) -> dict[str, Any]:
        """Types or text, whichever Python has; of a class only its own."""
        return inspect.get_annotations(of)

    def raw_signature(function: Any) -> inspect.Signature:
        """The signature, its annotations types or text."""
        return inspect.signature(function)


def annotated_copy(function: types.FunctionType) -> types.FunctionType:
    """A function with the same globals whose annotations are there already, for ``typing.get_type_hints``."""
    plain: types.FunctionType = inspect.unwrap(function)
    copy = types.FunctionType(plain.__code__, plain.__globals__, plain.__name__, plain.__defaults__, plain.__closure__)
    copy.__annotations__ = raw_annotations(function)
    return copy
