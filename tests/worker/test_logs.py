"""What a worker's code says ends up as records with their service and trace."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from homeport.contracts.api import Contract
from homeport.contracts.signature import ServiceSignature
from homeport.linehandler import LineHandler
from homeport.logfiles import LogRecordView, RotatingWriter, parse_line
from homeport.rpc.context import CURRENT, CallContext
from homeport.rpc.serving import Edges
from homeport.worker.host import HostedInstance
from homeport.worker.logs import LineStream, Whose, adopt_structlog


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


def test_structlog_that_nobody_has_set_up_keeps_fields_levels_and_tracebacks(tmp_path: Path) -> None:
    code = (
        "import structlog; from homeport.worker.logs import adopt_structlog, capture\n"
        f"capture({str(tmp_path / 'w.log')!r}); adopt_structlog()\n"
        "structlog.get_logger().warning('card.declined', amount=5, card=object)\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: structlog.get_logger().exception('sum.failed')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)
    declined, failed = records(tmp_path / "w.log")
    assert (declined.message, declined.level) == ("card.declined", "warning")
    assert declined.fields == {"amount": 5, "card": "<class 'object'>"}
    assert (failed.message, failed.level) == ("sum.failed", "error")
    assert "ZeroDivisionError" in failed.exception


def test_structlog_that_the_code_has_set_up_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "structlog", SimpleNamespace(is_configured=lambda: True))
    adopt_structlog()


async def test_lines_name_the_instance_of_the_call_or_the_hook_that_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = LineStream(RotatingWriter(tmp_path / "w.log"), "stdout", "info", 1)
    monkeypatch.setattr(Whose, "instances", {"payment": "payment-1"})

    class Shop:
        def startup(self) -> None:
            print("opening", file=stream)

    async def open_it() -> None:
        signature = ServiceSignature("shop", Contract(service="shop"), {})
        shop = HostedInstance(id="shop-2", target=Shop(), signature=signature, edges=Edges(), concurrency=1, threads=1)
        await shop.hook("startup")
        shop.close()

    await asyncio.create_task(open_it())
    token = CURRENT.set(CallContext("payment", "process"))
    print("paying", file=stream)
    CURRENT.reset(token)
    print("neither", file=stream)
    said = [(record.message, record.service, record.instance) for record in records(tmp_path / "w.log")]
    assert said == [("opening", "shop", "shop-2"), ("paying", "payment", "payment-1"), ("neither", "", "")]


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


def test_a_record_tells_whose_it_is_and_takes_its_trace_from_what_it_was_given_when_none_runs(tmp_path: Path) -> None:
    writer = RotatingWriter(tmp_path / "w.log")
    record = logging.makeLogRecord({"name": "shop", "msg": "paid", "trace": "given", "amount": 5})
    LineHandler(writer, lambda: ("payment", "payment-1", "")).emit(record)
    LineHandler(writer, lambda: ("payment", "payment-1", "running")).emit(record)
    LineHandler(writer).emit(record)
    said = [(one.service, one.instance, one.trace, one.fields["amount"]) for one in records(tmp_path / "w.log")]
    assert said == [
        ("payment", "payment-1", "given", 5),
        ("payment", "payment-1", "running", 5),
        ("", "", "given", 5),
    ]


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
