"""The folder that an artefact was unpacked into, held by every process that runs from it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from functools import cache
from pathlib import Path

MARK = ".homeport-used"
"""A file in the folder of an unpacked artefact: locked while it is used, changed when it was last begun to be."""

_DEPTH = 9  # folders to look for it in, from inside the virtual environment of a zipapp


def hold_own() -> bool:
    """Keep what this process runs from until it ends.

    False: it has just been removed. What no artefact has unpacked is nobody's to remove.
    """
    return hold(Path(__file__).parent)


@cache
def hold(folder: Path) -> bool:
    """Keep the version of an artefact that has ``folder`` inside until this process ends; False: it is gone."""
    version = version_of(folder)
    return version is None or lock(version) is not None


def version_of(folder: Path) -> Path | None:
    """The folder around ``folder`` that is made for one version of an artefact, and removed as one."""
    return next((above for above in folder.parents[:_DEPTH] if (above / MARK).is_file()), None)


def lock(version: Path) -> int | None:
    """The descriptor that holds the folder as long as it is open, in this process or one forked from it.

    None: the folder is gone. Where a file system has no locks, nobody removes anything either.
    """
    mark = version / MARK
    try:
        descriptor = os.open(mark, os.O_RDONLY)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    if not _is_there(mark, descriptor):
        os.close(descriptor)
        return None
    with contextlib.suppress(OSError):  # read-only, as in an image
        os.utime(mark)
    return descriptor


def _is_there(mark: Path, descriptor: int) -> bool:
    """Whether the folder was not taken away between opening the mark and locking it."""
    try:
        return os.path.samestat(mark.stat(), os.fstat(descriptor))
    except OSError:
        return False
