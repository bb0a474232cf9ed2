"""After any edits, a scan that remembers says the same as one that reads everything anew."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.build import application
from homeport.build.analyzer.collecting import Collector, Taken
from homeport.build.application import scan
from homeport.build.scanner.facts import ModuleFacts
from tests.build.made_applications import applications
from tests.build.test_scan_fuzz import damage

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def edit(app: Path, other: dict[str, str], rng: random.Random) -> None:
    """One file is taken over from another application, lost, damaged, or given a line that says nothing."""
    here = sorted(path for path in app.rglob("*.py"))
    match rng.randrange(5):
        case 0 if len(here) > 1:
            rng.choice(here).unlink()
        case 1:
            path = rng.choice(here)
            path.write_text(damage(path.read_text(), rng))
        case 2:
            path = rng.choice(here)
            path.write_text(f"# a comment\n{path.read_text()}")
        case _:
            name = rng.choice(sorted(other))
            write(app, {name: other[name]})


def write(app: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = app / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def check(first: dict[str, str], other: dict[str, str], seed: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        app, cache = Path(folder) / "app", Path(folder) / "cache"
        write(app, first)
        for _ in range(rng.randint(2, 6)):
            remembered, fresh = scan(".", app, cache=cache), scan(".", app)
            assert remembered.services == fresh.services
            assert remembered.findings == fresh.findings
            assert remembered == fresh
            edit(app, other, rng)


@settings(UNHURRIED, max_examples=30)
@given(applications(), applications(), st.integers(0, 2**32))
def test_a_remembered_plan_is_the_plan(first: dict[str, str], other: dict[str, str], seed: int) -> None:
    check(first, other, seed)


@pytest.mark.long
@pytest.mark.timeout(1200)
@settings(UNHURRIED, max_examples=1500)
@given(applications(), applications(), st.integers(0, 2**32))
def test_a_remembered_plan_is_the_plan_over_many_edits(first: dict[str, str], other: dict[str, str], seed: int) -> None:
    check(first, other, seed)


def test_an_application_that_stands_unchanged_is_not_analysed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, cache = tmp_path / "app", tmp_path / "cache"
    write(app, {"shop.py": "from homeport import service\n@service\nclass Shop:\n    async def sell(self): ...\n"})
    plan = scan(".", app, cache=cache)
    monkeypatch.setattr(application, "_scan", None)
    assert scan(".", app, cache=cache) == plan
    assert scan(".", app, cache=cache, trust="content") == plan


def test_only_what_an_edit_can_touch_is_analysed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, cache = tmp_path / "app", tmp_path / "cache"
    service = (
        "from homeport import service\n@service\nclass {0}:\n    async def ask(self): return await self.{1}.ask()\n"
    )
    calls = {"cart": "stock", "stock": "mail", "mail": "depot", "depot": "ad", "ad": "nobody", "lonely": "ad"}
    write(app, {f"{name}.py": service.format(name.title(), callee) for name, callee in calls.items()})
    scan(".", app, cache=cache)
    taken: list[str] = []
    take = Collector.take_module

    def noting(self: Collector, module: ModuleFacts) -> Taken:
        taken.append(module.path)
        return take(self, module)

    monkeypatch.setattr(Collector, "take_module", noting)
    write(app, {"mail.py": service.format("Mail", "depot") + "    async def more(self): ...\n"})
    assert scan(".", app, cache=cache).services == scan(".", app).services
    anew = taken[: -len(calls)]  # the fresh scan takes all
    assert "mail.py" in anew  # itself
    assert "stock.py" in anew  # whose calls may be wrong now
    assert "lonely.py" not in anew
