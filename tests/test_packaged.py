"""A program with an application inside: what it knows of itself, and how that changes what commands do."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from homeport.cli import packaged as entry
from homeport.cli.errors import CommandError, explain
from homeport.cli.foreground.launch import RunOptions, prepare
from homeport.cli.surroundings import Surroundings
from homeport.cli.wording import Wording
from homeport.config import load
from homeport.errors import ConfigError, UsageError
from homeport.packaged import FOLDER, MANIFEST, Manifest, Package, is_package, program_of, read_package, this_abi
from homeport.program import PART

SHOP = Manifest(name="shop", digest="00", abi=this_abi(), python="3.11", settings="homeport.toml", services=("cart",))


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return unpacked(tmp_path / "unpacked")


def unpacked(folder: Path, manifest: Manifest = SHOP, settings: str = "[node]\nport = 7100\nlease = 4\n") -> Package:
    own = folder / FOLDER
    (own / "app").mkdir(parents=True)
    (own / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    (own / "homeport.toml").write_text(settings)
    return read_package(own)


# -- what it is --------------------------------------------------------------------------------------------------------


def test_a_package_is_known_by_its_folder_and_manifest(package: Package, tmp_path: Path) -> None:
    assert is_package(package.folder)
    assert not is_package(tmp_path)
    assert package.manifest == SHOP


def test_a_damaged_manifest_is_told_with_what_to_do(package: Package) -> None:
    (package.folder / MANIFEST).write_text("{")
    with pytest.raises(UsageError, match="remove it, and start the file again"):
        read_package(package.folder)


def test_other_contents_are_another_release(package: Package) -> None:
    other = msgspec.structs.replace(package, manifest=msgspec.structs.replace(SHOP, digest="01"))
    assert package.release != other.release
    assert len(package.release) == 12


def test_its_processes_are_started_by_the_python_that_has_its_libraries(tmp_path: Path) -> None:
    package = unpacked(tmp_path / "venv/lib/python3.11/site-packages")
    assert program_of(package) == (str(tmp_path / "venv/bin/python"), "-P", "-m")


def test_an_executable_is_its_own_python(tmp_path: Path) -> None:
    package = unpacked(tmp_path / "shop-00/_internal", msgspec.structs.replace(SHOP, kind="binary"))
    assert program_of(package) == (str(tmp_path / "shop-00/shop"), PART)


# -- where it runs -----------------------------------------------------------------------------------------------------


def test_it_runs_where_its_libraries_fit(package: Package) -> None:
    assert entry.why_not_here(package.folder) == ""


def test_another_python_is_refused_by_name(tmp_path: Path) -> None:
    package = unpacked(tmp_path, msgspec.structs.replace(SHOP, python="3.99", abi="cpython-399-sparc"))
    refusal = entry.why_not_here(package.folder)
    assert "shop was built for Python 3.99 (cpython-399-sparc)" in refusal
    assert "build it with this one" in refusal


def test_libraries_that_may_not_be_run_are_told_with_the_way_out() -> None:
    error = ImportError("/home/x/msgspec.so: failed to map segment from shared object")
    assert "noexec" in entry.why_not_loaded(error)
    assert "HOMEPORT_ROOT=/FOLDER" in entry.why_not_loaded(error)


# -- its settings ------------------------------------------------------------------------------------------------------


def test_settings_inside_are_the_weakest(package: Package, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "homeport.toml").write_text("[node]\nport = 7200\n")
    found = load(place, {"HOMEPORT_NODE__LOG_LEVEL": "debug"}, package=package)
    assert (found.config.node.port, found.config.node.lease, found.config.node.log_level) == (7200, 4.0, "debug")
    assert found.origin("node.lease") == "homeport.toml in the artefact"


def test_projects_around_the_place_where_it_runs_are_not_its_own(package: Package, tmp_path: Path) -> None:
    place = tmp_path / "place" / "deeper"
    place.mkdir(parents=True)
    (tmp_path / "place" / "homeport.toml").write_text("[node]\nport = 7200\n")
    assert load(place, {}, package=package).config.node.port == 7100


def test_a_wrong_setting_inside_names_where_it_stands(tmp_path: Path) -> None:
    package = unpacked(tmp_path / "unpacked", settings="[node]\nprot = 1\n")
    with pytest.raises(ConfigError, match=r"homeport\.toml in the artefact: unknown setting node\.prot"):
        load(tmp_path, {}, package=package)


# -- its commands ------------------------------------------------------------------------------------------------------


def around(package: Package, cwd: Path) -> Surroundings:
    return Surroundings(environ={}, cwd=lambda: cwd, package=package)


def test_without_a_target_it_runs_its_own_application_here(package: Package, tmp_path: Path) -> None:
    spec = prepare(RunOptions(), around(package, tmp_path)).spec
    assert spec.target == str(package.folder)
    assert spec.data == str(tmp_path / ".homeport")
    assert (spec.config.node.name, spec.config.node.port) == ("shop", 7100)


def test_a_target_that_is_given_is_run_as_ever(package: Package, tmp_path: Path) -> None:
    assert prepare(RunOptions(target="app"), around(package, tmp_path)).spec.target == "app"


def test_it_does_not_follow_changes_as_there_are_none(package: Package, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shop is a packaged application, which does not change"):
        prepare(RunOptions(reload=True), around(package, tmp_path))


def test_messages_and_help_name_the_program_as_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    error = CommandError("run `homeport why cart`", next="homeport ps", notes=("see homeport logs node",))
    assert Wording.of_problem(explain(error)).problem.next == "homeport ps"
    monkeypatch.setattr(Wording, "program", "shop")
    explained = Wording.of_problem(explain(error))
    assert (explained.problem.detail, explained.problem.next) == ("run `shop why cart`", "shop ps")
    assert explained.notes == ("see shop logs node",)
    assert (
        Wording.own("cat x | homeport call cart.get -, of Homeport 0.1")
        == "cat x | shop call cart.get -, of Homeport 0.1"
    )
    assert Wording.own("/opt/homeport run") == "/opt/homeport run"
    below = SimpleNamespace(help="homeport ps", epilog=None)
    Wording.of_help(SimpleNamespace(help="", epilog="Start with `homeport run`", commands={"ps": below}))
    assert below.help == "shop ps"


def test_the_manifest_is_plain_json(package: Package) -> None:
    assert json.loads((package.folder / MANIFEST).read_text())["services"] == ["cart"]
