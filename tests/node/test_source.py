"""A start looks for findings first, as a check does, and heeds what settings and comments say of them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from homeport.config import CheckConfig, Config
from homeport.node.application import ScanFailed
from homeport.node.releases import Releases
from homeport.node.source import Source

SHOP = """\
    from homeport import service


    @service
    class Payments:
        async def process(self, order: str) -> int:
            return 1


    @service
    class Cart:
        async def buy(self, order: str) -> int:
            await self.bank.book(order)
            return await self.payments.proces(order)
    """


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop" / "shop.py"
    path.parent.mkdir()
    (tmp_path / "releases").mkdir()
    path.write_text(dedent(SHOP))
    return path


def read(path: Path, **check: object) -> list[str]:
    """The codes that a start tells."""
    config = Config(check=CheckConfig(**check))  # type: ignore[arg-type]
    edition = Source(".", path.parent, config, Releases(path.parent.parent / "releases")).read()
    return [finding.code for finding in edition.plan.findings]


def test_errors_stop_it_and_are_told_with_code_and_hint(shop: Path) -> None:
    with pytest.raises(ScanFailed) as caught:
        read(shop)
    assert str(caught.value) == (
        f"{shop}:14:22: HP202 error: service 'payments' has no method 'proces'; did you mean 'process'?"
    )


def test_warnings_are_told_and_notes_are_not(shop: Path) -> None:
    shop.write_text(shop.read_text().replace("proces(order)", "process(order)"))
    assert read(shop) == ["HP201"]


def test_what_the_settings_ignore_stops_nothing(shop: Path) -> None:
    assert read(shop, ignore=("HP202",)) == ["HP201"]
    assert read(shop, exclude=("shop.py",)) == []
    assert read(shop, per_file_ignores={"*.py": ("HP2",)}) == []


def test_what_a_comment_silences_stops_nothing(shop: Path) -> None:
    shop.write_text(shop.read_text().replace("proces(order)", "proces(order)  # homeport: ignore[HP202]"))
    assert read(shop) == ["HP201"]


def test_what_leaves_the_plan_incomplete_stops_it_whatever_is_ignored(shop: Path) -> None:
    shop.write_text(shop.read_text().replace("@service\nclass Cart", "@service(replcas=2)\nclass Cart"))
    with pytest.raises(ScanFailed, match="HP102"):
        read(shop, ignore=("ALL",), exclude=("*",))


@pytest.mark.parametrize(
    ("beside", "expected"), [("notes.txt", {"shop/__init__.py", "shop/shop.py"}), ("pyproject.toml", None)]
)
def test_a_package_in_a_folder_that_is_no_project_is_copied_alone(
    shop: Path, beside: str, expected: set[str] | None
) -> None:
    shop.write_text(shop.read_text().replace("proces(order)", "process(order)"))
    (shop.parent / "__init__.py").write_text("")
    root = shop.parent.parent
    (root / beside).write_text("")
    (root / "photos").mkdir()
    (root / "photos" / "a.jpg").write_text("")
    release = Source("shop", root, Config(), Releases(root / "releases")).read().release.root
    copied = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}
    assert copied == expected if expected else "photos/a.jpg" in copied
