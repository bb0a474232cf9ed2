"""A contract has a fingerprint that lasts, and a change of it says whether old callers notice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import contract_shapes as s
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.contracts.api import Contract
from homeport.contracts.compatibility import compare
from homeport.contracts.fingerprint import fingerprint
from homeport.contracts.signature import MethodSignature, signature_of
from homeport.errors import ServiceError


def contract_of(parameter: Any = Any, result: Any = Any) -> Contract:
    return method_of(parameter, result)[0]


def method_of(parameter: Any = Any, result: Any = Any) -> tuple[Contract, MethodSignature]:
    class Service:
        async def call(self, value): ...

    Service.call.__annotations__.update({"value": parameter, "return": result})
    signature = signature_of(Service, "service")
    return signature.contract, signature.methods["call"]


def breaks(old: Contract, new: Contract) -> list[str]:
    return [change.what for change in compare(old, new) if change.breaking]


def struct(name: str, *fields: Any, **options: Any) -> Any:
    return msgspec.defstruct(name, fields, kw_only=True, **options)


# -- fingerprint -------------------------------------------------------------------------------------------------------


class First:
    """Docs."""

    async def one(self, a: int, b: s.Order) -> str: ...
    async def two(self) -> None: ...


class Again:
    async def two(self) -> None:
        """Other docs."""

    async def one(self, a: int, b: s.Order) -> str: ...


def test_docs_and_the_order_of_methods_do_not_change_a_fingerprint() -> None:
    assert signature_of(First, "x").contract.fingerprint == signature_of(Again, "x").contract.fingerprint


def test_a_fingerprint_is_the_same_in_another_process() -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from homeport.contracts.signature import signature_of\n"
        "from test_contract_compatibility import First\n"
        "print(signature_of(First, 'x').contract.fingerprint)"
    )
    folder = __file__.rpartition("/")[0]
    ran = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == signature_of(First, "x").contract.fingerprint


def test_a_default_does_not_change_a_fingerprint_but_having_one_does() -> None:
    def of(**annotations: Any) -> Contract:
        return contract_of(dataclass(type("D", (), {"__annotations__": {"x": int}, **annotations})))

    assert of(x=1).fingerprint == of(x=2).fingerprint != of().fingerprint


def test_definitions_that_nobody_refers_to_do_not_count() -> None:
    contract = contract_of(s.Item)
    padded = msgspec.structs.replace(contract, definitions={**contract.definitions, "Other": {"type": "string"}})
    assert fingerprint(padded) == contract.fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [(int, float), (str, datetime), (str, bytes), (dict[str, int], dict[int, int]), (int, int | None), (Any, str)],
    ids=str,
)
def test_types_that_differ_on_the_wire_differ_in_fingerprint(one: Any, other: Any) -> None:
    assert contract_of(one).fingerprint != contract_of(other).fingerprint
    assert contract_of(result=one).fingerprint != contract_of(result=other).fingerprint


@given(st.permutations(list(contract_of(s.Order).definitions.items())))
def test_the_order_of_keys_does_not_change_a_fingerprint(items: list[tuple[str, Any]]) -> None:
    contract = contract_of(s.Order)
    assert fingerprint(msgspec.structs.replace(contract, definitions=dict(items))) == contract.fingerprint


# -- changes -----------------------------------------------------------------------------------------------------------

XY = struct("P", ("x", int), ("y", int))
XY_Z = struct("P", ("x", int), ("y", int), ("z", int, 0))
XYZ = struct("P", ("x", int), ("y", int), ("z", int))

WIDER: list[tuple[Any, Any]] = [
    (int, int | None),
    (int, float),
    (int, int | str),
    (int, Any),
    (Literal["a"], Literal["a", "b"]),
    (Literal["a"], str),
    (UUID, str),
    (s.Positive, int),
    (XY, XY_Z),
    (XYZ, XY),
    (list[int], list[int | None]),
    (tuple[int, int], list[int]),
    (XY, dict[str, int]),
    (s.Card, s.Card | s.Iban),
    (s.Cat, s.Cat | s.Dog),
    (s.Order, s.Order),
    (s.Item, s.Item | None),
]


@pytest.mark.parametrize(("narrow", "wide"), WIDER, ids=str)
def test_a_request_may_widen_but_not_narrow(narrow: Any, wide: Any) -> None:
    assert breaks(contract_of(narrow), contract_of(wide)) == []
    if narrow is not wide and (narrow, wide) != (XY, XY_Z):
        assert breaks(contract_of(wide), contract_of(narrow))


@pytest.mark.parametrize(("narrow", "wide"), WIDER, ids=str)
def test_a_response_may_narrow_but_not_widen(narrow: Any, wide: Any) -> None:
    assert breaks(contract_of(result=wide), contract_of(result=narrow)) == []


BREAKING: list[tuple[Any, Any, str]] = [
    (int, str, "call refuses what it took: $.value is integer where string is expected"),
    (XY, XYZ, "call refuses what it took: $.value.z is required where it may be missing"),
    (str, datetime, "$.value is string where date-time is expected"),
    (datetime, str, "$.value is date-time where string is expected"),
    (Any, int, "$.value was plain data where integer is expected"),
    (int | None, int, "$.value is null where integer is expected"),
    (list[int], list[str], "$.value[...] is integer where string is expected"),
    (dict[str, int], dict[int, int], "$.value has keys of another type"),
    (list[int], tuple[int, int], "$.value must keep to minItems 2"),
    (Literal["a", "b"], Literal["a"], "$.value may be 'b' where 'a' is expected"),
    (int, s.Positive, "$.value must keep to exclusiveMinimum 0"),
    (XYZ, struct("P", ("x", int), ("y", int), forbid_unknown_fields=True), "$.value.z is not known there and refused"),
    (s.Card | s.Iban, s.Card, "$.value"),
]


@pytest.mark.parametrize(("old", "new", "text"), BREAKING, ids=[text for *_, text in BREAKING])
def test_a_breaking_change_says_where(old: Any, new: Any, text: str) -> None:
    assert any(text in what for what in breaks(contract_of(old), contract_of(new)))


class Before:
    async def gone(self) -> None: ...
    async def less(self, a: int, b: int = 0) -> None: ...
    async def more(self, a: int) -> None: ...
    async def optional(self, a: int) -> None: ...
    async def order(self, a: int, b: int) -> None: ...
    async def roomy(self, a: int) -> None: ...
    async def stream(self) -> int: ...
    async def keyword(self, a: int) -> None: ...
    async def needs(self, a: int = 0) -> None: ...


class After:
    async def added(self) -> None: ...
    async def less(self, a: int) -> None: ...
    async def more(self, a: int, b: int) -> None: ...
    async def optional(self, a: int = 0) -> None: ...
    async def roomy(self, a: int, b: int = 0) -> None: ...
    async def order(self, b: int, a: int) -> None: ...
    async def stream(self) -> AsyncIterator[int]:
        yield 1

    async def keyword(self, *, a: int) -> None: ...
    async def needs(self, a: int) -> None: ...


def test_every_change_of_a_method_is_told_with_a_way_out() -> None:
    changes = compare(signature_of(Before, "x").contract, signature_of(After, "x").contract)
    told = {(change.method, change.breaking): change.what for change in changes}
    assert told == {
        ("added", False): "added was added",
        ("gone", True): "gone was removed",
        ("keyword", True): "keyword takes () by position, not (a)",
        ("less", True): "less no longer takes 'b'",
        ("more", True): "more requires a new argument 'b'",
        ("needs", True): "needs now requires 'a'",
        ("optional", False): "optional no longer requires 'a'",
        ("order", True): "order takes (b, a) by position, not (a, b)",
        ("roomy", False): "roomy takes a new argument 'b'",
        ("stream", True): "stream now streams",
    }
    assert all(change.fix for change in changes if change.breaking)


def test_errors_are_compared_by_status_and_fields() -> None:
    class Low(ServiceError, status=402, code="low"):
        left: int

    class Less(ServiceError, status=402, code="low"):
        left: int
        currency: str

    class Other(ServiceError, status=409, code="low"):
        left: int

    def of(*errors: type[ServiceError]) -> Contract:
        class Service:
            async def pay(self) -> None: ...

        Service.pay.__homeport_method__ = type("Options", (), {"raises": errors})  # type: ignore[attr-defined]
        return signature_of(Service, "service").contract

    assert breaks(of(Low), of(Less)) == []
    assert "$.currency is required where it may be missing" in breaks(of(Less), of(Low))[0]
    assert breaks(of(Low), of(Other)) == ["'low' of pay has HTTP status 409, not 402"]
    assert breaks(of(), of(Low)) == breaks(of(Low), of()) == []


# -- properties over random types --------------------------------------------------------------------------------------


@dataclass
class Kind:
    """A random type, and values of it."""

    of: Any
    values: st.SearchStrategy[Any] = field(repr=False)


SCALARS = [
    Kind(int, st.integers(-5, 5)),
    Kind(float, st.floats(-5, 5)),
    Kind(str, st.sampled_from(["a", "b", ""])),
    Kind(bool, st.booleans()),
    Kind(type(None), st.none()),
    Kind(bytes, st.binary(max_size=2)),
    Kind(UUID, st.just(UUID(int=7))),
    Kind(Literal["a"], st.just("a")),
    Kind(Literal["a", "b"], st.sampled_from(["a", "b"])),
    Kind(Literal[1, 2], st.sampled_from([1, 2])),
    Kind(s.Positive, st.integers(1, 5)),
    Kind(Any, st.sampled_from([1, "a", None, [1], {"x": 1}])),
]


def record(draw_fields: dict[str, tuple[Kind, bool]], strict: bool) -> Kind:
    fields = [
        (name, kind.of, msgspec.field(default=None)) if optional else (name, kind.of)
        for name, (kind, optional) in draw_fields.items()
    ]
    made = msgspec.defstruct("Record", fields, kw_only=True, forbid_unknown_fields=strict)
    return Kind(made, st.builds(made, **{name: kind.values for name, (kind, _) in draw_fields.items()}))


def compound(inner: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
    names = st.sampled_from(["x", "y", "z"])
    return st.one_of(
        inner.map(lambda kind: Kind(list[kind.of], st.lists(kind.values, max_size=2))),  # type: ignore[name-defined]
        inner.map(lambda kind: Kind(dict[str, kind.of], st.dictionaries(names, kind.values, max_size=2))),  # type: ignore[name-defined]
        inner.map(lambda kind: Kind(kind.of | None, kind.values | st.none())),
        st.tuples(inner, inner).map(lambda two: Kind(tuple[two[0].of, two[1].of], st.tuples(*(k.values for k in two)))),  # type: ignore[name-defined]
        st.builds(record, st.dictionaries(names, st.tuples(inner, st.booleans()), max_size=3), st.booleans()),
    )


kinds = st.recursive(st.sampled_from(SCALARS), compound, max_leaves=4)


@settings(max_examples=300)
@given(kinds, kinds, st.data())
def test_what_compare_lets_pass_can_be_read(old: Kind, new: Kind, data: st.DataObject) -> None:
    """Sound in both directions: a request of an old caller, and a response to one."""
    before, after = method_of(old.of, old.of), method_of(new.of, new.of)
    changes = compare(before[0], after[0])
    if not any("refuses" in change.what for change in changes):
        body = before[1].encode_arguments((data.draw(old.values),), {})
        after[1].decode_arguments(body)
    if not any("no longer fits" in change.what for change in changes):
        before[1].decode_result(after[1].encode_result(data.draw(new.values)))


def test_a_change_within_a_class_is_told_even_if_harmless() -> None:
    (request,) = compare(contract_of(XY), contract_of(XY_Z))
    assert request.what == "call takes a changed P for 'value', which fits what old callers send"
    (response,) = compare(contract_of(result=XY), contract_of(result=XYZ))
    assert response.what == "the result of call is a changed P, which fits what old callers expect"
    assert not request.breaking
    assert not response.breaking


VALUES: list[tuple[Any, list[Any]]] = [
    (int, [-1, 0, 1, 2]),
    (float, [0.5, 1.0]),
    (str, ["", "a", "b"]),
    (bool, [True]),
    (type(None), [None]),
    (bytes, [b"", b"a"]),
    (UUID, [UUID(int=7)]),
    (datetime, [datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)]),
    (Literal["a"], ["a"]),
    (Literal["a", "b"], ["a", "b"]),
    (Literal[1, 2], [1, 2]),
    (s.Positive, [1, 2]),
    (s.Color, list(s.Color)),
    (s.Level, list(s.Level)),
    (list[int], [[], [1], [1, 2]]),
    (set[int], [set(), {1}]),
    (tuple[int, int], [(1, 2)]),
    (s.Pair, [s.Pair(1, "x")]),
    (dict[str, int], [{}, {"x": 1}]),
    (dict[int, int], [{}, {1: 1}]),
    (XY, [XY(x=1, y=2)]),
    (XY_Z, [XY_Z(x=1, y=2)]),
    (s.Card | s.Iban, [s.Card("1"), s.Iban("2")]),
    (s.Card, [s.Card("1")]),
    (s.Cat | s.Dog, [s.Cat(1), s.Dog([])]),
    (s.Dog, [s.Dog([])]),
    (s.Address, [{"street": "a"}, {"street": "a", "zip": "b"}]),
    (Any, [None, 1, "a", [], {"x": 1}]),
]


def test_what_compare_lets_pass_between_any_two_kinds_of_type_can_be_read() -> None:
    methods = [(*method_of(of, of), values) for of, values in VALUES]
    passed = 0
    for old, before, values in methods:
        for new, after, _ in methods:
            if any("refuses" in change.what for change in compare(old, new)):
                continue
            passed += 1
            for value in values:
                after.decode_arguments(before.encode_arguments((value,), {}))
    assert passed > 2 * len(VALUES)


@given(kinds)
def test_nothing_changed_means_no_changes(kind: Kind) -> None:
    assert compare(contract_of(kind.of, kind.of), contract_of(kind.of, kind.of)) == []


@given(kinds, kinds)
def test_equal_fingerprints_mean_no_changes(one: Kind, other: Kind) -> None:
    first, second = contract_of(one.of, one.of), contract_of(other.of, other.of)
    if first.fingerprint == second.fingerprint:
        assert compare(first, second) == []
    else:
        assert compare(first, second)
