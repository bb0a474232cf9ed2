"""Homeport's promises, held by the real code on clusters that much goes wrong in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from homeport.testing.simulate import simulate
from tests.simulation.mutate import LINES, Line, misses
from tests.simulation.scenarios import SCENARIOS

LEDGER = Path(__file__).with_name("ledger.md")
QUICK = {"weather": 3}  # seeds in `make test`; of all others one


def found_before() -> list[tuple[str, int]]:
    """The scenarios and seeds of the ledger's bugs."""
    return [(name, int(seed)) for name, seed in re.findall(r"^\| `(\w+) (\d+)` \|", LEDGER.read_text(), re.MULTILINE)]


@pytest.mark.parametrize(
    ("name", "seed"), [(name, seed) for name in SCENARIOS for seed in range(QUICK.get(name, 1))], ids=str
)
def test_promises_hold(name: str, seed: int) -> None:
    simulate(SCENARIOS[name], seed)


@pytest.mark.parametrize(("name", "seed"), found_before(), ids=str)
def test_bugs_of_the_ledger_stay_away(name: str, seed: int) -> None:
    simulate(SCENARIOS[name], seed)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", SCENARIOS)
def test_promises_hold_for_many_seeds(name: str) -> None:
    for seed in range(100, 300 if name == "weather" else 140):
        simulate(SCENARIOS[name], seed)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_the_lines_that_keep_promises_are_where_they_were(line: Line) -> None:
    source = (Path(__file__).parents[2] / "src/homeport" / line.file).read_text()
    assert line.text in source, f"{line.file} has no {line.text!r} any more: find what keeps the promise now"


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_no_safety_line_can_be_deleted(line: Line) -> None:
    assert misses(line), f"without {line.text!r} no seed fails"
