from __future__ import annotations

from pathlib import Path

from cli_fakes import Place

from homeport.build.application import scan
from homeport.build.generator.registry import built_registry
from homeport.build.reflection import reflect
from tests.cli.conftest import Homeport

SOURCE = """
from homeport import service

@service
class Cart:
    async def add(self, item: str) -> int:
        return 1
"""


def write(place: Place, name: str, text: str) -> Path:
    folder = place.folder / name
    folder.mkdir()
    (folder / "cart.py").write_text(text)
    return folder


def test_a_breaking_change_is_told_with_its_fix_and_ends_with_1(homeport: Homeport, place: Place) -> None:
    write(place, "old", SOURCE)
    write(place, "new", SOURCE.replace("item: str", "item: str, at: str"))
    ran = homeport("diff", "old", "new")
    assert ran.code == 1
    assert "add requires a new argument 'at'" in ran.out
    assert "give 'at' a default" in ran.out
    assert "1 breaking change of 1" in ran.out


def test_harmless_changes_end_with_0(homeport: Homeport, place: Place) -> None:
    write(place, "old", SOURCE)
    write(place, "new", SOURCE.replace("item: str", "item: str, at: str = ''"))
    ran = homeport("diff", "old", "new")
    assert (ran.code, ran.err) == (0, "")
    assert "1 change, none that callers would notice" in ran.out
    assert "no difference" in homeport("diff", "old", "old").out


def test_programs_get_the_changes_as_json(homeport: Homeport, place: Place) -> None:
    write(place, "old", SOURCE)
    write(place, "new", SOURCE.replace("add", "put"))
    ran = homeport("diff", "old", "new", "--json")
    assert ran.code == 1
    assert [(change["service"], change["method"], change["breaking"]) for change in ran.value] == [
        ("cart", "add", True),
        ("cart", "put", False),
    ]


def test_services_that_cannot_be_imported_are_named(homeport: Homeport, place: Place) -> None:
    write(place, "old", SOURCE)
    write(place, "new", "import nowhere_to_be_found\n" + SOURCE)
    ran = homeport("diff", "old", "new")
    assert "the methods of cart are not known in new" in ran.err
    assert "No module named 'nowhere_to_be_found'" in ran.err


def test_a_state_that_is_not_there_is_a_usage_error(homeport: Homeport, place: Place) -> None:
    write(place, "old", SOURCE)
    ran = homeport("diff", "old", "nww")
    assert ran.code == 2
    assert "nww" in ran.err


def test_a_check_against_an_earlier_build_finds_what_callers_would_notice(homeport: Homeport, place: Place) -> None:
    plan = scan("old", write(place, "old", SOURCE).parent)
    built = place.folder / "shop.registry.json"
    built.write_text(built_registry(plan, reflect(plan)).to_json())
    write(place, "new", SOURCE.replace("item: str", "item: str, at: str"))
    assert homeport("check", "old", "--against", str(built)).code == 0
    ran = homeport("check", "new", "--against", str(built), "--format", "concise")
    assert ran.code == 1
    assert "HP421" in ran.out
    assert "add requires a new argument 'at'" in ran.out


def test_a_check_against_nothing_is_refused(homeport: Homeport, place: Place) -> None:
    write(place, "new", SOURCE)
    ran = homeport("check", "new", "--against", "absent.json")
    assert ran.code == 2
    assert "absent.json: there is no such registry" in ran.err
