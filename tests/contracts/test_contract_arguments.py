"""What does not fit is refused before the method runs, with its path and the signature."""

from __future__ import annotations

import re
from typing import Any

import contract_shapes as s
import msgspec
import pytest

from homeport.contracts.signature import MethodSignature, signature_of
from homeport.errors import BadArguments, BadResult, ServiceError


class Cart:
    async def add(self, product_id: str, quantity: int = 1) -> float: ...
    async def fill(self, items: list[s.Item], prices: dict[str, float] | None = None, *, by: s.Point | None = None): ...
    async def only(self, *, name: str) -> None: ...
    async def move(self, a: int = 1, b: int = 2, /, c: int = 3) -> None: ...
    async def clear(self) -> None: ...
    async def pay(self, how: s.Cat | s.Dog, user: s.User | None = None) -> None: ...
    async def many(self, a=0, b=0, c=0, d=0, e=0, f=0, g=0, h=0, i=0, j=0, k=0, l=0, m=0, n=0, o=0, p=0, q=0): ...  # noqa: E741


CART = signature_of(Cart, "cart").methods
ADD, FILL, ONLY, MOVE = CART["add"], CART["fill"], CART["only"], CART["move"]

REFUSED: list[tuple[MethodSignature, Any, str]] = [
    (ADD, [1], "$.product_id: expected str, got int; call cart.add(product_id: str, quantity: int = 1)"),
    (ADD, {"product_id": "x", "quantity": 1.5}, "$.quantity: expected int, got float; call cart.add("),
    (ADD, [], "missing argument 'product_id'; call cart.add(product_id: str, quantity: int = 1)"),
    (ADD, {}, "missing argument 'product_id'; call cart.add("),
    (ADD, {"product": "x"}, "unknown argument 'product' (did you mean 'product_id'?); call cart.add("),
    (ADD, {"product_id": "x", "colour": 1}, "unknown argument 'colour'; call cart.add("),
    (ADD, ["x", 1, 2], "too many arguments: it takes 2 by position, got 3; call cart.add("),
    (ADD, 5, "arguments are an array (by position) or an object (by name): expected object | array, got int; call"),
    (ADD, None, "arguments are an array (by position) or an object (by name): "),
    (
        FILL,
        [[{"name": "a", "price": 1}, {"name": "b", "price": 1}, {"name": "c", "price": "1"}]],
        "$.items[2].price: expected float, got str; call cart.fill(",
    ),
    (FILL, [[{"name": "a"}]], "$.items[0]: object missing required field price; call"),
    (FILL, {"items": [], "prices": {"a": "b"}}, "$.prices[...]: expected float, got str; call"),
    (FILL, {"items": [], "by": {"x": None}}, "$.by.x: expected float, got "),
    (FILL, [[], {}, {"x": 1}], "too many arguments: it takes 2 by position, got 3; call"),
    (ONLY, ["a"], "too many arguments: it takes 0 by position, got 1; call cart.only(*, name: str)"),
    (ONLY, [], "missing argument 'name'; call cart.only(*, name: str)"),
    (CART["clear"], [1], "too many arguments: it takes 0 by position, got 1; call cart.clear()"),
    (CART["clear"], {"a": 1}, "unknown argument 'a'; call cart.clear()"),
    (
        CART["pay"],
        [{"wings": 2}],
        "$.how: fits none of Cat | Dog (Cat: $: object missing required field lives; "
        "Dog: $: object missing required field tricks); call cart.pay(",
    ),
    (
        CART["pay"],
        {"how": {"lives": 9}, "user": {"id": "x", "fullName": "Ada"}},
        "$.user.id: input should be a valid UUID",
    ),
    (
        CART["pay"],
        [{"lives": 9}, {"id": "12345678-1234-5678-1234-567812345678", "fullName": "A", "friends": [{"fullName": "B"}]}],
        "$.user.friends[0].id: required field is missing; call",
    ),
]


@pytest.mark.parametrize("json", [False, True], ids=["msgpack", "json"])
@pytest.mark.parametrize(("method", "given", "text"), REFUSED, ids=[text[:40] for _, _, text in REFUSED])
def test_arguments_that_do_not_fit_are_refused_by_path(
    method: MethodSignature, given: Any, text: str, json: bool
) -> None:
    body = (msgspec.json if json else msgspec.msgpack).encode(given)
    with pytest.raises(BadArguments, match="^" + re.escape(text)):
        method.decode_arguments(body, json)


def test_keys_of_the_wrong_type_are_refused_by_path() -> None:
    body = msgspec.msgpack.encode([[], {1: 1.0}])
    with pytest.raises(BadArguments, match=r"^\$\.prices: a key is wrong: expected str, got int"):
        FILL.decode_arguments(body)


@pytest.mark.parametrize(
    ("body", "json"), [(b"", False), (b"", True), (b"\xc1", False), (b"{", True), (b"\x92\xa1a", False)]
)
def test_bytes_that_are_no_arguments_are_refused(body: bytes, json: bool) -> None:
    with pytest.raises(
        BadArguments, match=f"^the arguments are not {'JSON' if json else 'msgpack'}: .*; call cart.add"
    ):
        ADD.decode_arguments(body, json)


def test_no_arguments_by_position_go_as_an_array_and_any_by_name_as_a_map() -> None:
    assert msgspec.msgpack.decode(ADD.encode_arguments(("x", 2), {})) == ["x", 2]
    assert msgspec.msgpack.decode(ADD.encode_arguments(("x",), {"quantity": 2})) == {"product_id": "x", "quantity": 2}


def test_defaults_stay_with_the_method() -> None:
    assert ADD.decode_arguments(ADD.encode_arguments(("x",), {})) == (("x",), {})
    assert ADD.decode_arguments(ADD.encode_arguments((), {"product_id": "x"})) == ((), {"product_id": "x"})


def test_parameters_by_position_only_are_placed_there() -> None:
    body = msgspec.msgpack.encode({"b": 5, "c": 6})
    assert MOVE.decode_arguments(body) == ((1, 5), {"c": 6})
    assert MOVE.decode_arguments(msgspec.msgpack.encode({"c": 6})) == ((), {"c": 6})
    assert MOVE.decode_arguments(b'{"a": 5}', json=True) == ((5,), {})


def test_more_arguments_than_fit_a_short_header_still_arrive() -> None:
    many = CART["many"]
    assert many.decode_arguments(many.encode_arguments(tuple(range(17)), {})) == (tuple(range(17)), {})
    named = {parameter.name: 1 for parameter in many.contract.parameters}
    assert many.decode_arguments(many.encode_arguments((), named)) == ((), named)


def test_a_name_given_twice_counts_once() -> None:
    body = b"\x82\xaaproduct_id\xa1a\xaaproduct_id\xa1b"
    assert ADD.decode_arguments(body) == ((), {"product_id": "b"})


CALLS: list[tuple[MethodSignature, tuple[Any, ...], dict[str, Any], str]] = [
    (ADD, (), {}, "missing argument 'product_id'"),
    (ADD, ("x", 1, 2), {}, "too many arguments: it takes 2 by position, got 3"),
    (ADD, ("x", 1, 2), {"quantity": 1}, "too many arguments"),
    (ADD, ("x",), {"product_id": "y"}, "argument 'product_id' is given twice"),
    (ADD, (), {"product_id": "y", "qty": 1}, "unknown argument 'qty'"),
    (ADD, (), {"quantity": 1}, "missing argument 'product_id'"),
    (MOVE, (), {"a": 1}, "argument 'a' is taken by position only"),
    (ONLY, ("x",), {}, "too many arguments: it takes 0 by position, got 1"),
    (ADD, (lambda: 0,), {}, "cannot be sent: $.product_id: function (function cannot travel)"),
    (FILL, (), {"items": [{"a": s.Plain()}]}, "cannot be sent: $.items[0]['a']: Plain (Plain cannot travel)"),
]


@pytest.mark.parametrize(("method", "args", "kwargs", "text"), CALLS, ids=[text for *_, text in CALLS])
def test_a_call_that_python_would_refuse_is_refused_before_it_is_sent(
    method: MethodSignature, args: tuple[Any, ...], kwargs: dict[str, Any], text: str
) -> None:
    with pytest.raises(BadArguments, match="^" + re.escape(text) + ".*; call cart"):
        method.encode_arguments(args, kwargs)


def test_a_result_that_cannot_travel_names_method_path_and_type() -> None:
    result = {"ok": [1, s.Box({"k": [s.Plain()]})]}
    with pytest.raises(
        BadResult, match=r"^cart.add returned what cannot be sent: \$\['ok'\]\[1\]\.content\['k'\]\[0\]: Plain"
    ):
        ADD.encode_result(result)
    with pytest.raises(BadResult, match=r"\$\['n'\]: int \(can't serialize ints"):
        ADD.encode_result({"n": 2**70})


def test_a_result_that_contains_itself_is_an_error_not_a_crash() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(BadResult, match=r"cart\.add returned what cannot be sent"):
        ADD.encode_result(loop)


def test_a_result_of_another_type_says_that_the_callee_erred() -> None:
    text = r"^cart.add returned what its contract \(-> float\) does not allow: \$: expected float, got str; mend"
    with pytest.raises(BadResult, match=text):
        ADD.decode_result(ADD.encode_result("much"))


class Age(msgspec.Struct):
    years: int

    def __post_init__(self) -> None:
        if self.years < 0:
            raise LookupError("nobody is that young")
        if self.years > 150:
            raise TooOld(years=self.years)


class TooOld(ServiceError, status=422):
    years: int


class People:
    async def greet(self, age: Age) -> None: ...


def test_what_an_argument_class_itself_refuses_is_a_misfit_and_its_declared_error_an_answer() -> None:
    greet = signature_of(People, "people").methods["greet"]
    with pytest.raises(BadArguments, match=r"^\$\.age: nobody is that young; call people\.greet\(age: Age\)"):
        greet.decode_arguments(msgspec.msgpack.encode([{"years": -1}]))
    with pytest.raises(TooOld):
        greet.decode_arguments(msgspec.msgpack.encode([{"years": 151}]))
