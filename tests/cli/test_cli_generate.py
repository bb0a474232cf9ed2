"""``homeport generate``: packages and documents for callers outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_fakes import Place

from tests.cli.conftest import Homeport

GREETER = """
from homeport import service

@service
class Greeter:
    async def greet(self, name: str) -> str:
        return f"hello {name}"
"""


@pytest.fixture
def shop(place: Place) -> Path:
    folder = place.folder / "shop"
    folder.mkdir()
    (folder / "greeter.py").write_text(GREETER)
    return folder


def test_a_client_is_made_of_the_source_and_only_what_changed_is_written_again(
    homeport: Homeport, place: Place, shop: Path
) -> None:
    first = homeport("generate", "client", "shop", "--json").value
    assert (first["folder"], first["name"], first["services"]) == ("shop-client", "shop_client", ["greeter"])
    assert (
        "async def greet(self, name: str) -> str:"
        in (place.folder / "shop-client" / "shop_client" / "services.py").read_text()
    )
    assert homeport("generate", "client", "shop", "--json").value["changed"] == []
    (shop / "greeter.py").write_text(GREETER.replace("name: str", "whom: str").replace("{name}", "{whom}"))
    changed = homeport("generate", "client", "shop", "--json").value["changed"]
    assert "shop_client/services.py" in changed
    assert "shop_client/models.py" not in changed


def test_people_are_told_how_to_install_it(homeport: Homeport, shop: Path) -> None:
    ran = homeport("generate", "client", "shop")
    assert "10 files written" in ran.out
    assert "pip install ./shop-client" in ran.out


def test_files_of_somebody_else_are_not_overwritten(homeport: Homeport, place: Place, shop: Path) -> None:
    (place.folder / "pyproject.toml").write_text("[project]\n")
    ran = homeport("generate", "client", "shop", "-o", ".")
    assert ran.code == 1
    assert "was not made by `homeport generate client`" in ran.err
    assert (place.folder / "pyproject.toml").read_text() == "[project]\n"


@pytest.mark.parametrize("name", ["class", "a-b", "2nd", "homeport"])
def test_a_name_that_cannot_be_imported_is_refused(homeport: Homeport, shop: Path, name: str) -> None:
    ran = homeport("generate", "client", "shop", "--name", name)
    assert ran.code == 2
    assert f"--name {name}" in ran.err.replace("'", "")


def test_a_service_that_is_not_there_is_named(homeport: Homeport, shop: Path) -> None:
    ran = homeport("generate", "client", "shop", "--service", "greter")
    assert ran.code == 4
    assert "did you mean 'greeter'" in ran.err


def test_a_service_that_cannot_be_imported_is_told_with_its_place(homeport: Homeport, shop: Path) -> None:
    (shop / "greeter.py").write_text("import nowhere_at_all\n" + GREETER)
    ran = homeport("generate", "openapi", "shop")
    assert ran.code == 1
    assert "nowhere_at_all" in ran.err
    assert "greeter.py" in ran.err


def test_a_client_can_be_made_of_what_a_node_runs(homeport: Homeport, place: Place) -> None:
    made = homeport("generate", "client", "--live", "--service", "cart", "--json").value
    assert made["services"] == ["cart"]
    text = (place.folder / made["folder"] / made["name"] / "errors.py").read_text()
    assert "class ProductNotFound(homeport.ServiceError, status=404" in text


def test_the_openapi_document_goes_to_standard_output_or_a_file(homeport: Homeport, place: Place, shop: Path) -> None:
    printed = homeport("generate", "openapi", "shop").value
    assert "/api/v1/call/greeter/greet" in printed["paths"]
    assert homeport("generate", "openapi", "shop", "-o", "docs/openapi.json").code == 0
    assert json.loads((place.folder / "docs" / "openapi.json").read_text()) == printed


def test_only_public_methods_are_described_for_callers_beyond_this_machine(homeport: Homeport, shop: Path) -> None:
    assert "/api/v1/call/greeter/greet" not in homeport("generate", "openapi", "shop", "--public").value["paths"]
