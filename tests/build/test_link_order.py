"""The order of a class's bases, against Python's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from homeport.build.linker.names import LinkedClass, Linker
from homeport.build.linker.order import linearize, merge
from homeport.build.scanner.facts import read_module


@st.composite
def families(draw: st.DrawFn) -> list[list[int]]:
    """For each class the numbers of its bases, all of them earlier classes; some cannot be."""
    count = draw(st.integers(1, 9))
    return [draw(st.lists(st.integers(0, number - 1), max_size=4)) if number else [] for number in range(count)]


def python_order(family: list[list[int]]) -> list[list[int] | None]:
    """What Python makes of each class; None for one that it refuses, and for those below it."""
    classes: list[type | None] = []
    for number, bases in enumerate(family):
        made = [classes[base] for base in bases]
        try:
            classes.append(None if None in made else type(f"C{number}", tuple(base for base in made if base), {}))
        except TypeError:
            classes.append(None)
    return [cls and [int(base.__name__[1:]) for base in cls.__mro__[:-1]] for cls in classes]


@given(families())
def test_classes_are_put_in_the_order_that_python_gives_them(family: list[list[int]]) -> None:
    orders: list[list[int] | None] = []
    for number, bases in enumerate(family):
        above = [orders[base] for base in bases]
        known = [order for order in above if order is not None]
        orders.append(linearize(number, bases, known) if len(known) == len(above) else None)
    assert orders == python_order(family)


@given(families())
def test_the_lineage_read_from_source_is_the_one_that_python_makes(family: list[list[int]]) -> None:
    source = "".join(f"class C{n}({', '.join(f'C{b}' for b in bases)}): ...\n" for n, bases in enumerate(family))
    facts = read_module(source, module="m", path="m.py")
    linker = Linker(lambda _: None)
    for number, expected in enumerate(python_order(family)):
        lineage = linker.lineage(LinkedClass(facts, facts.classes[f"C{number}"]))
        found = [int(entry.cls.name[1:]) for entry in lineage.classes]
        if expected is not None:
            assert found == expected
            assert lineage.impossible is None
        else:
            assert lineage.impossible is not None
            assert found[0] == number
        assert not lineage.foreign


def test_there_is_no_order_that_contradicts_itself() -> None:
    assert merge([[1, 2], [2, 1]]) is None
    assert merge([]) == []


def lineage_of(source: str, name: str) -> tuple[list[str], bool, str]:
    facts = read_module(source, module="m", path="m.py")
    lineage = Linker(lambda _: None).lineage(LinkedClass(facts, facts.classes[name]))
    impossible = lineage.impossible.cls.name if lineage.impossible is not None else ""
    return [entry.cls.qualname for entry in lineage.classes], lineage.foreign, impossible


def test_generic_stands_wherever_python_lets_it_stand() -> None:
    source = "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass A(Generic[T]): ...\n"
    assert lineage_of(f"{source}class B(Generic[T], A[T]): ...", "B") == (["B", "A"], False, "")


def test_a_base_that_names_object_first_is_refused_as_python_does() -> None:
    assert lineage_of("class A: ...\nclass B(object, A): ...", "B")[2] == "B"


def test_bases_from_elsewhere_keep_their_place_but_not_their_secrets() -> None:
    source = "from lib import X, Y\nclass A(X, Y): ...\nclass B(Y, X): ...\nclass C(A, B): ...\nclass D(A, Y): ..."
    assert lineage_of(source, "C")[1:] == (True, "C")
    assert lineage_of(source, "D") == (["D", "A"], True, "")


def test_a_class_of_the_name_of_its_base_derives_from_that_one() -> None:
    assert lineage_of("from lib import A\nclass A(A): ...", "A") == (["A"], True, "")


def test_a_class_that_derives_from_itself_is_read_as_far_as_it_goes() -> None:
    assert lineage_of("class A(B): ...\nclass B(A): ...", "A")[0][0] == "A"


def test_an_inner_class_is_a_base_within_its_class_only() -> None:
    source = "class Outer:\n    class Base: ...\n    class Inner(Base): ...\nclass Other(Base): ..."
    assert lineage_of(source, "Outer.Inner") == (["Outer.Inner", "Outer.Base"], False, "")
    assert lineage_of(source, "Other") == (["Other"], True, "")


def test_a_line_of_a_thousand_ancestors_is_followed() -> None:
    source = "class C0: ...\n" + "".join(f"class C{n}(C{n - 1}): ...\n" for n in range(1, 1200))
    classes, foreign, impossible = lineage_of(source, "C1199")
    assert (len(classes), foreign, impossible) == (1200, False, "")


def test_classes_that_derive_from_each_other_are_the_same_whichever_is_asked_for_first() -> None:
    module = read_module(
        "class A(C): ...\nclass B(A): ...\nclass C(B): ...\nclass Below(B): ...\n", module="shop", path="shop.py"
    )
    found = []
    for first in ("A", "B", "C", "Below"):
        linker = Linker({"shop": module}.get)
        linker.lineage(LinkedClass(module, module.classes[first]))
        below = linker.lineage(LinkedClass(module, module.classes["Below"]))
        found.append([entry.cls.qualname for entry in below.classes])
    assert all(one == found[0] for one in found)
