"""What changed between two states of an application, and which of it callers would notice."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homeport.build.against import against
from homeport.build.application import scan
from homeport.build.difference import ServiceChange, difference
from homeport.build.generator.registry import built_registry
from homeport.build.generator.registry_rows import ServiceRow
from homeport.build.plan import Location, PlannedDependency, PlannedService
from homeport.build.reflection import reflect
from homeport.build.states import of_plan, stored_state
from homeport.contracts.api import Contract, MethodContract, Parameter
from homeport.errors import UsageError

PLACE = Location(module="shop", qualname="Cart", path="shop.py", line=1)


def row(*methods: MethodContract, calls: tuple[str, ...] = (), **options: Any) -> dict[str, ServiceRow]:
    dependencies = tuple(
        PlannedDependency(attribute=callee.strip("?"), service=callee.strip("?"), optional=callee.endswith("?"))
        for callee in calls
    )
    service = PlannedService(name="cart", location=PLACE, dependencies=dependencies, **options)
    return {"cart": ServiceRow(service=service, contract=Contract(service="cart", methods=methods))}


def changed(old: dict[str, ServiceRow], new: dict[str, ServiceRow]) -> list[tuple[bool, str]]:
    return [(change.breaking, change.what) for change in difference(old, new)]


ADD = MethodContract(name="add", parameters=(Parameter(name="item", schema={"type": "string"}),))


def test_equal_states_do_not_differ() -> None:
    assert difference(row(ADD), row(ADD)) == []


def test_a_removed_service_breaks_its_callers_and_an_added_one_nobody() -> None:
    (removed,) = difference(row(ADD), {})
    assert (removed.breaking, removed.what) == (True, "the service was removed")
    assert "homeport ps" in removed.fix
    assert changed({}, row(ADD)) == [(False, "the service was added")]


def test_changes_of_contracts_come_with_their_fix_and_breaking_ones_first() -> None:
    wider = MethodContract(name="zap", parameters=ADD.parameters)
    found = difference(row(ADD), row(wider))
    assert [(change.method, change.breaking) for change in found] == [("add", True), ("zap", False)]
    assert found[0].fix


def test_what_it_calls_is_told_and_breaks_nobody() -> None:
    assert changed(row(calls=("stock", "mail", "tax?")), row(calls=("stock", "fraud", "tax"))) == [
        (False, "it now calls 'fraud'"),
        (False, "it no longer calls 'mail'"),
        (False, "it now cannot do without 'tax'"),
    ]


def test_options_are_told_and_losing_public_breaks() -> None:
    assert changed(row(public=True, version="1"), row(version="2", replicas=3)) == [
        (True, "the service is no longer public, so that nobody beyond this machine may call it"),
        (False, "version is '2', and was '1'"),
        (False, "replicas is 3, and was 1"),
    ]


def test_a_class_that_becomes_an_app_breaks() -> None:
    (change,) = difference(row(ADD), row(kind="asgi"))
    assert change == ServiceChange(
        service="cart",
        breaking=True,
        what="the service is now an ASGI app, not a class with methods",
        fix="give the new form a name of its own",
    )


def test_unknown_contracts_are_not_compared() -> None:
    unknown = {"cart": msgspec.structs.replace(row(ADD)["cart"], contract=None)}
    assert difference(row(ADD), unknown) == difference(unknown, row()) == []


def test_breaking_changes_are_findings_where_the_service_is(tmp_path: Path) -> None:
    gone = {"cart": row(ADD)["cart"], "stock": row(ADD)["cart"]}
    findings = against(gone, row(msgspec.structs.replace(ADD, name="put")))
    assert [(one.code, one.path, one.line) for one in findings] == [("HP421", "shop.py", 1), ("HP421", "shop.py", 0)]
    assert "callers of 'cart' as it was would notice: add was removed" in findings[0].message
    assert all(one.hint for one in findings)


SOURCE = """
from homeport import service

@service
class Cart:
    async def add(self, item: str) -> int:
        return await self.stock.count(item)
"""


def test_every_form_of_a_registry_is_the_same_state(tmp_path: Path) -> None:
    (tmp_path / "cart.py").write_text(SOURCE)
    plan = scan(".", tmp_path)
    registry = built_registry(plan, reflect(plan))
    (tmp_path / "registry.bin").write_bytes(registry.to_bytes())
    (tmp_path / "registry.json").write_text(registry.to_json())
    (tmp_path / "homeport_app").mkdir()
    (tmp_path / "homeport_app" / "registry.bin").write_bytes(registry.to_bytes())
    (tmp_path / "homeport_app" / "manifest.json").write_text('{"name": "shop"}')
    with zipfile.ZipFile(tmp_path / "shop", "w") as artefact:
        artefact.write(tmp_path / "registry.bin", "homeport_app/registry.bin")
    (tmp_path / "binary").write_bytes(b"\x7fELF")
    (tmp_path / "binary.registry.json").write_text(registry.to_json())
    source = of_plan(plan, ".").rows
    for form in ("registry.bin", "registry.json", "shop", "binary", ".", "homeport_app"):
        state = stored_state(form, tmp_path)
        assert state is not None
        assert difference(state.rows, source) == difference(source, state.rows) == []
        assert state.rows["cart"].contract == source["cart"].contract


def test_what_is_no_state_is_left_to_whoever_reads_targets(tmp_path: Path) -> None:
    (tmp_path / "cart.py").write_text(SOURCE)
    assert stored_state("cart.py", tmp_path) is None
    assert stored_state("cart:Cart", tmp_path) is None


def test_files_that_look_like_a_state_and_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[1, 2]")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme", "x")
    with pytest.raises(UsageError, match=r"other\.json is no registry in its readable form"):
        stored_state("other.json", tmp_path)
    with pytest.raises(UsageError, match=r"other\.zip holds no registry"):
        stored_state("other.zip", tmp_path)
