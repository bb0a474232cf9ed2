"""Durations as people write them: ``2``, ``0.5``, ``"250ms"``, ``"5m"``, ``"1h30m"``."""

from __future__ import annotations

import math
import re

Duration = float | str
"""Seconds, or a text such as ``"250ms"``; inside Homeport it is float seconds everywhere."""

_UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(us|µs|ms|s|m|h|d)")
_FORMS = "write seconds (0.25) or a text with units (250ms, 30s, 5m, 1h30m)"


def parse_duration(value: Duration) -> float:
    """The seconds that ``value`` stands for; a text without a unit is seconds.

    Raises:
        ValueError: it is no duration, negative, or not finite. The caller knows which setting it was.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is no duration; {_FORMS}")
    seconds = _parse_text(value) if isinstance(value, str) else float(value)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"{value!r} is no duration: it must be finite and not negative; {_FORMS}")
    return seconds


def _parse_text(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    total, position = 0.0, 0
    while part := _PART.match(text, position):
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if position == 0 or text[position:].strip():
        raise ValueError(f"{text!r} is no duration; {_FORMS}")
    return total
