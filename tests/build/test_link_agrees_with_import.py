"""What the scan says of an application is what importing it shows."""

from __future__ import annotations

from textwrap import dedent

from differential import disagreements
from hypothesis import given, settings
from hypothesis import strategies as st

BODY = "    async def go(self): ...\n"


def test_an_application_that_both_read_alike_shows_no_disagreement() -> None:
    files = {
        "shop/__init__.py": "",
        "shop/payments.py": f"from homeport import service\n@service(replicas=2)\nclass Payments:\n{BODY}",
        "shop/cart.py": dedent("""
            from homeport import service
            from shop.payments import Payments

            @service
            class Cart:
                pay: Payments
                async def buy(self):
                    await self.stock.take()
        """),
    }
    assert disagreements(files) == []


def test_a_service_that_nobody_mentions_is_a_disagreement() -> None:
    source = f"import homeport\nmark = vars(homeport.authoring.service)\n@mark['service']\nclass A:\n{BODY}"
    found = disagreements({"a.py": source, "b.py": f"from homeport import service\n@service\nclass B:\n{BODY}"})
    assert len(found) == 1
    assert found[0].startswith("a:A: importing shows this service")


def test_a_class_that_import_refuses_and_the_scan_does_not_is_a_disagreement() -> None:
    source = f"from homeport import service\nm = __import__('homeport').service\n@m(replicas=-1)\nclass A:\n{BODY}"
    found = disagreements({"a.py": source, "b.py": f"from homeport import service\n@service\nclass B:\n{BODY}"})
    assert len(found) == 1
    assert "but the scan finds no error" in found[0]


# -- made-up chains of modules through which a decorator goes before it marks ------------------------------------------

SOURCES = [
    ("from homeport import service", "service"),
    ("from homeport import *", "service"),
    ("import homeport as hp", "hp.service"),
    ("from homeport.authoring.service import service as s", "s"),
    ("from homeport import service\nmark = service", "mark"),
    ("from homeport import service\nmark, other = service, 3", "mark"),
    ("from homeport import service\nmark = service(replicas=2)", "mark"),
    ("from functools import partial\nfrom homeport import service\nmark = partial(service, isolated=True)", "mark"),
    (
        "from homeport import service\ndef mark(cls=None, **o): return service(**o)(cls) if cls else service(**o)",
        "mark",
    ),
    ("from homeport import service\ndef mark(cls): return service(version='2')(cls)", "mark"),
    ("from homeport import service\ndef mark(cls): return cls", "mark"),
    ("try:\n    from homeport import service\nexcept ImportError:\n    service = None", "service"),
    ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from homeport import service as m", "m"),
    ("def service(cls): return cls\nfrom homeport import service", "service"),
    ("from homeport import service\ndef service(cls): return cls", "service"),
]
EXPORTS = ["", "__all__ = ['{}']", "__all__ = []", "__all__ = ['x']\n__all__ += ['{}']", "__all__ = [*()]"]
MARKS = ["@{}", "@{}()", "@{}(replicas=3)", "@{}(name=NAME)", "@{}(**OPTIONS)"]


@st.composite
def chains(draw: st.DrawFn) -> dict[str, str]:
    """A decorator, taken on by some modules in turn, and a module that marks with it."""
    source, name = draw(st.sampled_from(SOURCES))
    files = {"m0.py": f"{source}\n{draw(st.sampled_from(EXPORTS)).format(name)}"}
    count = draw(st.integers(1, 3))
    for number in range(1, count + 1):
        before = f"m{number - 1}"
        style = draw(st.integers(0, 4)) if "." not in name else draw(st.sampled_from([0, 3]))
        first = name.partition(".")[0]
        taking = [
            f"from {before} import {first}",
            f"from {before} import *",
            f"from {before} import {name} as taken",
            f"import {before} as before",
            f"import {before}\ntaken = {before}.{name}",
        ][style]
        name = [name, name, "taken", f"before.{name}", "taken"][style]
        hiding = draw(st.sampled_from(["", "", f"from m{count} import *", "from os.path import *"]))
        files[f"m{number}.py"] = f"{hiding}\n{taking}\n{draw(st.sampled_from(EXPORTS)).format(name)}\n"
    mark = draw(st.sampled_from(MARKS)).format(name)
    constants = "NAME = 'till'\nOPTIONS = {'public': True}\n"
    files[f"m{count}.py"] += f"{constants}{mark}\nclass Pay:\n{BODY}"
    files["sure.py"] = f"from homeport import service\n@service\nclass Sure:\n{BODY}"
    return files


@settings(max_examples=150, deadline=None)
@given(chains())
def test_however_a_decorator_comes_to_a_class_scan_and_import_agree(files: dict[str, str]) -> None:
    assert disagreements(files) == []
