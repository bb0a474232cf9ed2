"""``homeport graph``: from source or from a node, into the terminal, a file or the browser."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path
from typing import Any

import pytest
from cli_fakes import Place

from tests.cli.conftest import Homeport

SHOP = """
from homeport import service

@service
class Cart:
    async def add(self) -> None:
        await self.stock.take()

@service
class Stock:
    async def take(self) -> None: ...
"""


@pytest.fixture
def shop(place: Place) -> Path:
    folder = place.folder / "shop"
    folder.mkdir()
    (folder / "services.py").write_text(SHOP)
    return folder


def test_without_a_format_a_tree_is_printed(homeport: Homeport, shop: Path) -> None:
    ran = homeport("graph", "shop")
    assert ran.code == 0
    assert ran.out.splitlines()[:2] == ["cart  entry point", "└── stock  needed by 1"]


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.svg", "<svg "), ("a.mmd", "flowchart LR"), ("a.gv", "digraph "), ("a.json", "{"), ("a.txt", "cart  ")],
)
def test_the_name_of_a_file_says_its_format(homeport: Homeport, shop: Path, name: str, begins: str) -> None:
    file = shop / "pictures" / name
    assert homeport("graph", "shop", "-o", str(file)).code == 0
    assert file.read_text().startswith(begins)


def test_a_file_whose_name_says_no_format_is_refused_with_those_that_do(homeport: Homeport, shop: Path) -> None:
    ran = homeport("graph", "shop", "-o", "graph.png")
    assert ran.code == 2
    assert "end it in .svg" in ran.err


def test_json_holds_all_that_pictures_show(homeport: Homeport, shop: Path) -> None:
    value = homeport("graph", "shop", "--json").value
    assert [one["name"] for one in value["services"]] == ["cart", "stock"]
    assert value["start_order"] == [["stock"], ["cart"]]


def test_errors_in_the_source_are_told_beside_what_could_be_read(homeport: Homeport, shop: Path) -> None:
    (shop / "broken.py").write_text("def (")
    ran = homeport("graph", "shop")
    assert ran.code == 1
    assert ran.out.startswith("cart")
    assert "1 error in the source" in ran.err
    assert "homeport check shop" in ran.err


def test_a_folder_without_services_says_so(homeport: Homeport, place: Place) -> None:
    (place.folder / "empty").mkdir()
    ran = homeport("graph", "empty")
    assert ran.code == 1
    assert "no class marked with @service" in ran.err


def test_a_running_node_is_drawn_as_its_registry_sees_it(homeport: Homeport, place: Place) -> None:
    value = homeport("graph", "--live", "--json").value
    known = {summary.name for summary in place.client.registry.summaries}
    assert {one["name"] for one in value["services"]} >= known
    assert all(one["state"] for one in value["services"] if one["kind"] != "missing")


def test_open_shows_the_picture_in_the_browser(homeport: Homeport, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def browser(address: str, *_: Any) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", browser)
    assert homeport("graph", "shop", "--open").code == 0
    [address] = opened
    shown = Path(address.removeprefix("file://")).read_text()
    assert "<title>shop</title>" in shown
    assert "<svg " in shown


def test_open_draws_into_the_same_file_each_time_and_leaves_nothing_elsewhere(
    homeport: Homeport,
    place: Place,
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    for options in ((), (), ("--live",), ("-o", "shop.svg")):
        assert homeport("graph", *(options if "--live" in options else ("shop", *options)), "--open").code == 0
    assert opened[0] == opened[1] == opened[2] == (place.folder / ".homeport" / "graph.html").as_uri()
    assert opened[3] == (place.folder / "shop.svg").as_uri()
    assert list(temporary.iterdir()) == []
