"""Numbers as they are compared and shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], rank: float) -> float:
    """The nearest-rank percentile of sorted ``values``; ``rank`` in (0, 100]."""
    return values[max(0, math.ceil(len(values) * rank / 100) - 1)]


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """Median and range: ``12,700 (10,600–13,100)``."""
    if not values:
        return "–"
    return f"{median(values):{form}} ({min(values):{form}}–{max(values):{form}})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Ours over theirs, median by median; None when either was not measured."""
    return median(ours) / median(theirs) if ours and theirs else None
