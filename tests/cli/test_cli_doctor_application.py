"""What the doctor says of an application that runs: registry, source, bytecode, imports."""

from __future__ import annotations

import py_compile

import msgspec
import pytest
from cli_fakes import Place, instance, status

from homeport.build.application import scan
from homeport.build.generator.registry import built_registry
from homeport.build.generator.registry_file import RegistryFile
from homeport.cli.doctor.application import check_application, check_package
from homeport.cli.doctor.finding import Checked, Health
from homeport.packaged import Manifest, Package

SOURCE = """
from homeport import service

@service
class Cart:
    async def add(self, item: str) -> int:
        return 1
"""


RELEASE = "r1"


class App:
    """A source that runs, as a node leaves it on disk."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.source, data = place.folder / "shop", place.folder / ".homeport"
        self.release = data / "releases" / RELEASE
        for folder in (self.source, self.release):
            folder.mkdir(parents=True)
            (folder / "cart.py").write_text(SOURCE)
        py_compile.compile(str(self.release / "cart.py"))
        self.registry = self.release.with_name(f"{RELEASE}.registry")
        self.registry.write_bytes(built_registry(scan(".", self.source), source=RELEASE).to_bytes())
        place.client.node.present = status(data=str(data), root=str(self.source), release=RELEASE)
        self.runs(import_seconds="0.002")

    def runs(self, digest: str = "", **metadata: str) -> None:
        digest = digest or RegistryFile(self.registry).digest[:16]
        one = instance("cart-1", "cart", registry=digest, release=RELEASE, metadata=metadata)
        self.place.client.registry.all_instances = [one]

    def examined(self) -> dict[str, Checked]:
        found = check_application(self.place.surroundings(), None, self.place.client.node.present)
        return {one.name: one for one in found}

    def troubles(self) -> set[str]:
        return {name for name, one in self.examined().items() if one.health is not Health.WELL}


@pytest.fixture
def app(place: Place) -> App:
    return App(place)


def test_an_application_that_runs_as_written_is_well(app: App) -> None:
    assert list(app.examined()) == ["registry", "source", "bytecode", "imports"]
    assert app.troubles() == set()


def test_a_source_that_has_moved_on_is_told_with_what_and_whose(app: App) -> None:
    (app.source / "cart.py").write_text(SOURCE.replace("@service", '@service(version="2")'))
    (app.source / "stock.py").write_text(SOURCE.replace("Cart", "Stock"))
    found = app.examined()["source"]
    assert found.found == (
        "newer than what runs: cart.py changed, which cart import; cart: version is '2', and was ''; "
        "stock: the service was added"
    )
    assert "homeport deploy" in found.next


@pytest.mark.parametrize("running", [True, False])
def test_a_packaged_application_is_compared_with_the_release_that_runs(app: App, running: bool) -> None:
    package = Package(folder=app.place.folder, manifest=Manifest(name="shop", digest="ab"))
    present = msgspec.structs.replace(app.place.client.node.present, release=package.release if running else RELEASE)
    found = check_package(package, present)
    assert (found.health is Health.WELL) is running
    assert "homeport deploy" in found.next or running


def test_a_source_that_is_gone_is_no_failure_of_the_doctor(app: App) -> None:
    (app.source / "cart.py").unlink()
    app.source.rmdir()
    assert app.troubles() == {"source"}


def test_a_damaged_registry_is_a_thing_that_will_not_work(app: App) -> None:
    content = bytearray(app.registry.read_bytes())
    content[-2] ^= 4
    app.registry.write_bytes(content)
    (found,) = app.examined().values()
    assert (found.name, found.health) == ("registry", Health.ILL)
    assert "damaged" in found.found
    assert f"rm {app.registry}" in found.next


def test_instances_of_another_registry_are_told(app: App) -> None:
    app.runs(digest="0123456789abcdef")
    assert app.troubles() == {"registry"}
    assert "cart" in app.examined()["registry"].found


def test_modules_that_every_start_compiles_again_are_told(app: App) -> None:
    for compiled in (app.release / "__pycache__").iterdir():
        compiled.unlink()
    assert "python -m compileall" in app.examined()["bytecode"].next
    app.place.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    assert "unset PYTHONDONTWRITEBYTECODE" in app.examined()["bytecode"].next


def test_imports_that_hold_up_every_start_are_told(app: App) -> None:
    app.runs(import_seconds="1.25")
    found = app.examined()["imports"]
    assert found.found == "slow at every start: cart 1.2s"
    assert "--report" in found.next


def test_a_node_whose_files_are_elsewhere_is_not_examined(app: App) -> None:
    app.place.client.node.present = status(data="/nowhere", release=RELEASE)
    assert app.examined() == {}
