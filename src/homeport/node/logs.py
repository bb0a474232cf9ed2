"""The node process's own log, in the same lines as those of its workers."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection
from pathlib import Path

from homeport.linehandler import LineHandler
from homeport.logfiles import MAX_BYTES, RotatingWriter

log = logging.getLogger("homeport.node")

FILE = "node.log"
_RUNAWAY_BYTES = 4 * MAX_BYTES
_FORGET_AFTER = 14 * 86400.0  # seconds after which the log of a worker that is no more is removed


def open_log(logs: Path, level: str) -> RotatingWriter:
    """Send all logging of this process to ``node.log``."""
    writer = RotatingWriter(logs / FILE)
    root = logging.getLogger()
    root.handlers[:] = [LineHandler(writer)]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    return writer


def cut_runaways(logs: Path) -> None:
    """Empty a file that has outgrown rotation: its process prints without ever letting its own log be turned."""
    for path in logs.glob("*.log"):
        with contextlib.suppress(OSError):
            size = path.stat().st_size
            if size > _RUNAWAY_BYTES:
                os.truncate(path, 0)  # its writers append, so they go on at the start
                log.warning("log.cut", extra={"file": path.name, "bytes": size})


def forget_old(logs: Path, running: Collection[str], now: float) -> None:
    """Remove files of workers that have long been gone; ``now`` is wall-clock seconds."""
    for path in logs.iterdir():
        worker = path.name.partition(".log")[0]
        with contextlib.suppress(OSError):
            if worker not in running and path.name != FILE and path.stat().st_mtime < now - _FORGET_AFTER:
                path.unlink()
