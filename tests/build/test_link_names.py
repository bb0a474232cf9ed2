"""What a name means across files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.build.linker.names import Linker
from homeport.build.linker.symbols import LinkedClass, LinkedConstant, LinkedModule, Outside, full_name
from homeport.build.scanner.facts import ModuleFacts, read_module


def linked(files: Mapping[str, str]) -> tuple[Linker, dict[str, ModuleFacts]]:
    """Modules by name; one whose name ends in a dot is a package."""
    facts = {
        name.rstrip("."): read_module(dedent(text), module=name.rstrip("."), path=name, is_package=name.endswith("."))
        for name, text in files.items()
    }
    return Linker(facts.get), facts


def meaning(files: Mapping[str, str], module: str, name: str, at: int | None = None) -> str:
    linker, facts = linked(files)
    symbol = linker.resolve(facts[module], name, at)
    return full_name(symbol) if symbol is not None else ""


SHOP = {
    "shop.": "from .pay import Payments\nfrom . import pay as money\nfrom shop.stock import *",
    "shop.pay": "class Payments:\n    class Error: ...",
    "shop.stock": "__all__ = ['Stock']\nclass Stock: ...\nclass Hidden: ...",
}


PAY = "shop.pay.Payments"
OR_PAY = "else:\n    from shop import Payments as X"


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("from shop import Payments", "Payments", PAY),
        ("from shop import Payments as P", "P.Error", "shop.pay.Payments.Error"),
        ("import shop", "shop.Payments", PAY),
        ("import shop", "shop.money.Payments", PAY),
        ("import shop.pay as pay", "pay.Payments", PAY),
        ("import shop.pay", PAY, PAY),
        ("from shop import *", "Stock", "shop.stock.Stock"),
        ("from shop import *", "Hidden", ""),
        ("from shop.stock import Hidden", "Hidden", "shop.stock.Hidden"),
        ("from shop import Payments\nP = Payments", "P", PAY),
        ("from shop import Payments\nP, Q = Payments, 1", "P", PAY),
        ("from shop import Payments\nPayments = Payments", "Payments", PAY),
        ("from shop import Nothing", "Nothing", ""),
        ("from lib import thing", "thing.part", "lib.thing.part"),
        ("import lib.deep", "lib.deep.x", "lib.deep.x"),
        ("if TYPE_CHECKING:\n    from shop import Payments as X\nelse:\n    X = object", "X", PAY),
        ("try:\n    from shop import Payments as X\nexcept ImportError:\n    X = None", "X", PAY),
        ("try:\n    from fast import X\nexcept ImportError:\n    from shop import Payments as X", "X", PAY),
        ("if fast:\n    from shop import Payments as X\nelse:\n    from shop.stock import Stock as X", "X", PAY),
        ("if __name__ == '__main__':\n    from shop import Payments", "Payments", ""),
        ("from shop import Payments\ndel Payments", "Payments", ""),
        ("from shop import Payments\nPayments = make()", "Payments", "m.Payments"),
        (f"import sys\nif sys.version_info >= (3, 99):\n    from lib import X\n{OR_PAY}", "X", PAY),
        (f"import sys\nif sys.version_info < (3, 99):\n    from lib import X\n{OR_PAY}", "X", "lib.X"),
    ],
)
def test_imports_aliases_and_branches_are_followed(source: str, name: str, expected: str) -> None:
    assert meaning({**SHOP, "m": source}, "m", name) == expected


@pytest.mark.parametrize(
    ("exports", "name", "expected"),
    [
        ("", "A", True),
        ("", "_B", False),
        ("__all__ = ['_B']", "_B", True),
        ("__all__ = ['_B']", "A", False),
        ("__all__: list[str] = ['A']", "A", True),
        ("__all__ = ()\n__all__ += ('A',)", "A", True),
        ("__all__ = []\n__all__.append('A')", "A", True),
        ("__all__ = []\n__all__.extend(['A'])", "A", True),
        ("__all__ = ['A']\n__all__.remove('A')", "A", False),
        ("__all__ = ['x'] + ['A']", "A", True),
        ("__all__ = [*other.__all__]\nimport other", "A", True),
        ("__all__ = other.__all__ + ['x']\nimport other", "_B", False),
        ("__all__ = names()", "A", True),
        ("__all__ = ['A']\n__all__ = ['x']", "A", False),
    ],
)
def test_a_star_takes_what_all_says(exports: str, name: str, expected: bool) -> None:
    files = {"m": "from a import *", "a": f"class A: ...\nclass _B: ...\n{exports}", "other": "__all__ = ['A']"}
    assert (meaning(files, "m", name) != "") is expected


def test_a_star_takes_submodules_that_are_named_or_imported() -> None:
    package = {"p.sub": "class A: ...", "m": "from p import *"}
    assert meaning({**package, "p.": "__all__ = ['sub']"}, "m", "sub.A") == "p.sub.A"
    assert meaning({**package, "p.": "from .sub import A"}, "m", "sub.A") == "p.sub.A"
    assert meaning({**package, "p.": ""}, "m", "sub.A") == ""


def test_the_later_of_two_imports_wins_be_it_a_star() -> None:
    files = {"a": "class X: ...", "b": "class X: ...", "c": ""}
    assert meaning({**files, "m": "from a import *\nfrom b import *\nfrom c import *"}, "m", "X") == "b.X"
    assert meaning({**files, "m": "from a import X\nfrom b import *"}, "m", "X") == "b.X"
    assert meaning({**files, "m": "from b import *\nfrom a import X"}, "m", "X") == "a.X"
    assert meaning({**files, "m": "from a import X\nfrom lib import *"}, "m", "X") == "a.X"


def test_a_name_means_what_it_meant_at_that_line() -> None:
    files = {"m": "from a import X\n\nY = X\nfrom b import X\n\nX = 3\n", "a": "class X: ...", "b": "class X: ..."}
    assert meaning(files, "m", "X", at=2) == "a.X"
    assert meaning(files, "m", "X", at=5) == "b.X"
    assert meaning(files, "m", "Y") == "a.X"
    linker, facts = linked(files)
    assert linker.resolve(facts["m"], "X") == LinkedConstant(3)


def test_a_package_and_its_part_may_have_one_name() -> None:
    files = {
        "p.": "from . import pay\nfrom .pay import pay",
        "p.pay": "class pay: ...",
        "q.": "from . import pay",
        "q.pay": "",
    }
    assert meaning(files, "p", "pay") == "p.pay.pay"
    linker, facts = linked(files)
    assert linker.resolve(facts["q"], "pay") == LinkedModule(facts["q.pay"])


@pytest.mark.parametrize(
    ("alias", "optional"),
    [
        ("X = Payments", False),
        ("X = Payments | None", True),
        ("X = Optional[Payments]", True),
        ("X = Annotated[Payments, 'fast']", False),
        ("X: TypeAlias = 'Payments'", False),
        ("X = NewType('X', Payments)", False),
        ("X = TypeAliasType('X', Payments)", False),
        ("X = traced(Payments)", False),
        *([("type X = Payments | None", True)] if sys.version_info >= (3, 12) else []),
    ],
)
def test_other_names_of_a_type_are_followed(alias: str, optional: bool) -> None:
    typing = "from typing import *\nfrom typing import NewType, TypeAliasType"
    linker, facts = linked({**SHOP, "m": f"{typing}\nfrom shop import Payments\n{alias}"})
    found = linker.type_of(facts["m"], "X")
    assert found is not None
    assert (found.cls.name, found.optional) == ("Payments", optional)


def test_imports_in_a_circle_end() -> None:
    files = {
        "a": "from b import *\nfrom c import y",
        "b": "from c import *\nclass Z: ...",
        "c": "from a import *\nfrom b import y",
    }
    assert meaning(files, "a", "Z") == "b.Z"
    assert meaning(files, "c", "Z") == "b.Z"
    assert meaning(files, "a", "y") == ""
    assert meaning(files, "a", "nothing") == ""


def test_what_a_circle_hides_is_found_all_the_same_later() -> None:
    files = {
        "a": "from b import *\nclass Found: ...",
        "b": "from c import *",
        "c": "from a import *",
    }
    linker, facts = linked(files)
    assert linker.resolve(facts["a"], "Found") is not None
    for name in ("c", "b", "a"):
        symbol = linker.resolve(facts[name], "Found")
        assert isinstance(symbol, LinkedClass), name


def test_thousands_of_modules_that_take_all_from_each_other_are_no_burden() -> None:
    count = 3000
    files = {f"m{n}": f"from m{(n + 1) % count} import *\nfrom m{(n * 7 + 3) % count} import *" for n in range(count)}
    files["m2999"] += "\nclass Deep: ..."
    linker, facts = linked(files)
    for n in range(count):
        assert linker.resolve(facts[f"m{n}"], "nothing") is None
        assert isinstance(linker.resolve(facts[f"m{n}"], "Deep"), LinkedClass)


def test_a_long_chain_of_names_is_followed() -> None:
    source = "class A0: ...\n" + "".join(f"A{n} = A{n - 1}\n" for n in range(1, 5000))
    assert meaning({"m": source}, "m", "A4999") == "m.A0"


def test_homeport_is_never_part_of_an_application() -> None:
    files = {"homeport.": "def service(cls): ...", "m": "from homeport import *"}
    linker, facts = linked(files)
    assert linker.resolve(facts["m"], "service") == Outside("homeport.service")


@given(
    st.lists(st.lists(st.integers(0, 11), max_size=3), min_size=12, max_size=12),
    st.sets(st.integers(0, 11), max_size=3),
    st.permutations(range(12)),
)
def test_a_name_is_found_wherever_stars_lead_in_whatever_order_one_asks(
    stars: list[list[int]], owners: set[int], asked: list[int]
) -> None:
    files = {
        f"m{number}": "\n".join(
            [*(f"from m{target} import *" for target in targets), "X = 1" if number in owners else ""]
        )
        for number, targets in enumerate(stars)
    }
    linker, facts = linked(files)
    for number in asked:
        reached, pending = set[int](), [number]
        while pending:
            current = pending.pop()
            if current not in reached:
                reached.add(current)
                pending += stars[current]
        assert (linker.resolve(facts[f"m{number}"], "X") is not None) is not reached.isdisjoint(owners)
