"""Where the front's own log goes: JSON lines in its rotated file, or plain lines on standard error."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from homeport.logfiles import LogRecordView, RotatingWriter, encode_line

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineHandler(logging.Handler):
    """Writes each record as one JSON line."""

    def __init__(self, writer: RotatingWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(encode_line(_view(record)))
        except Exception:
            self.handleError(record)


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


def _view(record: logging.LogRecord) -> LogRecordView:
    fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    return LogRecordView(
        at=record.created,
        level=record.levelname.lower(),
        message=record.getMessage(),
        logger=record.name,
        trace=str(fields.pop("trace", "")),
        exception="".join(traceback.format_exception(*record.exc_info)) if record.exc_info else "",
        fields=fields,
    )
