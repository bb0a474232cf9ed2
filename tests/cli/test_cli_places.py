"""Commands that look at this place: logs, doctor, config, new, completion."""

from __future__ import annotations

import ast
import os
import socket
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from cli_fakes import NOW, Place, status

from homeport.cli.doctor import here, machine
from homeport.cli.doctor.finding import Health
from homeport.cli.main import main
from homeport.logfiles import LogRecordView, encode_line
from homeport.nodes import NodeAddress, announce, prepare_data_folder
from homeport.processes import identity

if TYPE_CHECKING:
    from conftest import Homeport


# -- logs --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def logs(place: Place) -> Path:
    folder = place.folder / ".homeport" / "logs"
    folder.mkdir(parents=True)

    def write(worker: str, *records: LogRecordView | str) -> None:
        with (folder / f"{worker}.log").open("ab") as file:
            for record in records:
                file.write(record.encode() + b"\n" if isinstance(record, str) else encode_line(record))

    write(
        "cart-1",
        LogRecordView(at=NOW - 400, level="info", message="begun", service="cart", instance="cart-aa"),
        LogRecordView(at=NOW - 9, level="warning", message="nearly full", service="cart", instance="cart-aa"),
        "printed past logging",
    )
    write("payment-1", LogRecordView(at=NOW - 20, level="error", message="declined", service="payment"))
    write(
        "node",
        LogRecordView(at=NOW - 30, level="info", message="node.started"),
        LogRecordView(at=NOW - 5, level="warning", message="worker.exited", fields={"worker": "ad-1"}),
    )
    return folder


def said(text: str) -> list[str]:
    return [line.partition(" ")[2].rstrip() for line in text.splitlines()]


def test_logs_of_all_services_come_in_order_of_time(homeport: Homeport, logs: Path) -> None:
    assert said(homeport("logs").out) == [
        "cart-aa │ begun",
        "payment │ declined",
        "cart-aa │ nearly full",
        "cart-1  │ printed past logging",
        "node    │ worker.exited worker=ad-1",
    ]


def test_logs_can_be_narrowed_by_service_level_and_time(homeport: Homeport, logs: Path) -> None:
    assert said(homeport("logs", "payment").out) == ["payment │ declined"]
    assert said(homeport("logs", "cart", "--since", "1m").out) == [
        "cart-aa │ nearly full",
        "cart-1  │ printed past logging",
    ]
    assert said(homeport("logs", "--level", "error").out) == ["payment │ declined"]
    assert said(homeport("logs", "--level", "info", "-n", "1").out) == ["node │ worker.exited worker=ad-1"]
    assert len(said(homeport("logs", "node").out)) == 2


def test_logs_as_json_are_one_record_a_line(homeport: Homeport, logs: Path) -> None:
    records = [msgspec.json.decode(line) for line in homeport("logs", "cart", "--json").out.splitlines()]
    assert [record["message"] for record in records] == ["begun", "nearly full", "printed past logging"]


def test_logs_of_a_name_nobody_has_end_with_4(homeport: Homeport, logs: Path) -> None:
    ran = homeport("logs", "crat")
    assert ran.code == 4
    assert "did you mean 'cart'" in ran.err


def test_without_a_data_folder_there_are_no_logs(homeport: Homeport) -> None:
    assert homeport("logs").code == 3


# -- new ---------------------------------------------------------------------------------------------------------------


def test_new_writes_a_project_whose_parts_are_sound(homeport: Homeport, place: Place) -> None:
    ran = homeport("new", "my-shop")
    assert ran.code == 0
    assert "cd my-shop && homeport run ." in ran.out
    folder = place.folder / "my-shop"
    names = {path.name for path in folder.iterdir()}
    assert names == {"homeport.toml", "greetings.py", "visits.py", "test_greetings.py", "README.md", ".gitignore"}
    assert tomllib.loads((folder / "homeport.toml").read_text())["node"]["name"] == "my-shop"
    for source in folder.glob("*.py"):
        ast.parse(source.read_text())
    assert "$" not in "".join(path.read_text() for path in folder.glob("*.py"))


def test_new_never_writes_over_anything(homeport: Homeport, place: Place) -> None:
    (place.folder / "shop").mkdir()
    (place.folder / "shop" / "mine.txt").write_text("mine")
    ran = homeport("new", "shop")
    assert ran.code == 2
    assert "exists already and is not empty; nothing was written" in ran.err
    assert [path.name for path in (place.folder / "shop").iterdir()] == ["mine.txt"]


# -- config ------------------------------------------------------------------------------------------------------------


def test_config_shows_where_each_value_comes_from(homeport: Homeport, place: Place) -> None:
    (place.folder / "homeport.toml").write_text('[node]\nport = 8080\n[services.cart.config]\napi_key = "hush"\n')
    place.environ["HOMEPORT_NODE__LAYOUT"] = "single"
    ran = homeport("config", "show", "--origin", "--changed", "--set", "node.name=x")
    assert [line.split() for line in ran.out.splitlines()][1:] == [
        ["node.name", '"x"', "--set", "node.name"],
        ["node.port", "8080", str(place.folder / "homeport.toml")],
        ["node.layout", '"single"', "HOMEPORT_NODE__LAYOUT"],
        ["services.cart.config.api_key", '"***"', str(place.folder / "homeport.toml")],
    ]
    assert "hush" not in homeport("config", "show", "--json").out


def test_a_wrong_setting_ends_with_2(homeport: Homeport, place: Place) -> None:
    (place.folder / "homeport.toml").write_text("[node]\nprot = 8080\n")
    ran = homeport("config", "show")
    assert ran.code == 2
    assert "did you mean port?" in ran.err


# -- doctor ------------------------------------------------------------------------------------------------------------


def test_the_doctor_looks_at_everything_and_finds_this_machine_able(homeport: Homeport) -> None:
    found = homeport("doctor", "--json").value
    names = [one["name"] for one in found]
    assert names[:11] == [
        *("python", "libraries", "event loop", "open files", "disk", "clock"),
        *("settings", "data folder", "stale files", "scan cache", "port"),
    ]
    assert all(one.get("next") for one in found if one["health"] != "well")


def test_the_doctor_ends_with_1_when_something_will_not_work(homeport: Homeport, place: Place) -> None:
    (place.folder / "homeport.toml").write_text("[node]\nprot = 8080\n")
    ran = homeport("doctor")
    assert ran.code == 1
    assert "next: homeport config show --origin" in ran.out


def test_the_doctor_tells_a_node_that_died_from_one_that_was_stopped(homeport: Homeport, place: Place) -> None:
    assert "! node " not in homeport("doctor").out
    data = place.folder / ".homeport"
    prepare_data_folder(data)
    died = NodeAddress(name="shop", data=data, endpoint="unix:/gone", pid=1, process="another")
    announce(died, place.surroundings().environ)
    ran = homeport("doctor", "--json")
    found = next(one for one in ran.value if one["name"] == "node")
    assert (found["health"], found["next"]) == ("warning", "homeport run")


def test_the_doctor_says_of_a_node_that_hangs_what_was_waited_for_and_leaves_it_its_port(
    homeport: Homeport, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang() -> None:
        raise TimeoutError

    data = place.folder / ".homeport"
    prepare_data_folder(data)
    own = {"pid": os.getpid(), "process": identity(os.getpid())}
    address = NodeAddress(name="shop", data=data, endpoint="unix:/hangs", url="http://127.0.0.1:7070", **own)
    announce(address, place.surroundings().environ)
    monkeypatch.setattr(place.client.node, "status", hang)
    found = {one["name"]: one for one in homeport("doctor", "--json").value}
    assert found["node"]["found"].endswith("does not answer on unix:/hangs: nothing within 3 s")
    assert f"kill -9 {os.getpid()}" in found["node"]["next"]
    assert found["port"]["found"] == "the node serves http://127.0.0.1:7070"


def test_a_missing_or_old_library_is_named() -> None:
    found = machine.check_libraries(["msgspec>=999", "no-such-thing>=1", "other; extra == 'dev'"])
    assert found.health == Health.ILL
    assert "no-such-thing is missing" in found.found
    assert "is older than 999" in found.found


def test_a_data_folder_open_to_others_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    found = here.check_data_folder(tmp_path)
    assert (found.health, found.next) == (Health.WARNING, f"chmod 700 {tmp_path}")


def test_damaged_files_that_were_set_aside_are_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "journal.sqlite.damaged-1").write_bytes(b"")
    assert "1 damaged file set aside: journal.sqlite.damaged-1" in here.check_data_folder(tmp_path).found


def test_a_socket_nobody_listens_on_is_stale(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "run" / "node.sock"))
    listener.close()
    found = here.check_stale_files(tmp_path)
    assert found.health == Health.WARNING
    assert "node.sock" in found.found


def test_a_scan_cache_that_is_not_to_be_had_is_a_warning(tmp_path: Path) -> None:
    assert "none yet" in here.check_scan_cache(tmp_path).found
    (tmp_path / "cache").write_text("in the way")
    found = here.check_scan_cache(tmp_path)
    assert (found.health, found.next) == (Health.WARNING, f"rm -r {tmp_path / 'cache'}")
    assert "every scan reads all files" in found.found
    (tmp_path / "cache").unlink()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "scan-1.bin").write_bytes(b"x" * 3_000_000)
    assert here.check_scan_cache(tmp_path).health == Health.WELL


def test_a_taken_port_is_a_warning_that_says_what_happens() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = here.check_port("127.0.0.1", port, "")
    assert found.health == Health.WARNING
    assert f"127.0.0.1:{port} is taken" in found.found
    assert "next free one" in found.next


def test_a_node_with_trouble_says_which_and_what_to_run() -> None:
    found = here.check_services(status(waiting={"checkout": "waiting for: payment"}, reload_error="cart.py:3: error"))
    assert [one.next for one in found] == ["homeport why checkout", "mend the file; the old code still runs"]


# -- completion --------------------------------------------------------------------------------------------------------


def completed(
    place: Place, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    monkeypatch.setenv("_HOMEPORT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    assert main([], place.surroundings()) == 0
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("homeport call c", ["cart.add", "cart.clear", "cart.changes"]),
        ("homeport call ", ["cart.", "payment."]),
        ("homeport call cart.c", ["cart.clear", "cart.changes"]),
        ("homeport scale p", ["payment"]),
        ("homeport why payment-", ["payment-77aa01"]),
        ("homeport sc", ["scale"]),
    ],
)
def test_names_are_completed_from_the_running_node(
    place: Place,
    words: str,
    names: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert completed(place, words, monkeypatch, capsys) == names


def test_without_a_node_completion_is_silent(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place.down = True
    assert completed(place, "homeport scale p", monkeypatch, capsys) == []
