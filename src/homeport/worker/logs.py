"""Captures what a worker's code says: logging, structlog and print, with service, instance and trace."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from homeport.linehandler import LineHandler
from homeport.logfiles import LogRecordView, RotatingWriter, encode_line
from homeport.rpc.context import CURRENT

SPEAKER: ContextVar[tuple[str, str]] = ContextVar("homeport_speaker")  # service and instance whose hook runs


class Whose:
    """Whose lines a worker writes: its only service, if there is just one, and the instances alone of their service."""

    service = ""
    instances: Mapping[str, str] = {}  # by service


def _origin() -> tuple[str, str, str]:
    """``(service, instance, trace id)`` of the call or the hook that is running; as far as they are known."""
    call = CURRENT.get()
    if call is not None and call.service:
        return call.service, Whose.instances.get(call.service, ""), call.trace_id
    service, instance = SPEAKER.get((Whose.service, Whose.instances.get(Whose.service, "")))
    return service, instance, ""


class LineStream(io.TextIOBase):
    """Stands for stdout or stderr: each line that is printed becomes a record."""

    def __init__(self, writer: RotatingWriter, name: str, level: str, descriptor: int) -> None:
        self._writer, self._logger, self._level, self._descriptor = writer, name, level, descriptor
        self._partial = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        with self._lock:
            lines = (self._partial + text).split("\n")
            self._partial = lines.pop()
        for line in lines:
            self._put(line)
        return len(text)

    def flush(self) -> None:
        """A line is written when it ends; what has no end yet waits for it, up to a limit."""
        if len(self._partial) > 8192:
            self._put(self._partial)
            self._partial = ""

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._descriptor

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def _put(self, line: str) -> None:
        if not line.strip():
            return
        if line.startswith("{") and self._structured(line):
            return
        service, instance, trace = _origin()
        record = LogRecordView(
            at=time.time(),
            level=self._level,
            message=line,
            service=service,
            instance=instance,
            logger=self._logger,
            trace=trace,
        )
        self._writer.write(encode_line(record))

    def _structured(self, line: str) -> bool:
        """Keep the fields of a JSON line, as ``adopt_structlog`` has them printed."""
        import msgspec

        try:
            content: Any = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return False
        if not isinstance(content, dict) or not isinstance(content.get("event"), str):
            return False
        service, instance, trace = _origin()
        content.pop("timestamp", None)
        record = LogRecordView(
            at=time.time(),
            message=content.pop("event"),
            level=str(content.pop("level", self._level)),
            service=service,
            instance=instance,
            logger=str(content.pop("logger", self._logger)),
            trace=trace,
            exception=str(content.pop("exception", "")),
            fields=content,
        )
        self._writer.write(encode_line(record))
        return True


def capture(path: str, level: int = logging.INFO) -> RotatingWriter:
    """Send everything this process says to the rotated log file at ``path``; its own descriptors 1 and 2 too."""
    writer = RotatingWriter(Path(path), redirect=(1, 2))
    root = logging.getLogger()
    root.handlers[:] = [LineHandler(writer, _origin)]
    root.setLevel(level)
    logging.captureWarnings(True)
    sys.stdout = LineStream(writer, "stdout", "info", 1)
    sys.stderr = LineStream(writer, "stderr", "error", 2)
    os.environ.setdefault("PYTHONUNBUFFERED", "1")  # for child processes of the user's
    return writer


def adopt_structlog() -> None:
    """Let structlog, if the code uses it and has not set it up, print lines whose fields ``LineStream`` keeps."""
    structlog: Any = sys.modules.get("structlog")
    if structlog is None or structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=repr),
        ]
    )
