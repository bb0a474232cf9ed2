"""How a planned service becomes an object."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pydantic
import pytest

import homeport
from homeport import service
from homeport.build.live.planned import planned_service
from homeport.build.plan import Location, PlannedDependency
from homeport.errors import ConfigError, DefinitionError
from homeport.worker.assembly import assemble, load, typed_config, types_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nowhere_at_run_time import Harbour

    from homeport.config import NodeConfig


@dataclass
class Limits:
    most: int = 5
    ratio: float = 0.5


class Wire(msgspec.Struct):
    host: str


class Model(pydantic.BaseModel):
    port: int = 1


@service
class Bank:
    async def pay(self, amount: int) -> int:
        return amount


@service
class Shop:
    config: Limits
    bank: Bank

    def __init__(self) -> None:
        self.seen = (self.bank, self.config.most)

    async def buy(self) -> int:
        return await self.stock.take(1)


@service
class Parametrised:
    def __init__(self, bank: Bank, config: Limits) -> None:
        self.given = (bank, config)

    async def buy(self) -> None: ...


@service
class Checked:
    """Its annotations exist for type checkers only."""

    config: NodeConfig
    harbour: Harbour

    async def look(self) -> None: ...


@service
class CheckedInit:
    def __init__(self, harbour: Harbour, config: NodeConfig) -> None:
        self.config = config

    async def look(self) -> None: ...


@service
class Lost:
    config: Harbour

    async def look(self) -> None: ...


@service
class Slotted:
    __slots__ = ()

    async def buy(self) -> None:
        await self.bank.pay(1)


def handle(dependency: PlannedDependency, types: Callable[[], Any]) -> str:
    return f"handle of {dependency.service}"


def test_handles_and_config_are_there_before_init_runs() -> None:
    shop = assemble(Shop, planned_service(Shop), {"most": 7}, handle)
    assert shop.seen == ("handle of bank", 7)
    assert shop.stock == "handle of stock"
    assert shop.log.name == "shop"


def test_init_parameters_are_injected() -> None:
    assembled = assemble(Parametrised, planned_service(Parametrised), {}, handle)
    assert assembled.given == ("handle of bank", Limits())


def test_a_class_that_takes_no_attributes_is_refused_with_the_way_out() -> None:
    with pytest.raises(DefinitionError, match=r"Slotted does not let 'bank' be set.*remove __slots__"):
        assemble(Slotted, planned_service(Slotted), {}, handle)


@pytest.mark.parametrize("kind", [Limits, Model])
def test_config_has_its_declared_type(kind: type) -> None:
    cls = type("C", (), {"__annotations__": {"config": kind}, "__module__": __name__})
    assert typed_config(cls, "c", {}) == kind()


@pytest.mark.parametrize("cls", [Checked, CheckedInit])
def test_config_may_be_annotated_by_what_is_imported_for_type_checkers_only(cls: type) -> None:
    assert typed_config(cls, "checked", {"port": 7}).port == 7


def test_a_config_annotation_that_leads_nowhere_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"Lost.config: cannot resolve 'Harbour': cannot import .* nowhere"):
        typed_config(Lost, "lost", {})


def test_settings_from_the_environment_are_text_and_still_fit() -> None:
    assert typed_config(Shop, "shop", {"most": "9"}) == Limits(most=9)


def test_settings_that_do_not_fit_name_their_table_and_path() -> None:
    with pytest.raises(ConfigError, match=r"\[services.shop.config\] does not fit Limits: .*\$.most"):
        typed_config(Shop, "shop", {"most": "many"})


def test_without_an_annotation_config_is_a_dict() -> None:
    assert typed_config(Bank, "bank", {"a": 1}) == {"a": 1}


def test_an_import_that_fails_names_the_module_and_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('no database')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    place = Location(module="broken_module", qualname="Shop", path="broken_module.py", line=1)
    with pytest.raises(
        DefinitionError, match=r"cannot import 'broken_module' from import root /r: RuntimeError: no data"
    ):
        load(place, "/r")


def test_a_class_that_is_not_there_after_import_is_named() -> None:
    place = Location(module=__name__, qualname="Gone", path="test_assembly.py", line=1)
    with pytest.raises(DefinitionError, match="has no 'Gone' once imported"):
        load(place, "/r")


def test_a_callee_that_cannot_be_imported_leaves_its_caller_with_plain_data(caplog: pytest.LogCaptureFixture) -> None:
    place = Location(module="no_such_module_anywhere", qualname="X", path="x.py", line=1)
    dependency = PlannedDependency(attribute="x", service="x", location=place)
    assert types_of(dependency)() is None
    assert [record.message for record in caplog.records] == ["dependency.untyped"]


def test_homeport_is_quiet_when_imported() -> None:
    assert homeport.service is service


# -- singletons --------------------------------------------------------------------------------------------------------


@service(singleton=True)
class Ledger:
    fence: int

    async def write(self) -> int:
        return self.fence


@service(singleton=True)
class Bridge:
    async def cross(self) -> Any:
        return await self.fence.open()  # another service of that name


def test_a_singleton_is_given_the_token_it_shows_to_what_it_writes_to() -> None:
    assert assemble(Ledger, planned_service(Ledger), {}, lambda *_: None, 7).fence == 7


def test_a_service_of_that_name_is_not_shadowed_by_the_token() -> None:
    assert assemble(Bridge, planned_service(Bridge), {}, lambda *_: "handle", 7).fence == "handle"
