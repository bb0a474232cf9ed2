"""Where in the source something stands, for messages that an editor can follow."""

from __future__ import annotations

import inspect
import sys
from typing import Any


def place_of(function: Any) -> str:
    """``path:line`` of a function's definition."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(function)


def place_of_caller(depth: int) -> str:
    """``path:line`` that called the function ``depth`` levels above the one asking."""
    frame = sys._getframe(depth + 1)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
