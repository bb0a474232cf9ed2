"""State that instances share, circles of services, services that nobody calls, and names of none."""

from __future__ import annotations

import pytest
from check_samples import HEADER, plan_of

from homeport.build.diagnostics.finding import Finding


def found_in(source: str, *codes: str) -> list[Finding]:
    return [found for found in plan_of({"m.py": f"{HEADER}{source}"}).findings if found.code in codes]


def shared(body: str, mark: str = "@service") -> list[str]:
    source = (
        f"import collections\nfrom typing import ClassVar\n{mark}\nclass Cart:\n{body}\n    async def go(self): ..."
    )
    return [found.code for found in found_in(source, "HP503")]


ADDING = "    async def add(self, item): self.items"


@pytest.mark.parametrize(
    "body",
    [
        f"    items: list = []\n{ADDING}.append(item)",
        f"    items = []\n{ADDING}.append(item)",
        f"    items = {{}}\n{ADDING}[item] = 1",
        "    items = {}\n    async def add(self, item): del self.items[item]",
        f"    items = set()\n{ADDING}.add(item)",
        f"    items = collections.defaultdict(list)\n{ADDING}.pop(item)",
        "    items = {}\n    async def add(self, item):\n        items = self.items\n        items.update(item)",
    ],
)
def test_a_container_of_the_class_that_a_method_changes_is_a_warning(body: str) -> None:
    assert shared(body) == ["HP503"]


@pytest.mark.parametrize(
    "body",
    [
        f"    items: ClassVar[list] = []\n{ADDING}.append(item)",
        f"    items: list = []\n    def __init__(self): self.items = []\n{ADDING}.append(item)",
        f"    items: list = []\n    async def startup(self): self.items = []\n{ADDING}.append(item)",
        "    names = ['a', 'b']\n    async def add(self, item): return item in self.names",
        "    names = {'a': 1}\n    async def add(self, item): return self.names.get(item), self.names[item]",
        f"    items = ()\n{ADDING}.append(item)",
        f"    items: list\n{ADDING}.append(item)",
        "    items = []\n    def m(self):\n        own = self.items\n        own = [*own]\n        own.append(1)",
    ],
)
def test_a_container_that_is_the_instances_own_or_never_changed_is_none(body: str) -> None:
    assert shared(body) == []


def test_a_singleton_shares_with_nobody() -> None:
    assert shared(f"    items: list = []\n{ADDING}.append(item)", "@service(singleton=True)") == []


def service(name: str, calls: str = "", mark: str = "@service") -> str:
    return f"{mark}\nclass {name}:\n    async def go(self):\n        {calls or '...'}\n"


def test_a_circle_is_a_note_that_shows_the_way_round() -> None:
    source = service("A", "await self.b.go()") + service("B", "await self.c.go()") + service("C", "await self.a.go()")
    (found,) = found_in(source, "HP302")
    assert (found.severity, found.message) == ("note", "services depend on each other in a circle: a → b → c → a")
    assert (found.line, found.column, found.end_column) == (9, 15, 24)
    assert found_in(source.replace("self.a.go", "self.elsewhere.go"), "HP302") == []


def test_a_service_that_nobody_calls_is_a_note_unless_it_is_an_entry() -> None:
    called = service("A", "await self.b.go()", "@service(public=True)") + service("B")
    assert found_in(called, "HP301") == []
    (found,) = found_in(called + service("Left"), "HP301")
    assert (found.severity, found.message) == ("note", "no service of this application calls 'left'")
    assert found_in(called + service("Http", "", "@service") + "    asgi = object()\n", "HP301") == []
    assert found_in(service("Alone"), "HP301") == []


@pytest.mark.parametrize(
    ("name", "code", "hint"),
    [
        ("paymen", "HP203", "write the exact name, or declare it: `paymen = dependency('payment')`"),
        ("ledgr", "HP201", "did you mean 'ledger'? It may also be registered from outside"),
        ("weather", "HP201", "it may also be registered from outside"),
    ],
)
def test_a_name_of_no_service_is_a_warning_that_guesses_only_where_one_is_near(name: str, code: str, hint: str) -> None:
    source = "".join(map(service, ("Payment", "Payments", "Ledger"))) + service("Shop", f"await self.{name}.go()")
    (found,) = found_in(source, "HP201", "HP203")
    assert (found.code, found.severity, found.hint) == (code, "warning", hint)
