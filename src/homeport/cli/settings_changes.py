"""Tells when the settings of an application change, wherever above its code their files lie."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from homeport.config_sources import SETTINGS_FILES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeport.config import Loaded


def settings_folders(start: Path, cwd: Path, file: Path | None) -> tuple[Path, ...]:
    """Where the settings of what lies at ``start`` are looked for: from there up to ``file`` or ``cwd``."""
    first = start if start.is_dir() else start.parent
    above = (first, *first.parents)
    outermost = [above.index(folder) for folder in (cwd, file.parent if file else first) if folder in above]
    return above[: max(outermost, default=0) + 1]


async def settings_changes(start: Path, cwd: Path, loaded: Loaded | None) -> AsyncIterator[set[str]]:
    """The names of settings files (``.env`` among them) that changed, each time a short while after the last change.

    ``loaded`` is what they said so far; None: they were wrong.
    """
    from watchfiles import Change, awatch

    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    names = {*SETTINGS_FILES, Path(loaded.config.node.env_file if loaded else ".env").name}

    def wanted(_: Change, path: str) -> bool:
        return Path(path).name in names

    folders = settings_folders(start, cwd, loaded.file if loaded else None)
    async for found in awatch(*folders, watch_filter=wanted, debounce=400, step=50, recursive=False):
        yield {Path(path).name for _, path in found}
