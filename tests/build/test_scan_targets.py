"""What TARGET means: which files, which import root, which app."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.build.analyzer.collecting import app_name
from homeport.build.application import scan
from homeport.build.plan import Plan
from homeport.errors import UsageError
from homeport.nodes import prepare_data_folder

Scan = Callable[..., Plan]
Write = Callable[[dict[str, str]], Path]


def source(name: str) -> str:
    return f"from homeport import service\n@service\nclass {name}:\n    async def go(self): ...\n"


def modules(plan: Plan) -> list[str]:
    return [service.location.module for service in plan.services]


@pytest.mark.parametrize(
    ("target", "root", "expected"),
    [
        (".", "", ["shop.pay", "shop.sub.ship"]),
        ("shop", "", ["shop.pay", "shop.sub.ship"]),
        ("shop/sub", "", ["shop.sub.ship"]),
        ("shop/sub/ship.py", "", ["shop.sub.ship"]),
        ("shop.sub", "", ["shop.sub.ship"]),
        ("shop.pay", "", ["shop.pay"]),
        ("shop.pay:Pay", "", ["shop.pay"]),
        ("shop/pay.py:Pay", "", ["shop.pay"]),
        ("shop:Pay", "", ["shop.pay"]),
    ],
)
def test_imports_start_above_the_outermost_package(write: Write, target: str, root: str, expected: list[str]) -> None:
    folder = write(
        {
            "shop/__init__.py": "from .pay import Pay",
            "shop/pay.py": source("Pay"),
            "shop/sub/__init__.py": "",
            "shop/sub/ship.py": source("Ship"),
        }
    )
    plan = scan(target, folder)
    assert plan.root == str(folder / root)
    assert modules(plan) == expected


def test_the_target_may_be_the_working_folder_inside_a_package(write: Write) -> None:
    folder = write({"shop/__init__.py": "", "shop/pay.py": source("Pay")})
    plan = scan(".", folder / "shop")
    assert (plan.root, modules(plan)) == (str(folder), ["shop.pay"])


@pytest.mark.parametrize("target", [".", "src", "shop", "src/shop", "shop.pay"])
def test_imports_start_in_src_where_there_is_one(write: Write, target: str) -> None:
    folder = write({"pyproject.toml": "", "setup_tool.py": source("Tool"), "src/shop/pay.py": source("Pay")})
    plan = scan(target, folder)
    assert plan.root == str(folder / "src")
    assert modules(plan) == ["shop.pay"]


def test_a_folder_called_src_that_belongs_to_no_project_is_a_folder_like_any_other(write: Write) -> None:
    folder = write({"src/mine/pay.py": source("Pay")})
    assert scan("src/mine", folder).root == str(folder / "src/mine")


def test_else_imports_start_in_the_target_itself(write: Write) -> None:
    folder = write({"app/pay.py": source("Pay"), "app/inner/ship.py": source("Ship")})
    plan = scan("app", folder)
    assert (plan.root, modules(plan)) == (str(folder / "app"), ["pay", "inner.ship"])


def test_what_is_not_the_applications_own_is_skipped(scan_app: Scan) -> None:
    skipped = [
        ".hidden/a.py",
        "venv/lib/a.py",
        "tests/a.py",
        "inner/tests/a.py",
        "test_a.py",
        "conftest.py",
        "node_modules/a.py",
        "__pycache__/a.py",
        "old/a.py",
        "scripts/gen_a.py",
        "inner/deep/a.py",
    ]
    files = {"pay.py": source("Pay"), "venv/pyvenv.cfg": "", "notes.txt": "("}
    files |= {name: source("A") for name in skipped}
    plan = scan_app(files, exclude=["old", "gen_*.py", "inner/deep/"])
    assert modules(plan) == ["pay"]
    assert plan.findings == ()


def test_a_nodes_own_files_are_no_part_of_the_application(tmp_path: Path) -> None:
    prepare_data_folder(tmp_path / "state")
    copy = tmp_path / "state" / "releases" / "4f1c" / "pay.py"
    copy.parent.mkdir()
    for path in (tmp_path / "pay.py", copy):
        path.write_text(source("Pay"))
    assert [service.name for service in scan(".", tmp_path).services] == ["pay"]


def test_a_target_inside_a_skipped_folder_is_scanned_all_the_same(scan_app: Scan) -> None:
    assert modules(scan_app({"tests/app/pay.py": source("Pay")}, target="tests/app")) == ["pay"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("shpo", "nothing called 'shpo' in .*; did you mean shop"),
        ("no.such.module", "nothing called 'no.such.module'"),
        ("shop/nothing.py", "nothing called"),
        ("shop:", "names nothing after the colon"),
        ("shop:Pay", "shop is a folder, not a module; name the file that holds Pay"),
        ("shop.pay:Pya", r"shop/pay.py defines no 'Pya'; did you mean Pay\?|pay.py defines no 'Pya'"),
        ("notes.txt", "notes.txt is no Python file"),
        ("shop.pay:make", r"make is a plain function, and an ASGI app is wanted; .*`app = make\(\)`"),
    ],
)
def test_a_target_that_is_not_there_is_refused_with_what_comes_near(write: Write, target: str, message: str) -> None:
    folder = write({"shop/pay.py": source("Pay") + "def make(): ...\n", "notes.txt": ""})
    with pytest.raises(UsageError, match=message):
        scan(target, folder)


def test_an_artefact_is_no_target_but_a_program(write: Write) -> None:
    folder = write({"dist/shop": "#!/bin/sh\n"})
    (folder / "dist" / "shop").chmod(0o755)
    with pytest.raises(UsageError, match=r"an artefact is a program itself: `.*/dist/shop run`"):
        scan("dist/shop", folder)


def test_a_class_that_is_named_but_not_marked_is_an_error(scan_app: Scan) -> None:
    plan = scan_app({"pay.py": "class Pay:\n    async def go(self): ..."}, target="pay:Pay")
    (found,) = plan.findings
    assert (found.code, found.message, found.hint) == ("HP108", "class Pay is no service", "mark it with @service")


# -- apps --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "from fastapi import FastAPI\napp = FastAPI()",
        "async def app(scope, receive, send): ...",
        "from inner import app",
        "from inner import *",
        "app: object = make()",
        "if True:\n    app = make()",
    ],
)
def test_a_name_that_is_no_class_is_an_asgi_app(scan_app: Scan, text: str) -> None:
    plan = scan_app({"orders.py": text, "inner.py": "app = 1"}, target="orders:app")
    (service,) = plan.services
    assert (service.name, service.kind, service.location.module, service.location.qualname) == (
        "orders",
        "asgi",
        "orders",
        "app",
    )


@pytest.mark.parametrize(
    ("module", "attribute", "folder", "expected"),
    [
        ("orders", "app", "x", "orders"),
        ("shop.orders", "application", "x", "orders"),
        ("orders.main", "app", "x", "orders"),
        ("mysite.asgi", "application", "x", "mysite"),
        ("main", "app", "orders", "orders"),
        ("main", "app", "my-orders", "my_orders"),
        ("main", "app", "2024", "main"),
        ("Orders", "app", "x", "orders"),
    ],
)
def test_an_app_is_called_after_its_module(module: str, attribute: str, folder: str, expected: str) -> None:
    assert app_name(module, attribute, folder) == expected


# -- files for --reload ------------------------------------------------------------------------------------------------


def test_a_service_lists_every_file_of_the_application_that_its_import_reaches(scan_app: Scan) -> None:
    plan = scan_app(
        {
            "shop/__init__.py": "",
            "shop/pay.py": """
                import json
                from typing import TYPE_CHECKING
                from homeport import service
                from . import money
                from .deep.cards import luhn
                if TYPE_CHECKING:
                    from shop.ship import Ship

                @service
                class Pay:
                    async def go(self):
                        import lazily
            """,
            "shop/money.py": "import shop.rates",
            "shop/rates.py": "from shop import pay",
            "shop/ship.py": source("Ship"),
            "shop/unrelated.py": "",
            "shop/deep/__init__.py": "",
            "shop/deep/cards.py": "",
            "lazily.py": "",
        }
    )
    pay = plan.service("pay")
    assert pay is not None
    assert pay.files == (
        "lazily.py",
        "shop/__init__.py",
        "shop/deep/__init__.py",
        "shop/deep/cards.py",
        "shop/money.py",
        "shop/pay.py",
        "shop/rates.py",
        "shop/ship.py",
    )


def test_the_example_the_project_was_made_from_is_found_as_it_is_written() -> None:
    plan = scan("examples/seed", Path(__file__).parents[2])
    payment = plan.service("payment")
    assert [service.name for service in plan.services] == ["payment", "payments"]
    assert [found.code for found in plan.findings] == ["HP301"]  # told only when selected
    assert payment is not None
    assert [dependency.service for dependency in payment.dependencies] == ["payments"]


def test_a_service_lists_the_files_of_the_classes_that_its_handles_stand_for(scan_app: Scan) -> None:
    caller = source("Pay").replace("...", "await self.ship.go()")
    plan = scan_app({"pay.py": caller, "ship.py": f"import parcels\n{source('Ship')}", "parcels.py": ""})
    assert [service.files for service in plan.services] == [
        ("parcels.py", "pay.py", "ship.py"),
        ("parcels.py", "ship.py"),
    ]
