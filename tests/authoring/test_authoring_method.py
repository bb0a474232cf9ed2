"""``@method``: what it says of a function, what it refuses."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import pytest

from homeport import ServiceError, method
from homeport.authoring.method import MethodOptions, method_options
from homeport.errors import DefinitionError


class CardDeclined(ServiceError, status=402):
    reason: str


def test_the_function_stays_what_it_is() -> None:
    def pay(self: object, amount: int) -> int:
        """Takes money."""
        return amount

    marked: Any = method(pay)
    assert marked is pay
    assert marked(None, 3) == 3
    assert list(inspect.signature(marked).parameters) == ["self", "amount"]


def test_options_are_kept() -> None:
    @method(timeout="250ms", idempotent=True, route_by="user", raises=[CardDeclined], public=True)
    async def pay(self: object, user: str) -> None: ...

    assert method_options(pay) == MethodOptions(
        timeout=0.25, idempotent=True, route_by="user", raises=(CardDeclined,), public=True
    )


def test_an_unmarked_function_has_the_defaults() -> None:
    async def pay(self: object) -> None: ...

    assert method_options(pay) == MethodOptions()


def test_a_single_error_class_need_not_be_listed() -> None:
    @method(raises=CardDeclined)
    async def pay(self: object) -> None: ...

    assert method_options(pay).raises == (CardDeclined,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": "soon"}, r"@method\(timeout=…\): 'soon' is no duration; write seconds"),
        ({"timeout": 0}, "must be above zero"),
        ({"timeout": -1}, "not negative"),
        ({"timeout": float("inf")}, "finite"),
        ({"timeout": True}, "True is no duration"),
        ({"route_by": "usr"}, r"route_by='usr'\) names no parameter; did you mean 'user'\?"),
        ({"route_by": "self"}, "names no parameter"),
        ({"route_by": "zzz"}, "it has user, amount"),
        ({"raises": [ValueError]}, "lists ValueError, which is no ServiceError; derive it from homeport.ServiceError"),
        ({"raises": ["CardDeclined"]}, "lists 'CardDeclined', which is no ServiceError"),
        ({"raises": 3}, "takes a list of ServiceError classes, got 3"),
        ({"idempotent": 1}, r"idempotent=…\) must be True or False, got 1"),
        ({"retry": True}, "no option 'retry'; it has timeout, idempotent"),
    ],
)
def test_a_wrong_option_is_refused_where_the_function_stands(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=rf"{__file__}:\d+: .*pay: .*{message}"):

        @method(**options)
        async def pay(self: object, user: str, amount: int) -> None: ...


def _refused(function: Any) -> str:
    with pytest.raises(DefinitionError) as refusal:
        method(function)
    return str(refusal.value)


def test_what_can_never_be_a_method_is_refused() -> None:
    def _private(self: object) -> None: ...

    def startup(self: object) -> None: ...

    def numbers(self: object) -> Any:
        yield 1

    assert "private by its underscore" in _refused(_private)
    assert "is a hook" in _refused(startup)
    assert "only `async def` with `yield` can stream" in _refused(numbers)
    assert "this is a staticmethod" in _refused(staticmethod(_private))
    assert "this is a property" in _refused(property(_private))
    assert "is a class; mark it with @service" in _refused(int)
    assert "takes its options by name" in _refused(functools.partial(_private))


def test_a_function_is_marked_once() -> None:
    with pytest.raises(DefinitionError, match="marked with @method twice; put all options into one"):

        @method(timeout=1)
        @method(idempotent=True)
        async def pay(self: object) -> None: ...
