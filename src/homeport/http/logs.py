"""Where the front's own log goes: JSON lines in its rotated file, or plain lines on standard error."""

from __future__ import annotations

import logging
from pathlib import Path

from homeport.linehandler import LineHandler
from homeport.logfiles import RotatingWriter


def start_logging(path: str, level: str) -> None:
    """Send all records of this process to ``path``; with a path, what is printed goes there too."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    if path:
        root.handlers[:] = [LineHandler(RotatingWriter(Path(path), redirect=(1, 2)))]
    else:
        logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    # The front logs each failed request itself, once and with its trace.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    for chatty in ("httpx", "httpcore", "websockets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
