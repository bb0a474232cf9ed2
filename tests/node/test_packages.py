"""Packaged applications among the releases of a node."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from homeport.build.application import scan
from homeport.build.generator.registry import built_registry
from homeport.errors import UsageError
from homeport.node.packages import edition_of, kept_release, packaged_at
from homeport.node.releases import Releases
from homeport.packaged import APP, FOLDER, MANIFEST, REGISTRY, Manifest, Package, program_of, read_package

CART = "from homeport import service\n\n\n@service\nclass Cart:\n    async def get(self) -> int:\n        return 1\n"


def unpacked(folder: Path, digest: str = "00") -> Package:
    own = folder / "venv/lib/python3.11/site-packages" / FOLDER
    (own / APP).mkdir(parents=True)
    (own / APP / "cart.py").write_text(CART)
    (own / MANIFEST).write_bytes(msgspec.json.encode(Manifest(name="shop", digest=digest)))
    (own / REGISTRY).write_bytes(built_registry(scan(".", own / APP)).to_bytes())
    return read_package(own)


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    folder = tmp_path / "releases"
    folder.mkdir()
    return folder


def test_source_is_no_package(tmp_path: Path) -> None:
    assert packaged_at(".", tmp_path) is None


def test_a_package_is_run_where_it_was_unpacked_by_its_own_libraries(tmp_path: Path, releases: Path) -> None:
    package = packaged_at(str(unpacked(tmp_path).folder), tmp_path)
    assert package is not None
    edition = edition_of(package, releases)
    assert edition.release.root.resolve() == package.root.resolve()
    assert edition.release.program == program_of(package)
    assert [service.name for service in edition.plan.services] == ["cart"]
    assert edition.registry == package.registry.read_bytes()


def test_a_package_that_was_run_before_is_found_again_with_its_program(tmp_path: Path, releases: Path) -> None:
    package = unpacked(tmp_path)
    release = edition_of(package, releases).release
    assert kept_release(releases, release.id) == release


def test_a_copy_of_source_is_found_again_without_a_program(releases: Path) -> None:
    (releases / "abc").mkdir()
    assert kept_release(releases, "abc").program == ()


def test_a_package_unpacked_elsewhere_takes_the_place_of_the_same_one(tmp_path: Path, releases: Path) -> None:
    first, second = unpacked(tmp_path / "a"), unpacked(tmp_path / "b")
    edition_of(first, releases)
    assert edition_of(second, releases).release.root.resolve() == second.root.resolve()


def test_forgetting_a_package_leaves_what_was_unpacked(tmp_path: Path, releases: Path) -> None:
    package = unpacked(tmp_path)
    edition_of(package, releases)
    Releases(releases).prune(in_use=(), keep=0)
    assert list(releases.iterdir()) == []
    assert (package.root / "cart.py").read_text() == CART


def test_a_damaged_registry_is_refused(tmp_path: Path, releases: Path) -> None:
    package = unpacked(tmp_path)
    content = bytearray(package.registry.read_bytes())
    content[-3] ^= 1
    package.registry.write_bytes(content)
    with pytest.raises(UsageError, match="damaged"):
        edition_of(package, releases)
