"""What importing tells, and that nothing a module does when imported breaks the one who asks."""

from __future__ import annotations

from pathlib import Path

from homeport.build.application import scan
from homeport.build.reflection import Reflection, reflect
from homeport.contracts.signature import signature_of

GOOD = """
from homeport import service

@service
class Stock:
    async def count(self, item: str) -> int:
        return 1
"""


def reflected(root: Path, *, patience: float = 60.0, **modules: str) -> Reflection:
    for name, text in modules.items():
        (root / f"{name}.py").write_text(text)
    return reflect(scan(".", root), patience=patience)


def test_contracts_are_those_that_a_worker_would_make(tmp_path: Path) -> None:
    seen = reflected(tmp_path, stock=GOOD)
    names: dict[str, object] = {"__name__": "stock"}
    exec(GOOD, names)
    made = names["Stock"]
    assert isinstance(made, type)
    assert seen.contracts == {"stock": signature_of(made, "stock").contract}
    assert seen.findings == ()
    assert [one.service for one in seen.marked] == ["stock"]


def test_printing_and_leaving_threads_behind_is_nobodys_business(tmp_path: Path) -> None:
    noise = 'import sys, threading, time\nprint("x" * 100_000)\nsys.stderr.write("y")\n'
    noise += "threading.Thread(target=time.sleep, args=(600,)).start()\n"
    assert reflected(tmp_path, stock=noise + GOOD).contracts.keys() == {"stock"}


def test_exits_errors_and_crashes_are_findings_and_harm_no_other_service(tmp_path: Path) -> None:
    seen = reflected(
        tmp_path,
        stock=GOOD,
        leaves=GOOD.replace("Stock", "Leaves") + "import sys; sys.exit('no')",
        dies=GOOD.replace("Stock", "Dies") + "import os; os._exit(3)",
        lacks="import nowhere_to_be_found\n" + GOOD.replace("Stock", "Lacks"),
    )
    assert seen.contracts.keys() == {"stock"}
    found = {finding.path: finding for finding in seen.findings}
    assert {finding.code for finding in seen.findings} == {"HP703"}
    assert "sys.exit('no')" in found["leaves.py"].message
    assert "it ended the process with exit status 3" in found["dies.py"].message
    assert "No module named 'nowhere_to_be_found'" in found["lacks.py"].message
    assert found["lacks.py"].line == 1


def test_a_module_that_hangs_is_given_up(tmp_path: Path) -> None:
    hanging = GOOD.replace("Stock", "Asleep") + "import time; time.sleep(600)"
    seen = reflected(tmp_path, patience=2.0, asleep=hanging, stock=GOOD)
    assert seen.contracts.keys() == {"stock"}
    assert "did not come to an end within 2 s" in seen.findings[0].message


def test_what_cannot_travel_is_said_at_the_service(tmp_path: Path) -> None:
    seen = reflected(tmp_path, stock=GOOD.replace("-> int", "-> complex"))
    assert [finding.code for finding in seen.findings] == ["HP704"]
    assert "Stock.count (stock.py:6): result: complex cannot travel" in seen.findings[0].message


def test_costs_count_shared_modules_for_each_that_needs_them(tmp_path: Path) -> None:
    slow = "import time\nstarted = time.perf_counter()\nwhile time.perf_counter() < started + 0.05: pass\n"
    seen = reflected(
        tmp_path, shared=slow, one="import shared\n" + GOOD.replace("Stock", "One"), two="import shared\n" + GOOD
    )
    for service, module in (("one", "one"), ("stock", "two")):
        assert seen.services[service].modules == tuple(sorted((module, "shared")))
        assert seen.services[service].slowest[0][0] == "shared"
        assert seen.services[service].import_seconds >= 0.05


def test_modules_named_as_pythons_own_stand_in_for_nothing_that_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "types.py").write_text("Item = int\n")
    (tmp_path / "inspect.py").write_text("raise RuntimeError('not the real one')\n")
    (tmp_path / "stock.py").write_text(GOOD)
    seen = reflect(scan(".", tmp_path), compare=True)
    assert seen.findings == ()
    assert seen.services["stock"].dependencies == ()
