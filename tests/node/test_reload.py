"""A change of the source replaces what imports it; on an error the old code keeps running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from homeport.build.plan import Location, Plan, PlannedService
from homeport.errors import UsageError
from homeport.model import Cause
from homeport.node.application import Edition
from homeport.node.desired import Phase
from homeport.node.reload import Reloader, changes, decide
from homeport.testing.clock import FakeClock
from tests.node.fake_host import FakeHost, edition


def service(name: str, *files: str, **more: object) -> PlannedService:
    path = f"shop/{name}.py"
    location = Location(module=f"shop.{name}", qualname=name.title(), path=path, line=1)
    return msgspec.structs.replace(PlannedService(name=name, location=location, files=(path, *files)), **more)


def plan(*services: PlannedService) -> Plan:
    return Plan(root="/app", services=services)


CART, PAYMENTS = service("cart", "shop/money.py"), service("payments", "shop/money.py", "lib/bank.py")
SHOP = plan(CART, PAYMENTS)


async def test_settings_are_no_change_of_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(*_: object, watch_filter: Callable[[object, str], bool], **__: object) -> AsyncIterator[object]:
        seen = [str(tmp_path / name) for name in ("homeport.toml", "shop/pyproject.toml", "cart.py")]
        yield {(None, path) for path in seen if watch_filter(None, path)}

    monkeypatch.setattr("watchfiles.awatch", found)
    assert [batch async for batch in changes(tmp_path, ())] == [{"cart.py"}]


# -- deciding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "touched"),
    [
        ("shop/cart.py", {"cart"}),
        ("shop/money.py", {"cart", "payments"}),
        ("lib/bank.py", {"payments"}),
        ("shop/unused.py", set()),
        ("shop/data/products.json", {"cart", "payments"}),
        ("lib/rates.csv", {"payments"}),
        ("README.md", set()),
    ],
)
def test_a_change_touches_what_imports_it(path: str, touched: set[str]) -> None:
    assert decide(SHOP, SHOP, {path}, "spread").changed == touched


def test_a_file_that_was_imported_until_now_counts_too() -> None:
    after = plan(msgspec.structs.replace(CART, files=("shop/cart.py",)), PAYMENTS)
    assert decide(SHOP, after, {"shop/money.py"}, "spread").changed == {"cart", "payments"}


def test_what_the_scan_says_otherwise_is_changed_though_its_files_are_not() -> None:
    after = plan(msgspec.structs.replace(CART, singleton=True), PAYMENTS)
    assert decide(SHOP, after, set(), "spread").changed == {"cart"}


def test_a_line_that_moved_is_no_change() -> None:
    moved = msgspec.structs.replace(CART.location, line=9)
    after = plan(msgspec.structs.replace(CART, location=moved), PAYMENTS)
    assert decide(SHOP, after, set(), "spread").empty


def test_services_come_and_go() -> None:
    found = decide(SHOP, plan(CART, service("stock")), {"shop/stock.py"}, "spread")
    assert (found.changed, found.added, found.removed) == (set(), {"stock"}, {"payments"})


def test_in_one_worker_a_change_of_one_is_a_change_of_all() -> None:
    lone = service("lone", isolated=True)
    shop = plan(CART, PAYMENTS, lone)
    assert decide(shop, shop, {"shop/cart.py"}, "single").changed == {"cart", "payments"}
    assert decide(shop, shop, {"shop/lone.py"}, "single").changed == {"lone"}


# -- doing -------------------------------------------------------------------------------------------------------------


class Changes:
    """Changes as the test makes them."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[set[str]] = asyncio.Queue()

    def change(self, *paths: str) -> None:
        self._queue.put_nowait(set(paths))

    async def __aiter__(self) -> AsyncIterator[set[str]]:
        while True:
            yield await self._queue.get()


class Bench:
    """A reloader at work, and its surroundings."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.host, self.source = FakeHost(edition("r1", SHOP), folder, self.clock), Changes()
        self.reloader = Reloader(self.host, edition("r1", SHOP), "spread")

    async def change(self, source: Edition | Exception, *paths: str) -> None:
        self.host.source = source
        self.source.change(*paths)
        await self.clock.advance(0)

    async def ready(self, service: str, release: str) -> None:
        self.host.ready(self.host.worker(service, release))
        await self.clock.advance(0)

    async def fails(self, service: str, release: str) -> None:
        cause = Cause(what="process exited", actor="test", evidence="exit status 1\nImportError: no bank")
        self.host.fail(self.host.worker(service, release), cause)
        await self.clock.advance(0)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    running = [
        asyncio.ensure_future(made.host.rolling.run()),
        asyncio.ensure_future(made.reloader.run(aiter(made.source))),
    ]
    yield made
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_what_changed_is_replaced_and_the_rest_left_alone(bench: Bench) -> None:
    await bench.change(edition("r2", SHOP), "shop/cart.py")
    assert bench.host.running() == {"cart": "r1", "payments": "r1"}, "the old serves until the new is ready"
    await bench.ready("cart", "r2")
    assert bench.host.running() == {"cart": "r2", "payments": "r1"}
    assert bench.reloader.error == ""


async def test_an_error_in_the_source_changes_nothing_and_is_told(bench: Bench) -> None:
    await bench.change(UsageError("shop/cart.py:3:1: error: invalid syntax"), "shop/cart.py")
    assert bench.host.running() == {"cart": "r1", "payments": "r1"}
    assert "invalid syntax" in bench.reloader.error


async def test_an_error_taken_back_is_told_no_more(bench: Bench) -> None:
    await bench.change(UsageError("invalid syntax"), "shop/cart.py")
    await bench.change(edition("r1", SHOP), "shop/cart.py")
    assert bench.reloader.error == ""


async def test_new_code_that_fails_leaves_the_old_running_and_says_why(bench: Bench) -> None:
    await bench.change(edition("r2", SHOP), "shop/cart.py")
    await bench.fails("cart", "r2")
    assert bench.host.running() == {"cart": "r1", "payments": "r1"}
    assert "ImportError: no bank" in bench.reloader.error
    assert {worker.release for worker in bench.host.workers.values()} == {"r1"}


async def test_new_code_that_never_becomes_ready_is_given_up(bench: Bench) -> None:
    await bench.change(edition("r2", SHOP), "shop/cart.py")
    await bench.clock.advance(31)
    assert bench.host.running() == {"cart": "r1", "payments": "r1"}
    assert "not ready within 30 s" in bench.reloader.error


async def test_a_mended_failure_takes_in_all_changes_since(bench: Bench) -> None:
    await bench.change(edition("r2", SHOP), "shop/cart.py")
    await bench.fails("cart", "r2")
    await bench.change(edition("r3", SHOP), "lib/bank.py")
    await bench.ready("cart", "r3")
    await bench.ready("payments", "r3")
    assert bench.host.running() == {"cart": "r3", "payments": "r3"}
    assert bench.reloader.error == ""


async def test_a_change_during_a_replacement_supersedes_it(bench: Bench) -> None:
    await bench.change(edition("r2", SHOP), "shop/cart.py")
    await bench.change(edition("r3", SHOP), "shop/cart.py")
    await bench.ready("cart", "r3")
    assert bench.host.running() == {"cart": "r3", "payments": "r1"}
    await bench.clock.advance(31)
    assert bench.reloader.error == "", "nobody waits for the superseded one any more"


async def test_a_superseded_replacement_is_nothing_to_go_back_to(bench: Bench) -> None:
    await bench.change(edition("r2", SHOP), "shop/cart.py")
    await bench.change(edition("r3", SHOP), "shop/cart.py")
    await bench.fails("cart", "r3")
    assert bench.host.running() == {"cart": "r1", "payments": "r1"}
    assert {w.release for w in bench.host.workers.values() if w.phase is not Phase.DRAINING} == {"r1"}


async def test_what_was_taken_in_is_not_replaced_again(bench: Bench) -> None:
    await bench.change(edition("r2", SHOP), "shop/cart.py")
    await bench.ready("cart", "r2")
    await bench.change(edition("r3", SHOP), "lib/bank.py")
    assert [w.release for w in bench.host.workers.values() if "cart" in w.services] == ["r2"], "not r3"
    await bench.ready("payments", "r3")
    assert bench.host.running() == {"cart": "r2", "payments": "r3"}


async def test_saving_failed_code_again_tries_it_again(bench: Bench) -> None:
    await bench.change(edition("r2", SHOP), "shop/cart.py")
    await bench.fails("cart", "r2")
    await bench.change(edition("r2", SHOP), "shop/cart.py")
    await bench.ready("cart", "r2")
    assert bench.host.running() == {"cart": "r2", "payments": "r1"}
    assert bench.reloader.error == ""


async def test_going_back_to_what_runs_drops_what_was_tried(bench: Bench) -> None:
    await bench.change(edition("r2", SHOP), "shop/cart.py")
    await bench.change(edition("r1", SHOP), "shop/cart.py")
    assert bench.host.running() == {"cart": "r1", "payments": "r1"}
    assert "r2" not in {w.release for w in bench.host.workers.values() if w.phase is not Phase.DRAINING}


async def test_a_change_that_nothing_imports_replaces_nothing(bench: Bench) -> None:
    before = set(bench.host.workers)
    await bench.change(edition("r2", SHOP), "shop/unused.py")
    assert set(bench.host.workers) == before


async def test_a_service_that_was_added_is_started(bench: Bench) -> None:
    await bench.change(edition("r2", plan(CART, PAYMENTS, service("stock"))), "shop/stock.py")
    await bench.ready("stock", "r2")
    assert bench.host.running() == {"cart": "r1", "payments": "r1", "stock": "r2"}


async def test_once_stopped_nothing_is_replaced(bench: Bench) -> None:
    bench.reloader.stop()
    await bench.change(edition("r2", SHOP), "shop/cart.py")
    assert {worker.release for worker in bench.host.workers.values()} == {"r1"}
