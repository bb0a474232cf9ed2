"""The registry beside a release is that of the edition in force, whoever wrote there before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from homeport.build.application import scan
from homeport.build.generator.registry_file import RegistryFile
from homeport.node.application import Edition
from homeport.node.registries import Registries, registry_of
from homeport.node.releases import Release, Releases

SOURCE = """
from homeport import service

@service
class Cart:
    async def add(self): ...

@service
class Stock:
    async def count(self): ...
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "shop.py").write_text(SOURCE)
    return folder


def edition(app: Path, target: str = ".") -> Edition:
    plan = scan(target, app)
    return Edition(plan=plan, release=Release(id="r1", root=app.parent / "r1"), registry=registry_of(plan, "r1"))


def names(app: Path) -> tuple[str, ...]:
    return RegistryFile(app.parent / "r1.registry").names


def test_it_is_written_when_it_is_first_needed_and_then_left_alone(app: Path) -> None:
    registries, whole = Registries(), edition(app)
    registries.keep(whole)
    assert names(app) == ("cart", "stock")
    before = whole.release.registry.stat().st_mtime_ns
    registries.keep(whole)
    Registries().keep(edition(app))  # of the next node process
    assert whole.release.registry.stat().st_mtime_ns == before


def test_another_edition_of_the_same_release_replaces_it(app: Path) -> None:
    registries, whole, part = Registries(), edition(app), edition(app, "shop:Cart")
    registries.keep(whole)
    registries.keep(part)
    assert names(app) == ("cart",)
    registries.keep(whole)
    assert names(app) == ("cart", "stock")


def test_one_that_is_lost_or_damaged_is_written_again(app: Path) -> None:
    registries, whole = Registries(), edition(app)
    registries.keep(whole)
    whole.release.registry.unlink()
    registries.keep(whole)
    assert names(app) == ("cart", "stock")
    whole.release.registry.write_bytes(b"\0" * 100)
    registries.keep(whole)
    assert names(app) == ("cart", "stock")


def test_an_edition_that_was_kept_without_its_file_has_it_made(app: Path) -> None:
    kept = Edition(plan=scan(".", app), release=Release(id="r1", root=app.parent / "r1"))
    Registries().keep(kept)
    assert names(app) == ("cart", "stock")


def test_it_goes_with_its_release_and_stays_while_that_is_in_use(app: Path, tmp_path: Path) -> None:
    folder = tmp_path / "releases"
    folder.mkdir()
    releases, made = Releases(folder), []
    for number in range(3):
        (app / "shop.py").write_text(f"{SOURCE}\nx = {number}\n")
        release = releases.make(app)
        Registries().keep(Edition(plan=scan(".", app), release=release))
        made.append(release)
        os.utime(release.root, (number, number))  # prune() goes by the times of folders
    releases.prune({made[0].id}, keep=1)
    assert [release.registry.exists() for release in made] == [True, False, True]
