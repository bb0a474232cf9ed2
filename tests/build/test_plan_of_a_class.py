"""The plan of a class in hand."""

from __future__ import annotations

import linecache
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import service_samples
from service_samples import Alone, Card, Checkout, Empty, Payments

from homeport import dependency, service
from homeport.build.application import scan
from homeport.build.live.planned import planned_service
from homeport.build.plan import Location, PlannedService
from homeport.build.presence import without_present
from homeport.errors import DefinitionError


def shown(planned: PlannedService) -> dict[str, tuple[str, bool, bool]]:
    return {d.attribute: (d.service, d.optional, d.declared) for d in planned.dependencies}


def test_a_class_in_hand_is_planned_as_the_scan_plans_it(tmp_path: Path) -> None:
    sys.modules.pop("shelf_samples", None)
    planned = planned_service(Checkout)
    assert (planned.name, planned.replicas) == ("till", 2)
    assert planned.location.path == "service_samples.py"
    assert shown(planned) == {
        "late": ("payments", False, True),
        "pay": ("payments", False, True),
        "shelf": ("shelves", False, True),
        "spare": ("payments", True, True),
        "ledger": ("ledger", True, True),
        "stock": ("stock", False, False),
        "auditor": ("auditor", False, False),
    }
    assert [d.attribute for d in planned.dependencies if d.parameter] == ["late"]
    for sample in Path(service_samples.__file__).parent.glob("*_samples.py"):
        shutil.copy(sample, tmp_path)
    scanned = scan("service_samples.py:Checkout", tmp_path).services[0]
    assert scanned.location == planned.location
    assert scanned.dependencies == planned.dependencies


def test_what_the_class_turns_out_to_have_is_no_dependency() -> None:
    scanned = PlannedService(
        name="x",
        location=Location(module="m", qualname="X", path="m.py", line=1),
        dependencies=planned_service(Checkout).dependencies,
    )

    class Given:
        stock = 1
        pay = 1

    assert "stock" not in shown(without_present(scanned, Given))
    assert "pay" in shown(without_present(scanned, Given))  # declared: the author says so


def test_a_dataclass_is_given_its_dependencies_as_parameters() -> None:
    (dependency,) = planned_service(Card).dependencies
    assert (dependency.attribute, dependency.service, dependency.parameter) == ("pay", "payments", True)


def test_classes_inside_functions_know_their_neighbours() -> None:
    @service
    class Ledger:
        async def write(self) -> None: ...

    @service
    class Books:
        ledger: Ledger
        late: Ledger | None = dependency(timeout=1)

        async def go(self) -> None:
            await self.other.go()  # type: ignore[attr-defined]

    assert shown(planned_service(Books)) == {
        "ledger": ("ledger", False, True),
        "late": ("ledger", False, True),
        "other": ("other", False, False),
    }
    assert planned_service(Ledger).location.qualname.endswith("<locals>.Ledger")


def test_of_two_classes_with_one_name_the_right_source_is_read() -> None:
    def make(first: bool) -> type:
        if first:

            @service
            class Twin:
                async def go(self) -> None:
                    await self.one.go()  # type: ignore[attr-defined]
        else:

            @service
            class Twin:  # type: ignore[no-redef]
                async def go(self) -> None:
                    await self.two.go()  # type: ignore[attr-defined]

        return Twin

    assert list(shown(planned_service(make(True)))) == ["one"]
    assert list(shown(planned_service(make(False)))) == ["two"]


CELL = """
from homeport import service, dependency

@service
class Payments:
    async def process(self): ...

@service
class Books:
    pay: "Payments"
    nobody: "Nobody"
    spare: Payments | None
    till = dependency("till")

    def __init__(self, late: "Payments", size: int = 3): ...

    async def go(self):
        await self.other.go()
"""


def run_cell(name: str, module: ModuleType) -> Any:
    exec(compile(CELL, name, "exec"), vars(module))
    return module.Books  # type: ignore[attr-defined]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("notebook_main")
    monkeypatch.setitem(sys.modules, "notebook_main", module)
    return module


def test_in_a_notebook_the_cell_is_the_source(notebook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "<ipython-input-1-abc>"
    monkeypatch.setitem(linecache.cache, name, (len(CELL), None, CELL.splitlines(True), name))
    planned = planned_service(run_cell(name, notebook))
    assert list(shown(planned)) == ["late", "pay", "spare", "till", "other"]


def test_without_source_what_is_declared_still_counts(notebook: ModuleType) -> None:
    planned = planned_service(run_cell("<string>", notebook))
    assert shown(planned) == {
        "late": ("payments", False, True),
        "pay": ("payments", False, True),
        "spare": ("payments", True, True),
        "till": ("till", False, True),
    }


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Empty, r"service_samples.py:\d+: class Empty has no methods to serve"),
        (Alone, r"service_samples.py:\d+: service 'alone' depends on itself through self.alone"),
        (int, "class int is no service; mark the class itself"),
    ],
)
def test_a_class_that_cannot_be_served_is_refused_where_it_stands(cls: type, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        planned_service(cls)


def test_a_service_without_dependencies_has_none() -> None:
    assert planned_service(Payments).dependencies == ()


def test_the_methods_are_those_of_the_scan() -> None:
    assert [method.name for method in planned_service(Checkout).methods] == ["audit", "buy", "count"]
