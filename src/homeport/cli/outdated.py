"""Removes old versions of an artefact from the folder that they were unpacked into."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from pathlib import Path

from homeport.unpacked import MARK

KEEP = 3
"""So many versions stay that were used last."""

_LEFT = ".left-"  # begins the name of a folder that is being removed
_UNFINISHED = ".fresh."  # and of one that is being unpacked
_STALE = 24 * 3600.0  # seconds after which an unfinished one is surely nobody's


def remove_outdated(own: Path) -> None:
    """Remove versions of the artefact at ``own`` but for it, the ``KEEP`` used last, and those that a process holds.

    Several processes may do so at once. What cannot be removed stays.
    """
    application = own.name.rpartition("-")[0]
    with contextlib.suppress(OSError):
        versions = []
        for entry in list(own.parent.iterdir()):
            if entry.name.startswith(_LEFT) or (entry.name.startswith(_UNFINISHED) and _is_stale(entry)):
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name.rpartition("-")[0] == application and (entry / MARK).is_file():
                versions.append(entry)
        for version in sorted(versions, key=_last_used, reverse=True)[KEEP:]:
            if version != own:
                _remove(version)


def _remove(version: Path) -> None:
    """Renamed under the lock, so that whoever starts it meanwhile finds all of it or nothing."""
    left = version.with_name(f"{_LEFT}{secrets.token_hex(6)}")
    try:
        descriptor = os.open(version / MARK, os.O_RDONLY)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        version.rename(left)
    except OSError:
        return
    finally:
        os.close(descriptor)
    shutil.rmtree(left, ignore_errors=True)


def _last_used(version: Path) -> float:
    try:
        return (version / MARK).stat().st_mtime
    except OSError:
        return 0.0


def _is_stale(folder: Path) -> bool:
    try:
        return folder.stat().st_mtime < time.time() - _STALE
    except OSError:
        return False
