"""A node process that cannot start says why, and leaves nothing behind."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from homeport.config import Config, NodeConfig
from homeport.errors import ConfigError
from homeport.logfiles import RotatingWriter, tail
from homeport.node import logs, port
from homeport.node.api import NodeSpec
from homeport.node.lock import held
from homeport.node.main import main
from homeport.nodes import prepare_data_folder, read_node


@pytest.fixture(autouse=True)
def _own_logging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The node takes over all logging of its process, which here is the tests'."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)


def run(tmp_path: Path, **more: object) -> int:
    node = more.pop("node", NodeConfig(port=0))
    spec = NodeSpec(
        **{"target": "app", "cwd": str(tmp_path), "data": str(tmp_path / "data"), "config": Config(node=node), **more}  # type: ignore[arg-type]
    )
    file = tmp_path / "spec.json"
    file.write_bytes(msgspec.json.encode(spec))
    return main([str(file)])


def source(tmp_path: Path, text: str) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "cart.py").write_text(text)


def test_errors_in_the_source_are_printed_as_compilers_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source(tmp_path, "def broken(:\n")
    assert run(tmp_path) == 1
    assert capsys.readouterr().err.startswith(f"{tmp_path}/app/cart.py:1:")


def test_programs_get_problem_objects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source(tmp_path, "def broken(:\n")
    assert run(tmp_path, json_errors=True) == 1
    problem = json.loads(capsys.readouterr().err)
    assert problem["code"] == "scan_failed"
    assert problem["fields"]["findings"][0]["line"] == 1


def test_a_target_that_is_not_there_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, target="nowhere") == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_port_in_use_is_told_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source(tmp_path, "from homeport import service\n\n@service\nclass Cart:\n    async def add(self): ...\n")
    with port.bind("127.0.0.1", 0, explicit=True) as taken:
        number = taken.getsockname()[1]
        assert run(tmp_path, node=NodeConfig(port=number), port_explicit=True) == 2
    assert f"port {number}" in capsys.readouterr().err
    assert read_node(tmp_path / "data") is None
    assert list((tmp_path / "data" / "run" / "workers").iterdir()) == []


def test_an_open_bind_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, node=NodeConfig(host="0.0.0.0")) == 2
    assert "token" in capsys.readouterr().err


def test_a_data_folder_in_use_names_the_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    prepare_data_folder(data)
    with held(data):
        assert run(tmp_path) == 2
    assert f"in use by the node process {os.getpid()}" in capsys.readouterr().err
    with held(data):  # and is free afterwards
        pass


def test_the_lock_is_free_once_its_holder_is_gone(tmp_path: Path) -> None:
    prepare_data_folder(tmp_path)
    with held(tmp_path), pytest.raises(ConfigError), held(tmp_path):
        pass
    with held(tmp_path):
        pass


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["/nowhere/spec.json"]])
def test_wrong_arguments_tell_the_right_ones(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "homeport run" in capsys.readouterr().err


# -- its log -----------------------------------------------------------------------------------------------------------


def test_its_log_has_lines_like_those_of_workers(tmp_path: Path) -> None:
    writer = logs.open_log(tmp_path, "info")
    logging.getLogger("homeport.node").info("worker.started", extra={"worker": "cart-1", "pid": 7})
    logging.getLogger("homeport.node").debug("unseen")
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("x").exception("failed")
    writer.close()
    started, failed = tail(tmp_path / "node.log", 10)
    assert (started.message, started.level, started.logger) == ("worker.started", "info", "homeport.node")
    assert started.fields == {"worker": "cart-1", "pid": 7}
    assert "ValueError: why" in failed.exception


def test_a_log_that_has_outgrown_its_rotation_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_RUNAWAY_BYTES", 100)
    writer = RotatingWriter(tmp_path / "cart-1.log")
    writer.write(b"x" * 200 + b"\n")
    logs.cut_runaways(tmp_path)
    writer.write(b"next\n")
    writer.close()
    assert (tmp_path / "cart-1.log").read_bytes() == b"next\n"


def test_logs_of_workers_long_gone_are_removed(tmp_path: Path) -> None:
    for name in ("cart-1.log", "cart-1.log.2", "cart-2.log", "node.log"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1, 1))
    (tmp_path / "cart-3.log").touch()
    logs.forget_old(tmp_path, running={"cart-2"}, now=(tmp_path / "cart-3.log").stat().st_mtime)
    assert {path.name for path in tmp_path.iterdir()} == {"cart-2.log", "cart-3.log", "node.log"}
