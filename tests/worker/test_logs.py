"""What a worker's code says ends up as records with their service and trace."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

from homeport.logfiles import LogRecordView, RotatingWriter, parse_line
from homeport.rpc.context import CURRENT, CallContext
from homeport.worker.logs import LineHandler, LineStream


def records(path: Path) -> list[LogRecordView]:
    return [parse_line(line) for line in path.read_bytes().splitlines()]


def test_a_print_during_a_call_carries_service_and_trace(tmp_path: Path) -> None:
    stream = LineStream(RotatingWriter(tmp_path / "w.log"), "stdout", "info", 1)
    token = CURRENT.set(CallContext("payment", "process", trace=b"\x01" * 16))
    try:
        print("half a ", end="", file=stream)
        print("line\nand another", file=stream)
    finally:
        CURRENT.reset(token)
    first, second = records(tmp_path / "w.log")
    assert (first.message, first.service, first.trace) == ("half a line", "payment", "01" * 16)
    assert (second.message, second.logger, second.level) == ("and another", "stdout", "info")


def test_a_structlog_line_keeps_its_fields(tmp_path: Path) -> None:
    stream = LineStream(RotatingWriter(tmp_path / "w.log"), "stdout", "info", 1)
    print('{"event": "card.declined", "level": "warning", "amount": 5}', file=stream)
    print("{not json", file=stream)
    structured, plain = records(tmp_path / "w.log")
    assert (structured.message, structured.level, structured.fields) == ("card.declined", "warning", {"amount": 5})
    assert plain.message == "{not json"


def test_logging_keeps_level_fields_and_traceback(tmp_path: Path) -> None:
    logger = logging.getLogger("shop.test")
    handler = LineHandler(RotatingWriter(tmp_path / "w.log"))
    logger.addHandler(handler)
    try:
        try:
            raise ValueError("bad card")
        except ValueError:
            logger.exception("payment.failed", extra={"amount": 5})
    finally:
        logger.removeHandler(handler)
    (record,) = records(tmp_path / "w.log")
    assert (record.level, record.message, record.fields) == ("error", "payment.failed", {"amount": 5})
    assert "ValueError: bad card" in record.exception


def test_output_past_python_lands_in_the_same_file_and_megabytes_rotate(tmp_path: Path) -> None:
    code = (
        "import os, sys; from homeport.worker.logs import capture\n"
        f"writer = capture({str(tmp_path / 'w.log')!r})\n"
        "print('from python'); sys.stdout.flush()\n"
        "os.write(1, b'from below\\n')\n"
        "for _ in range(45000): print('x' * 1000)\n"
        "print('the end')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)
    files = sorted(tmp_path.iterdir())
    assert sum(file.stat().st_size for file in files) < 45 * 1024 * 1024
    assert parse_line((tmp_path / "w.log").read_bytes().splitlines()[-1]).message == "the end"
