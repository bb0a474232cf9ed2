"""The handler of ``logging`` behind every log file: a record becomes one line."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from homeport.logfiles import LogRecordView, RotatingWriter, encode_line

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _nobody() -> tuple[str, str, str]:
    return "", "", ""


class LineHandler(logging.Handler):
    """Writes records to a rotated file; what ``extra`` adds becomes fields.

    ``origin`` tells the service, the instance and the trace id of what runs now, as far as they are known; where it
    knows of no trace, the ``extra`` of that name is it.
    """

    def __init__(self, writer: RotatingWriter, origin: Callable[[], tuple[str, str, str]] = _nobody) -> None:
        super().__init__()
        self._writer, self._origin = writer, origin

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(encode_line(self._view(record)))
        except Exception:
            self.handleError(record)

    def _view(self, record: logging.LogRecord) -> LogRecordView:
        service, instance, trace = self._origin()
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        return LogRecordView(
            at=record.created,
            level=record.levelname.lower(),
            message=record.getMessage(),
            service=service,
            instance=instance,
            logger=record.name,
            trace=trace or str(fields.pop("trace", "")),
            exception="".join(traceback.format_exception(*record.exc_info)) if record.exc_info else "",
            fields=fields,
        )
