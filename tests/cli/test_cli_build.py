"""``homeport build`` and ``homeport export``: what they refuse, print and write. Real artefacts: tests/build."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from pathlib import Path

import pytest
import yaml
from cli_fakes import Place

from homeport.build.packager import artefact, zipapp
from homeport.packaged import FOLDER, Manifest
from tests.cli.conftest import Homeport

SHOP = """
from homeport import service

@service
class Cart:
    async def add(self, item: str) -> int:
        return await self.stock.take(item)

@service
class Stock:
    async def take(self, item: str) -> int:
        return 1
"""


@pytest.fixture
def shop(place: Place) -> Path:
    folder = place.folder / "shop"
    folder.mkdir()
    (folder / "services.py").write_text(SHOP)
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes long: the libraries, their bytecode, and pex, in whose place a plain zip is written."""

    def zipped(site: Path, target: Path, *, kept: str, shebang: str = "") -> None:
        with zipfile.ZipFile(target, "w") as file:
            for path in sorted(site.rglob("*")):
                file.write(path, path.relative_to(site).as_posix())

    monkeypatch.setattr(artefact, "lay_out", lambda site, contents, environment: (site / FOLDER).mkdir(parents=True))
    monkeypatch.setattr(artefact, "compile_all", lambda site: None)
    monkeypatch.setattr(zipapp, "make_zipapp", zipped)


def inside(place: Place, name: str = "shop") -> dict[str, bytes]:
    with zipfile.ZipFile(place.folder / "dist" / name) as file:
        return {entry.removeprefix(f"{FOLDER}/"): file.read(entry) for entry in file.namelist()}


# -- build -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick", "shop")
def test_it_says_what_it_made_and_what_to_do_with_it(homeport: Homeport, place: Place) -> None:
    ran = homeport("build", "shop")
    assert ran.code == 0, ran.err
    first, source, beside, following = ran.out.splitlines()
    assert "dist/shop" in first
    assert "2 services" in first
    assert "needs Python 3." in first
    assert "no revision of the source is known" in source
    assert "shop.registry.json, shop.cdx.json, shop.sha256" in beside
    assert following.endswith("dist/shop run")
    assert sorted(path.name for path in (place.folder / "dist").iterdir()) == [
        *("shop", "shop.cdx.json", "shop.registry.json", "shop.sha256")
    ]


@pytest.mark.usefixtures("quick", "shop")
def test_the_artefact_holds_its_registry_with_contracts_and_says_what_it_is(homeport: Homeport, place: Place) -> None:
    made = homeport("build", "shop", "--name", "web", "--json").value
    content = inside(place, "web")
    manifest = json.loads(content["manifest.json"])
    assert (manifest["name"], manifest["services"], manifest["kind"]) == ("web", ["cart", "stock"], "zipapp")
    assert manifest["digest"] == made["digest"]
    registry = json.loads(content["registry.json"])
    assert registry["services"]["stock"]["contract"]["methods"][0]["name"] == "take"
    assert json.loads(content["sbom.json"])["metadata"]["component"]["name"] == "web"
    assert set(manifest) <= set(Manifest.__struct_fields__)


@pytest.mark.usefixtures("quick", "shop")
def test_static_imports_nothing(homeport: Homeport, place: Place, shop: Path) -> None:
    (shop / "services.py").write_text(f"open({str(shop / 'imported')!r}, 'w')\n{SHOP}")
    assert homeport("build", "shop", "--static").code == 0
    assert not (shop / "imported").exists()
    assert json.loads(inside(place)["registry.json"])["services"]["stock"]["contract"] is None
    homeport("build", "shop")
    assert (shop / "imported").exists()


@pytest.mark.usefixtures("quick")
def test_errors_of_the_source_stop_it_before_anything_is_written(homeport: Homeport, place: Place, shop: Path) -> None:
    (shop / "services.py").write_text("def broken(:\n")
    ran = homeport("build", "shop")
    assert ran.code == 1
    assert "services.py" in ran.err
    assert not (place.folder / "dist").exists()


@pytest.mark.usefixtures("quick")
def test_warnings_of_the_source_are_told_and_stop_nothing(homeport: Homeport, shop: Path) -> None:
    (shop / "services.py").write_text(SHOP.replace("self.stock.take", "self.stok.take"))
    ran = homeport("build", "shop")
    assert ran.code == 0
    assert "'stok'" in ran.err


@pytest.mark.usefixtures("quick")
def test_a_library_that_is_missing_here_stops_it_with_the_place(homeport: Homeport, place: Place, shop: Path) -> None:
    (shop / "services.py").write_text("import surely_not_installed\n" + SHOP)
    ran = homeport("build", "shop", "--static")
    assert ran.code == 1
    assert "HP602" in ran.err
    assert "services.py:1" in ran.err
    assert not (place.folder / "dist").exists()


@pytest.mark.usefixtures("quick")
def test_what_goes_wrong_while_importing_is_a_warning_unless_it_is_to_be_verified(
    homeport: Homeport, shop: Path
) -> None:
    (shop / "services.py").write_text(SHOP + "\nraise RuntimeError('only in production')\n")
    ran = homeport("build", "shop")
    assert ran.code == 0
    assert "only in production" in ran.err
    ran = homeport("build", "shop", "--verify")
    assert ran.code == 1
    assert "HP703" in ran.err


@pytest.mark.usefixtures("quick")
def test_a_secret_that_goes_in_is_told(homeport: Homeport, shop: Path) -> None:
    (shop / "homeport.toml").write_text('[node]\ntoken = "s3cret"\n')
    ran = homeport("build", "shop")
    assert ran.code == 0
    assert "HP604" in ran.err
    assert "s3cret" not in ran.err


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(("options", "extra"), [((), "build"), (("--binary",), "build,binary")])
def test_tools_that_are_missing_are_told_with_the_extra_that_brings_them(
    homeport: Homeport, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], extra: str
) -> None:
    there = importlib.util.find_spec
    gone = ("pex", "PyInstaller")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name in gone else there(name, *more))
    ran = homeport("build", "shop", *options)
    assert ran.code == 1
    assert f"pip install 'homeport[{extra}]'" in ran.err


@pytest.mark.usefixtures("shop")
def test_what_contradicts_itself_is_a_mistake_of_usage(homeport: Homeport) -> None:
    assert homeport("build", "shop", "--static", "--verify").code == 2
    assert homeport("build", "shop", "--name", "../x").code == 2
    assert homeport("build", "nothing").code == 2


# -- export ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("shop")
def test_a_file_is_shown_or_written_under_its_usual_name(homeport: Homeport, place: Place, shop: Path) -> None:
    shown = homeport("export", "compose", "shop")
    assert shown.code == 0
    assert list(yaml.safe_load(shown.out)["services"]) == ["shop"]
    assert homeport("export", "compose", "shop", "-o", ".").code == 0
    assert (place.folder / "compose.yaml").read_text() == shown.out
    homeport("export", "dockerfile", "shop", "-o", ".")
    assert (place.folder / "Dockerfile").is_file()
    assert (place.folder / "Dockerfile.dockerignore").is_file()


@pytest.mark.usefixtures("shop")
def test_a_file_that_somebody_changed_is_not_overwritten(homeport: Homeport, place: Place) -> None:
    homeport("export", "systemd", "shop", "-o", "x.service")
    assert homeport("export", "systemd", "shop", "-o", "x.service").code == 0
    (place.folder / "x.service").write_text("mine")
    ran = homeport("export", "systemd", "shop", "-o", "x.service")
    assert ran.code == 1
    assert "--force overwrites it" in ran.err
    assert homeport("export", "systemd", "shop", "-o", "x.service", "--force").code == 0


def test_settings_and_the_project_shape_what_is_exported(homeport: Homeport, place: Place, shop: Path) -> None:
    (shop / "homeport.toml").write_text("[node]\nport = 8080\ndrain_timeout = 20\n")
    (shop / "requirements.txt").write_text("msgspec\n")
    made = yaml.safe_load(homeport("export", "compose", "shop").out)["services"]["shop"]
    assert made["ports"] == ["127.0.0.1:8080:8080"]
    assert made["stop_grace_period"] == "75s"  # the front and two stages, 20 + 5 s each
    (shop / "homeport.toml").write_text("[node]\nport = 0\n")
    assert "127.0.0.1:7070:7070" in homeport("export", "compose", "shop").out  # one that is known beforehand
    shown = homeport("export", "dockerfile", "shop").out
    assert "EXPOSE 7070" in shown
    assert "pip install --no-cache-dir -r requirements.txt" in shown
    assert "homeport build" in shown
