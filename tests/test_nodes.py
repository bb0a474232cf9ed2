"""Where a node keeps its files, and how others find it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from homeport.errors import ConfigError, NodeDied, NoNode
from homeport.nodes import (
    NodeAddress,
    announce,
    data_folder,
    find_node,
    prepare_data_folder,
    read_node,
    running_nodes,
    runtime_folder,
    withdraw,
    write_private,
)
from homeport.processes import identity, runs


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def node(folder: Path, environ: dict[str, str], name: str = "", **changed: object) -> NodeAddress:
    """Let this very process be a node on ``folder``."""
    data = folder / ".homeport"
    prepare_data_folder(data)
    own = {"pid": os.getpid(), "process": identity(os.getpid()), **changed}
    address = NodeAddress(name=name or folder.name, data=data, endpoint=f"unix:{data}/run/node.sock", **own)
    announce(address, environ)
    return address


def message(explicit: str | None, environ: dict[str, str], cwd: Path) -> str:
    with pytest.raises(NoNode) as caught:
        find_node(explicit, environ, cwd)
    return str(caught.value)


# -- finding -----------------------------------------------------------------------------------------------------------


def test_the_nearest_folder_upward_has_the_node(tmp_path: Path, environ: dict[str, str]) -> None:
    shop, other = tmp_path / "shop", tmp_path / "other"
    address = node(shop, environ)
    node(other, environ)
    (shop / "src" / "cart").mkdir(parents=True)
    assert find_node(None, environ, shop / "src" / "cart") == address


def test_the_only_running_node_is_meant_from_anywhere(tmp_path: Path, environ: dict[str, str]) -> None:
    address = node(tmp_path / "shop", environ)
    assert find_node(None, environ, tmp_path) == address


def test_of_several_none_is_meant_and_all_are_listed(tmp_path: Path, environ: dict[str, str]) -> None:
    for name in ("shop", "blog"):
        node(tmp_path / name, environ)
    told = message(None, environ, tmp_path)
    assert "shop" in told
    assert "blog" in told
    assert "--node" in told


def test_without_any_node_the_next_step_is_told(tmp_path: Path, environ: dict[str, str]) -> None:
    assert message(None, environ, tmp_path) == "no node is running; start one with `homeport run TARGET`"


def test_a_folder_whose_node_has_ended_does_not_mean_another_node(tmp_path: Path, environ: dict[str, str]) -> None:
    node(tmp_path / "shop", environ)
    prepare_data_folder(tmp_path / "blog" / ".homeport")
    told = message(None, environ, tmp_path / "blog")
    assert "blog/.homeport is not running" in told
    assert "shop" in told


def test_a_node_that_died_is_told_from_one_that_was_stopped(tmp_path: Path, environ: dict[str, str]) -> None:
    died = node(tmp_path / "shop", environ, process="another boot's")
    with pytest.raises(NodeDied, match=rf"\(pid {died.pid}\) ended without a stop.*take them over with `homeport run`"):
        find_node(None, environ, tmp_path / "shop")
    withdraw(died.data, environ)
    assert "ended without a stop" not in message(None, environ, tmp_path / "shop")


@pytest.mark.parametrize("how", ["name", "folder", "data", "endpoint"])
def test_a_node_is_named_by_name_folder_or_endpoint(tmp_path: Path, environ: dict[str, str], how: str) -> None:
    address = node(tmp_path / "shop", environ)
    node(tmp_path / "blog", environ)
    text = {"name": "shop", "folder": "./shop", "data": str(address.data), "endpoint": address.endpoint}[how]
    assert find_node(text, environ, tmp_path) == address
    assert find_node(None, {**environ, "HOMEPORT_NODE": text}, tmp_path) == address


def test_the_data_folder_of_the_working_folder_names_its_node(tmp_path: Path, environ: dict[str, str]) -> None:
    address = node(tmp_path / "shop", environ)
    assert find_node(".homeport", environ, tmp_path / "shop") == address


def test_the_flag_beats_the_variable(tmp_path: Path, environ: dict[str, str]) -> None:
    address = node(tmp_path / "shop", environ)
    assert find_node("shop", {**environ, "HOMEPORT_NODE": "blog"}, tmp_path) == address


def test_an_unknown_endpoint_is_taken_at_its_word(tmp_path: Path, environ: dict[str, str]) -> None:
    assert find_node("tcp://10.0.0.1:7000", environ, tmp_path).endpoint == "tcp://10.0.0.1:7000"


def test_a_name_that_no_node_has_suggests_the_near_one(tmp_path: Path, environ: dict[str, str]) -> None:
    node(tmp_path / "shop", environ)
    assert "did you mean shop?" in message("shp", environ, tmp_path)


def test_two_nodes_of_one_name_are_told_apart_by_folder(tmp_path: Path, environ: dict[str, str]) -> None:
    node(tmp_path / "a", environ, name="shop")
    node(tmp_path / "b", environ, name="shop")
    assert "give the folder instead" in message("shop", environ, tmp_path)


@pytest.mark.parametrize("stale", [{"pid": 2**22 + 7}, {"process": "another start"}])
def test_a_node_that_ended_without_a_word_is_not_found(
    tmp_path: Path, environ: dict[str, str], stale: dict[str, object]
) -> None:
    address = node(tmp_path / "shop", environ, **stale)
    assert read_node(address.data) is None
    assert running_nodes(environ) == []
    assert not list((tmp_path / "cache").rglob("*.json")), "the stale entry is removed"


def test_a_withdrawn_node_is_not_found(tmp_path: Path, environ: dict[str, str]) -> None:
    address = node(tmp_path / "shop", environ)
    withdraw(address.data, environ)
    assert running_nodes(environ) == []


def test_announcing_again_updates_the_url(tmp_path: Path, environ: dict[str, str]) -> None:
    address = node(tmp_path / "shop", environ)
    node(tmp_path / "shop", environ, url="http://127.0.0.1:7070")
    found = read_node(address.data)
    assert found is not None
    assert found.url == "http://127.0.0.1:7070"


def test_a_damaged_announcement_is_no_node(tmp_path: Path, environ: dict[str, str]) -> None:
    address = node(tmp_path / "shop", environ)
    (address.data / "run" / "node.json").write_bytes(b'{"name": 3')
    assert read_node(address.data) is None


# -- the data folder ---------------------------------------------------------------------------------------------------


def test_the_data_folder_is_beside_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "shop" / "src").mkdir(parents=True)
    (tmp_path / "shop" / "homeport.toml").write_text("")
    assert data_folder(tmp_path / "shop" / "src", cwd=tmp_path) == tmp_path / "shop" / ".homeport"


def test_the_data_folder_is_private_and_ignored_by_git(tmp_path: Path, environ: dict[str, str]) -> None:
    address = node(tmp_path / "shop", environ)
    assert stat.S_IMODE(address.data.stat().st_mode) == 0o700
    assert (address.data / ".gitignore").read_text() == "*\n"
    assert stat.S_IMODE((address.data / "run" / "node.json").stat().st_mode) == 0o600


def test_a_folder_of_a_newer_homeport_is_refused(tmp_path: Path) -> None:
    prepare_data_folder(tmp_path / "data")
    (tmp_path / "data" / "format").write_text("99")
    with pytest.raises(ConfigError, match="upgrade Homeport"):
        prepare_data_folder(tmp_path / "data")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--data"):
        prepare_data_folder(tmp_path / "file" / "data")


def test_sockets_of_a_short_path_stay_in_the_data_folder() -> None:
    folder = Path(f"/tmp/hp-{os.getpid()}")
    try:
        assert runtime_folder(folder) == folder / "run"
    finally:
        (folder / "run").rmdir()
        folder.rmdir()


def test_sockets_of_a_long_path_move_to_a_short_private_folder(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30) / ".homeport"
    folder = runtime_folder(data)
    try:
        assert folder == runtime_folder(data), "the same for every node process of this data folder"
        assert folder != runtime_folder(tmp_path / ("long" * 30) / ".other")
        assert len(os.fsencode(folder / f"{'w' * 40}.sock")) <= 100
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        folder.rmdir()
        runtime_folder(tmp_path / ("long" * 30) / ".other").rmdir()


def test_a_write_that_fails_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_private(tmp_path / "spec.json", b"{}", synced=True)
    assert caught.value.filename == str(tmp_path / "spec.json")
    assert list(tmp_path.iterdir()) == []


def test_a_socket_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30) / ".homeport"
    folder = runtime_folder(data)
    folder.chmod(0o755)
    try:
        with pytest.raises(ConfigError, match=rf"mode 0755\); run `chmod 700 {folder}`"):
            runtime_folder(data)
    finally:
        folder.rmdir()


# -- processes ---------------------------------------------------------------------------------------------------------


def test_a_process_is_known_by_its_start_not_by_its_pid_alone() -> None:
    own = identity(os.getpid())
    assert own
    assert runs(os.getpid(), own)
    assert not runs(os.getpid(), "another start")
    assert identity(2**22 + 7) == ""
    assert not runs(0, "")
