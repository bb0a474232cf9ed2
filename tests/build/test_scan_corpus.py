"""The scan of code that people really write: nothing false is found, and nothing is missed."""

from __future__ import annotations

import sysconfig
import warnings
from pathlib import Path

import pytest

from homeport.build.application import scan
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import Plan

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = {
    "boutique": 11,
    "django/website.py:application": 1,
    "django/greetings.py": 1,
    "fastapi": 2,
    "fastapi/orders.py:app": 1,
    "seed": 2,
}
PLANTED = """

import homeport as _homeport

@_homeport.service(name="planted_{number}")
class Planted{number}:
    async def grow(self, by: int) -> int:
        return await self.planted_{other}.grow(by)
"""


def told(plan: Plan) -> list[Finding]:
    return [finding for finding in plan.findings if finding.severity != "note"]


def compiles(path: Path) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(path.read_bytes(), path.name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
    return True


@pytest.mark.parametrize("target", EXAMPLES)
def test_the_examples_give_no_reason_to_complain(target: str) -> None:
    plan = scan(target, ROOT / "examples")
    assert told(plan) == []
    assert len(plan.services) == EXAMPLES[target]


def test_homeport_itself_gives_no_reason_to_complain_but_that_it_has_no_service() -> None:
    plan = scan("homeport", ROOT / "src")
    assert plan.services == ()
    assert [finding.path for finding in told(plan)] == ["homeport"]


def test_services_planted_in_modules_of_the_standard_library_are_found(tmp_path: Path) -> None:
    paths = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[::4]
    for number, path in enumerate(paths):
        planted = PLANTED.format(number=number, other=(number + 1) % len(paths))
        (tmp_path / f"module_{number}.py").write_text(path.read_text() + planted)
    plan = scan(".", tmp_path)
    assert {service.name: [one.service for one in service.dependencies] for service in plan.services} == {
        f"planted_{number}": [f"planted_{(number + 1) % len(paths)}"] for number in range(len(paths))
    }
    assert told(plan) == []


@pytest.mark.long
@pytest.mark.timeout(900)
def test_what_is_installed_holds_no_service_and_no_error_that_python_itself_does_not_see() -> None:
    folder = Path(sysconfig.get_paths()["purelib"])
    plan = scan(".", folder)
    assert plan.services == ()
    files = [finding for finding in told(plan) if finding.path != "."]
    assert [finding for finding in files if compiles(folder / finding.path)] == []
