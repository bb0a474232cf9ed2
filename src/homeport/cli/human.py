"""Numbers and moments as people read them."""

from __future__ import annotations

from datetime import datetime


def duration(seconds: float) -> str:
    """``850ms``, ``4.2s``, ``3m 20s``, ``5h 02m``, ``3d 4h``: two units at most."""
    if seconds < 0.9995:
        return f"{max(0, round(seconds * 1000))}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3600}h"


def age(seconds: float) -> str:
    """How long ago, in one unit: ``now``, ``12s``, ``5m``, ``3h``, ``2d``."""
    if seconds < 1:
        return "now"
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"


def memory(size_bytes: int) -> str:
    """``48 MB``, ``1.2 GB``; nothing when it is unknown."""
    if size_bytes <= 0:
        return ""
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1000:.0f} kB"
    if size_bytes < 1_000_000_000:
        return f"{size_bytes / 1_000_000:.0f} MB"
    return f"{size_bytes / 1_000_000_000:.1f} GB"


def moment(wall: float, now: float) -> str:
    """Local time of day, with the date when it was not today."""
    then, today = datetime.fromtimestamp(wall), datetime.fromtimestamp(now)
    return f"{then:%H:%M:%S}" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M:%S}"


def plural(count: int, word: str) -> str:
    """``1 instance``, ``2 instances``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
