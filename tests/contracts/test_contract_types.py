"""Every type that may travel comes back as it went, over both wires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Union
from uuid import UUID

import contract_shapes as s
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.contracts.signature import MethodSignature, signature_of
from homeport.errors import BadArguments

ID = UUID("12345678-1234-5678-1234-567812345678")
NOON = datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=UTC)
ITEM = s.Item("tea", 2.5, ["hot"])

TRAVELLERS: list[tuple[Any, Any]] = [
    (int, -7),
    (Annotated[float, msgspec.Meta(lt=1.5)] | tuple[int, int], 0.5),
    (Annotated[float, msgspec.Meta(lt=1.5)] | tuple[int, int], (1, 2)),
    (list[Annotated[str, msgspec.Meta(max_length=3)] | tuple[()]], ["a", ()]),
    (float, 1.5),
    (float, float("inf")),
    (bool, True),
    (str, "grüße 🚢"),
    (bytes, b"\x00\xff"),
    (type(None), None),
    (Any, {"a": [1, None, 2.5, "x"]}),
    (object, [1, "two"]),
    (datetime, NOON),
    (datetime, NOON.replace(tzinfo=None)),
    (date, date(2024, 2, 29)),
    (time, time(12, 30, 1)),
    (timedelta, timedelta(days=3, seconds=5, microseconds=7)),
    (UUID, ID),
    (Decimal, Decimal("10.10")),
    (s.Color, s.Color.BLUE),
    (s.Level, s.Level.HIGH),
    (int | None, None),
    (int | str, "x"),
    (int | None | list[str], ["a"]),
    (list[int], [1, 2]),
    (list, [1, "a"]),
    (dict, {"a": 1}),
    (dict[str, s.Item], {"a": ITEM}),
    (dict[int, str], {1: "a"}),
    (dict[UUID, int], {ID: 1}),
    (dict[s.Color, int], {s.Color.RED: 1}),
    (set[int], {1, 2}),
    (frozenset[str], frozenset({"a"})),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (Sequence[int], [1]),
    (Mapping[str, int], {"a": 1}),
    (Literal["a", 1], 1),
    (s.Positive, 3),
    (s.OrderId, s.OrderId("o1")),
    (s.Point, s.Point(1.0)),
    (s.Item, ITEM),
    (s.Order, s.Order(s.OrderId("1"), [ITEM], parent=s.Order(s.OrderId("0"), []))),
    (s.Page[s.Item], s.Page([ITEM], more=True)),
    (s.Card | s.Iban | None, s.Iban("DE00")),
    (s.Address, {"street": "Quay", "zip": "1"}),
    (s.Address, {"street": "Quay"}),
    (s.Pair, s.Pair(1, "b")),
    (s.User, s.User(id=ID, fullName="Ada", born=NOON, friends=[s.User(id=ID, fullName="Bob")])),
    (s.User | None, None),
    (list[s.User], [s.User(id=ID, fullName="Ada")]),
    (s.StrictUser, s.StrictUser(id=ID, age=3)),
    (s.Photo, s.Photo(title="sea", pixels=b"abc")),
    (s.Cash | s.Cheque, s.Cheque(5)),
    (s.Cat | s.Dog | None, s.Dog(["sit"])),
    (list[s.Cat | s.Dog], [s.Dog([]), s.Cat(9)]),
    (dict[str, s.User | s.Cat], {"a": s.Cat(1), "b": s.User(id=ID, fullName="Ada")}),
    (s.Photo | int, 4),
    (s.Cat | list[int], [1]),
    (s.Page[s.Cat | s.Dog], s.Page([s.Dog(["roll"])])),
    (Annotated[s.Cat | s.Dog, "note"], s.Cat(2)),
]
NAMES = [f"{index}-{str(of).replace('contract_shapes.', '')[:40]}" for index, (of, _) in enumerate(TRAVELLERS)]


def echo(of: Any) -> MethodSignature:
    class Echo:
        async def say(self, value): ...

    Echo.say.__annotations__.update({"value": of, "return": of})
    return signature_of(Echo, "echo").methods["say"]


@pytest.mark.parametrize(("of", "value"), TRAVELLERS, ids=NAMES)
def test_a_value_returns_from_msgpack_as_it_went(of: Any, value: Any) -> None:
    method = echo(of)
    assert method.decode_arguments(method.encode_arguments((value,), {})) == ((value,), {})
    assert method.decode_arguments(memoryview(method.encode_arguments((), {"value": value}))) == ((), {"value": value})
    back = method.decode_result(method.encode_result(value))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(("of", "value"), TRAVELLERS, ids=NAMES)
def test_a_value_returns_from_json_as_it_went(of: Any, value: Any) -> None:
    if value == float("inf"):
        value = 1e300  # JSON has no infinity
    method = echo(of)
    body = method.encode_result(value, json=True)
    assert method.decode_result(body, json=True) == value
    assert method.decode_arguments(b" [" + body + b"]", json=True) == ((value,), {})
    assert method.decode_arguments(b'\n{"value":' + body + b"}", json=True) == ((), {"value": value})


@pytest.mark.parametrize(("of", "value"), TRAVELLERS, ids=NAMES)
def test_a_contract_survives_storage(of: Any, value: Any) -> None:
    class Echo:
        async def say(self, value): ...

    Echo.say.__annotations__.update({"value": of, "return": of})
    contract = signature_of(Echo, "echo").contract
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(contract), type=type(contract)) == contract


def test_a_model_with_bytes_that_are_no_text_travels_over_msgpack_only() -> None:
    method, photo = echo(s.Photo), s.Photo(title="noise", pixels=b"\xff\x00")
    assert method.decode_result(method.encode_result(photo)) == photo
    with pytest.raises(Exception, match=r"echo\.say returned what cannot be sent"):
        method.encode_result(photo, json=True)


def test_a_strict_model_takes_no_text_for_a_number() -> None:
    with pytest.raises(Exception, match=r"\$\.value\.age: input should be a valid integer, got str"):
        echo(s.StrictUser).decode_arguments(msgspec.msgpack.encode([{"id": str(ID), "age": "3"}]))


def test_values_without_annotation_are_plain_data() -> None:
    class Loose:
        async def say(self, value): ...

    method = signature_of(Loose, "loose").methods["say"]
    assert method.decode_arguments(method.encode_arguments((s.Point(1.0, 2.0),), {})) == (({"x": 1.0, "y": 2.0},), {})


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ANYTHING = echo(Any)
USERS = echo(list[s.User])
ORDERS = echo(s.Order)


@given(plain)
def test_any_plain_value_comes_back(value: Any) -> None:
    assert ANYTHING.decode_result(ANYTHING.encode_result(value)) == value


orders = st.recursive(
    st.builds(s.Order, id=st.text().map(s.OrderId), items=st.just([])),
    lambda inner: st.builds(
        s.Order,
        id=st.text().map(s.OrderId),
        items=st.lists(st.builds(s.Item, st.text(), st.floats(allow_nan=False), st.lists(st.text(), max_size=2))),
        note=st.none() | st.text(),
        parent=inner,
    ),
    max_leaves=3,
)


@given(orders)
def test_any_order_comes_back_over_both_wires(order: s.Order) -> None:
    assert ORDERS.decode_result(ORDERS.encode_result(order)) == order
    if all(abs(item.price) != float("inf") for item in order.items):
        body = ORDERS.encode_result(msgspec.structs.replace(order, parent=None), json=True)
        assert ORDERS.decode_result(body, json=True) == msgspec.structs.replace(order, parent=None)


@given(st.lists(st.builds(s.User, id=st.uuids(), fullName=st.text(), born=st.none() | st.datetimes()), max_size=3))
def test_any_models_come_back_over_both_wires(users: list[s.User]) -> None:
    for json in (False, True):
        assert USERS.decode_result(USERS.encode_result(users, json), json) == users


@given(st.binary(max_size=60), st.sampled_from([ANYTHING, USERS, ORDERS]), st.booleans())
def test_hostile_bytes_are_refused_with_a_named_error(body: bytes, method: MethodSignature, json: bool) -> None:
    try:
        args, kwargs = method.decode_arguments(body, json)
    except BadArguments:
        return
    assert len(args) + len(kwargs) == 1


def test_deep_nesting_is_refused_with_a_named_error() -> None:
    for json, body in ((False, b"\x91" * 100_000 + b"\x01"), (True, b"[" * 100_000 + b"]" * 100_000)):
        with pytest.raises(Exception, match=r"echo\.say"):
            ANYTHING.decode_arguments(body, json)


def test_unions_and_optionals_are_written_either_way() -> None:
    assert echo(Union[s.Cat, s.Dog]).contract.result == echo(s.Cat | s.Dog).contract.result  # noqa: UP007


def test_pydantic_is_needed_by_nobody_who_does_not_use_it() -> None:
    import subprocess
    import sys

    code = "import sys, homeport.contracts.signature, homeport.contracts.plain; print('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
    assert pydantic.BaseModel
