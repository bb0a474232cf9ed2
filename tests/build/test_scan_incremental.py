"""After a change only what it may touch is analysed anew, and the plan is that of a full analysis."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import time_ns

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.build.analyzer.collecting import Collector, Taken
from homeport.build.application import scan
from homeport.build.plan import Plan
from homeport.build.scanner import sources
from homeport.build.scanner.facts import ModuleFacts
from homeport.build.scanner.store import Trust
from tests.build.made_applications import applications

SHOP: Mapping[str, str] = {
    "shop/__init__.py": "",
    "shop/types.py": "Amount = int\n",
    "shop/base.py": "class Base:\n    async def based(self): return await self.audit.note('x')\n",
    "shop/cart.py": """\
        from homeport import service
        from shop.pay import Payments
        from shop.base import Base
        @service
        class Cart(Base):
            pay: Payments
            async def add(self): return await self.pay.charge(1)
    """,
    "shop/pay.py": """\
        from homeport import service
        from shop import types
        @service
        class Payments:
            async def charge(self, amount: types.Amount) -> int: return await self.bank.book(amount)
    """,
    "shop/bank.py": "from homeport import service\n@service\nclass Bank:\n    async def book(self, amount: int): ...\n",
    "shop/audit.py": "from homeport import service\n@service\nclass Audit:\n    async def note(self, text: str): ...\n",
    "shop/alone.py": "LIMIT = 3\n",
}


class Shop:
    """An application that is scanned with a cache, its files settled; tells which modules were analysed."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root.resolve()
        self.analysed: list[str] = []
        patch.setattr(sources, "time_ns", lambda: time_ns() + 3_600_000_000_000)
        real = Collector.take_module

        def take(collector: Collector, module: ModuleFacts) -> Taken:
            self.analysed.append(module.path)
            return real(collector, module)

        patch.setattr(Collector, "take_module", take)

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def scan(self) -> Plan:
        """The plan; ``analysed`` names the modules that it took."""
        fresh = scan(".", self.root)
        self.analysed.clear()
        cached = scan(".", self.root, cache=self.root / ".homeport" / "cache")
        assert cached == fresh
        return cached


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop(tmp_path, monkeypatch)
    made.write({name: text.replace("\n        ", "\n").removeprefix("        ") for name, text in SHOP.items()})
    made.scan()
    return made


def changed(shop: Shop, name: str, old: str, new: str) -> list[str]:
    """The modules analysed after an edit, by their last names."""
    path = shop.root / "shop" / f"{name}.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    shop.scan()
    return sorted({Path(taken).stem for taken in shop.analysed})


def test_a_file_on_which_nothing_hangs_touches_nothing(shop: Shop) -> None:
    assert changed(shop, "alone", "3", "4") == []


def test_a_changed_service_is_analysed_with_its_callers_and_what_these_call(shop: Shop) -> None:
    # The cart inherits the call; it also calls pay, whose methods are needed to check that.
    assert changed(shop, "audit", "text: str", "text: str, level: int") == ["audit", "cart", "pay"]
    assert [found.code for found in scan(".", shop.root).findings] == ["HP402", "HP301"]


def test_a_changed_type_touches_the_services_that_import_it(shop: Shop) -> None:
    assert changed(shop, "types", "int", "str") == ["audit", "bank", "cart", "pay"]


def test_a_changed_base_touches_the_services_that_derive_from_it(shop: Shop) -> None:
    assert changed(shop, "base", "self.audit", "self.bank") == ["bank", "cart", "pay"]


def test_a_service_that_is_gone_is_missed_by_its_callers(shop: Shop) -> None:
    assert "pay" in changed(shop, "bank", "@service", "")
    assert "'bank'" in next(found.message for found in scan(".", shop.root).findings if found.code == "HP201")


def test_a_module_found_only_as_an_attribute_of_its_package_is_watched(shop: Shop) -> None:
    shop.write(
        {
            "shop/late.py": "import shop\nfrom homeport import service\n@service\nclass Late:\n"
            "    pay: shop.extra.Pay\n    async def go(self): return await self.pay.charge(2)\n",
            "shop/extra.py": "from shop.pay import Payments as Pay\n",
        }
    )
    shop.scan()
    assert "late" in changed(shop, "extra", "shop.pay import Payments", "shop.bank import Bank")


@pytest.mark.parametrize("trust", ["times", "content"])
def test_another_target_in_between_changes_nothing(shop: Shop, trust: Trust) -> None:
    cache = shop.root / ".homeport" / "cache"
    path = shop.root / "shop" / "bank.py"
    path.write_text(path.read_text().replace("amount", "sum"))
    scan("shop/bank.py", shop.root, cache=cache)  # takes in the new content, for a plan of its own
    assert scan(".", shop.root, cache=cache, trust=trust) == scan(".", shop.root)


def test_two_services_of_one_name_come_and_go(shop: Shop) -> None:
    changed(shop, "bank", "@service", "@service(name='audit')")
    assert any(found.code == "HP107" for found in scan(".", shop.root).findings)
    changed(shop, "alone", "3", "4")
    changed(shop, "bank", "@service(name='audit')", "@service")
    assert not any(found.code == "HP107" for found in scan(".", shop.root).findings)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(applications(), min_size=2, max_size=3), st.data())
def test_whatever_is_edited_the_plan_is_that_of_a_full_analysis(
    rounds: list[dict[str, str]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        shop = Shop(Path(folder), patch)
        shop.write({name: text for files in rounds for name, text in files.items()})
        shop.scan()
        for files in rounds:
            names = data.draw(st.lists(st.sampled_from(sorted(files)), min_size=1, unique=True))
            shop.write({name: files[name] for name in names})
            shop.scan()
