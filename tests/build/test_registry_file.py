"""The registry file: the same bytes for the same application, any row by itself, and no damage goes unseen."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.build.application import scan
from homeport.build.generator import registry_layout
from homeport.build.generator.registry import BuiltRegistry, built_registry, source_digest
from homeport.build.generator.registry_file import RegistryFile, RegistryUnreadable, is_registry
from homeport.build.generator.registry_layout import Damaged, Rows, pack
from homeport.build.plan import Location, Plan, PlannedDependency, PlannedService
from homeport.build.reflection import reflect

PYTHON = sys.version_info[:2]
BOUTIQUE = Path(__file__).parents[2] / "examples" / "boutique"


def planned(name: str, *calls: str, **options: bool) -> PlannedService:
    return PlannedService(
        name=name,
        location=Location(module=f"shop.{name}", qualname=name.title(), path=f"shop/{name}.py", line=3),
        dependencies=tuple(PlannedDependency(attribute=callee, service=callee) for callee in calls),
        files=("shop/__init__.py", f"shop/{name}.py"),
        isolated=options.get("isolated", False),
    )


def written(folder: Path, registry: BuiltRegistry) -> Path:
    path = folder / "app.registry"
    path.write_bytes(registry.to_bytes())
    return path


def shop() -> BuiltRegistry:
    services = (planned("cart", "stock"), planned("stock"), planned("report", "cart", isolated=True))
    return built_registry(Plan(root="/somewhere", services=services))


def test_each_service_is_read_by_its_name(tmp_path: Path) -> None:
    registry = RegistryFile(written(tmp_path, shop()))
    assert registry.names == ("cart", "report", "stock")
    row = registry.service("cart")
    assert row is not None
    assert row.service == msgspec.structs.replace(planned("cart", "stock"), files=())
    assert registry.service("carts") is None
    registry.verify()


def test_tools_read_what_workers_leave_aside(tmp_path: Path) -> None:
    rows = RegistryFile(written(tmp_path, shop())).rows()
    assert rows == shop().services
    assert rows["cart"].service == planned("cart", "stock")
    assert rows["cart"].modules == ("shop", "shop.cart")


def test_it_tells_who_calls_whom_and_how_to_start(tmp_path: Path) -> None:
    registry = RegistryFile(written(tmp_path, shop()))
    assert registry.graph.calls == {"cart": ("stock",), "report": ("cart",), "stock": ()}
    assert registry.start.order == (("stock",), ("cart",), ("report",))
    shared, alone = registry.start.groups
    assert (shared.services, shared.modules) == (("cart", "stock"), ("shop", "shop.cart", "shop.stock"))
    assert alone.services == ("report",)


def test_the_plan_comes_back_for_wherever_the_source_lies(tmp_path: Path) -> None:
    plan = scan(".", BOUTIQUE)
    registry = RegistryFile(written(tmp_path, built_registry(plan)))
    assert registry.plan(Path("/elsewhere")) == msgspec.structs.replace(plan, root="/elsewhere", findings=())


def test_the_same_application_elsewhere_gives_the_same_bytes_and_text(tmp_path: Path) -> None:
    made = []
    for name in ("one", "other/deeper"):
        copy = tmp_path / name / "boutique"
        shutil.copytree(BOUTIQUE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        plan = scan(str(copy), tmp_path)
        made.append(built_registry(plan, reflect(plan), source_digest(plan)))
    assert made[0].to_bytes() == made[1].to_bytes()
    assert made[0].to_json() == made[1].to_json()
    assert str(tmp_path) not in made[0].to_json()
    assert str(tmp_path).encode() not in made[0].to_bytes()


def test_the_order_of_services_does_not_matter() -> None:
    plan = Plan(root="/", services=tuple(planned(name) for name in "abcdef"))
    shuffled = list(plan.services)
    random.Random(7).shuffle(shuffled)
    other = msgspec.structs.replace(plan, services=tuple(shuffled))
    assert built_registry(plan).to_bytes() == built_registry(other).to_bytes()


def test_contracts_are_kept_with_their_services(tmp_path: Path) -> None:
    plan = scan(".", BOUTIQUE)
    reflection = reflect(plan)
    registry = RegistryFile(written(tmp_path, built_registry(plan, reflection)))
    assert registry.contracts() == reflection.contracts
    assert registry.head.reflected


@given(st.dictionaries(st.text("abcxyz_@é", min_size=1), st.binary(max_size=50), max_size=12))
def test_every_row_comes_back_and_nothing_else(rows: dict[str, bytes]) -> None:
    read = Rows(pack(rows, PYTHON, "0.1.0"))
    assert sorted(read) == sorted(rows)
    assert {name: bytes(read.get(name) or b"") for name in rows} == rows
    assert all(read.get(name + "-") is None for name in ("", *rows))


@given(st.data())
def test_no_bit_can_flip_unseen(data: st.DataObject) -> None:
    rows = {"cart": b"one", "stock": b"the other", "@head": b""}
    content = bytearray(pack(rows, PYTHON, "0.1.0"))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Damaged):
        made = registry_layout.made_by(bytes(content))
        if made.format != registry_layout.FORMAT:
            raise Damaged("another format")
        for name in (read := Rows(bytes(content))):
            read.get(name)


@given(st.integers(0, 400))
def test_no_shorter_file_passes(length: int) -> None:
    content = pack({"cart": b"one", "stock": b"x" * 200}, PYTHON, "0.1.0")
    with pytest.raises(Damaged):
        registry_layout.made_by(content[: min(length, len(content) - 1)])
        Rows(content[: min(length, len(content) - 1)])


def test_only_the_rows_that_are_read_are_checked(tmp_path: Path) -> None:
    path = written(tmp_path, shop())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # of the last row: what tools read of stock
    path.write_bytes(content)
    registry = RegistryFile(path)
    assert registry.service("cart") is not None
    assert registry.service("stock") is not None
    for read in (registry.rows, registry.verify):
        with pytest.raises(
            RegistryUnreadable, match=r"app\.registry .*'stock\.source'.*checksum; make it again with `homeport"
        ):
            read()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: b"", "it is empty"),
        (lambda content: content[:60], "ends within its header"),
        (lambda content: content[:-1], "bytes, and should have"),
        (lambda content: b"import os\n" * 20, "does not begin like a registry"),
        (lambda content: content[:8] + b"\x09\x00" + content[10:], "its format is 9"),
        (lambda content: content.replace(b"stock", b"stack", 1), "does not have the digest"),
    ],
)
def test_what_is_wrong_is_said_with_the_file_and_the_next_step(tmp_path: Path, change: object, said: str) -> None:
    path = written(tmp_path, shop())
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(RegistryUnreadable, match=said) as refused:
        RegistryFile(path)
    assert str(path) in str(refused.value)
    assert "homeport build" in str(refused.value)


def test_a_registry_of_another_python_or_homeport_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "app.registry"
    path.write_bytes(shop().to_bytes(python=(3, 7)))
    with pytest.raises(RegistryUnreadable, match=r"made for Python 3\.7, and this is Python 3\."):
        RegistryFile(path)
    path.write_bytes(pack({}, PYTHON, "99.1.0"))
    with pytest.raises(RegistryUnreadable, match=r"Homeport 99\.1\.0 made it"):
        RegistryFile(path)


def test_a_registry_is_told_from_other_files(tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("x = 1\n" * 50)
    assert is_registry(written(tmp_path, shop()))
    assert not is_registry(other)
    assert not is_registry(tmp_path / "absent")


def test_it_goes_on_reading_what_it_opened_when_the_file_is_replaced(tmp_path: Path) -> None:
    path = written(tmp_path, shop())
    registry = RegistryFile(path)
    fresh = tmp_path / "fresh"
    fresh.write_bytes(built_registry(Plan(root="/", services=(planned("other"),))).to_bytes())
    fresh.replace(path)
    assert registry.service("stock") is not None
