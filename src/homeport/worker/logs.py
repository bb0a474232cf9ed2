"""Captures what a worker's code says: logging, structlog and print, with service, instance and trace."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from homeport.logfiles import LogRecordView, RotatingWriter, encode_line
from homeport.rpc.context import CURRENT

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Whose:
    """Which service a line belongs to when no call is running; a worker of one service sets it."""

    service = ""
    instance = ""


def _origin() -> tuple[str, str]:
    """``(service, trace id)`` of the call that is running."""
    call = CURRENT.get()
    return (call.service, call.trace_id) if call is not None and call.service else (Whose.service, "")


class LineHandler(logging.Handler):
    """Writes each log record as one JSON line."""

    def __init__(self, writer: RotatingWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            service, trace = _origin()
            self._writer.write(
                encode_line(
                    LogRecordView(
                        at=record.created,
                        level=record.levelname.lower(),
                        message=record.getMessage(),
                        service=service,
                        instance=Whose.instance,
                        logger=record.name,
                        trace=trace,
                        exception="".join(traceback.format_exception(*record.exc_info)) if record.exc_info else "",
                        fields={key: value for key, value in vars(record).items() if key not in _STANDARD},
                    )
                )
            )
        except Exception:
            self.handleError(record)


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
        service, trace = _origin()
        if line.startswith("{") and self._structured(line):
            return
        record = LogRecordView(
            at=time.time(),
            level=self._level,
            message=line,
            service=service,
            instance=Whose.instance,
            logger=self._logger,
            trace=trace,
        )
        self._writer.write(encode_line(record))

    def _structured(self, line: str) -> bool:
        """Keep the fields of a JSON line, as structlog prints them off a terminal."""
        import msgspec

        try:
            content: Any = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return False
        if not isinstance(content, dict) or not isinstance(content.get("event"), str):
            return False
        service, trace = _origin()
        content.pop("timestamp", None)
        record = LogRecordView(
            at=time.time(),
            message=content.pop("event"),
            level=str(content.pop("level", self._level)),
            service=service,
            instance=Whose.instance,
            logger=str(content.pop("logger", self._logger)),
            trace=trace,
            fields=content,
        )
        self._writer.write(encode_line(record))
        return True


def capture(path: str, level: int = logging.INFO) -> RotatingWriter:
    """Send everything this process says to the rotated log file at ``path``; its own descriptors 1 and 2 too."""
    writer = RotatingWriter(Path(path), redirect=(1, 2))
    handler = LineHandler(writer)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    sys.stdout = LineStream(writer, "stdout", "info", 1)
    sys.stderr = LineStream(writer, "stderr", "error", 2)
    os.environ.setdefault("PYTHONUNBUFFERED", "1")  # for child processes of the user's
    return writer
