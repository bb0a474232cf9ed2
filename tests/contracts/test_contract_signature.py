"""Which methods a class has, and what their contract says."""

from __future__ import annotations

import functools
import socket
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Generic, Literal, Protocol, TypeVar

import contract_shapes as s
import msgspec
import pytest

from homeport.contracts.served import served_methods
from homeport.contracts.signature import signature_of
from homeport.errors import DefinitionError, ServiceError
from homeport.registry.api import RegistryApi

T = TypeVar("T")


class OutOfStock(ServiceError, status=409):
    product: str
    left: int = 0


def marked(**options: Any) -> Callable[[Any], Any]:
    def mark(function: Any) -> Any:
        function.__homeport_method__ = SimpleNamespace(**options)
        return function

    return mark


def traced(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Base:
    async def inherited(self) -> int: ...
    async def overridden(self) -> int: ...
    async def removed(self) -> int: ...


class Shop(Base):
    """Sells things."""

    removed = None  # type: ignore[assignment]

    async def startup(self) -> None: ...
    def health(self) -> None: ...
    async def _private(self) -> None: ...
    def helper(self) -> None: ...
    @staticmethod
    async def static() -> None: ...
    @classmethod
    async def of_class(cls) -> None: ...
    @property
    def price(self) -> int: ...

    async def overridden(self) -> int: ...

    @marked(timeout=2.0, idempotent=True, route_by="name", raises=(OutOfStock,), public=True)
    def blocking(self, name: str) -> bytes:
        """Block for a while.

        Then answer.
        """
        return b""

    async def feed(self, since: int = 0) -> AsyncIterator[s.Item]:
        yield s.Item("x", 1.0)

    async def numbers(self) -> AsyncGenerator[int, None]:
        yield 1

    async def whatever(self):
        yield 1

    @traced
    async def wrapped(self, item: s.Item) -> s.Page[s.Item]: ...


SHOP = signature_of(Shop, "shop")


def test_public_coroutines_streams_and_marked_functions_are_methods() -> None:
    expected = ["blocking", "feed", "inherited", "numbers", "overridden", "whatever", "wrapped"]
    assert list(served_methods(Shop)) == expected
    assert list(SHOP.methods) == expected
    assert served_methods(Shop)["overridden"] is Shop.__dict__["overridden"]


def test_a_marked_function_runs_in_a_thread_and_carries_its_options() -> None:
    method = SHOP.methods["blocking"]
    assert method.threaded
    assert not method.streams
    assert not SHOP.methods["wrapped"].threaded
    contract = method.contract
    assert (contract.timeout, contract.idempotent, contract.route_by, contract.public) == (2.0, True, "name", True)
    assert contract.doc == "Block for a while.\n\nThen answer."
    (error,) = contract.raises
    assert (error.code, error.status, error.key) == ("out_of_stock", 409, f"{__name__}:OutOfStock")
    assert error.schema == {"$ref": "#/$defs/OutOfStock"}
    assert SHOP.contract.definitions["OutOfStock"]["required"] == ["product"]


def test_async_generators_stream_and_their_result_is_one_item() -> None:
    feed = SHOP.methods["feed"]
    assert feed.streams
    assert feed.contract.result == {"$ref": "#/$defs/Item"}
    assert SHOP.methods["numbers"].contract.result == {"type": "integer"}
    assert SHOP.methods["whatever"].contract.result == {}
    assert feed.decode_result(feed.encode_result(s.Item("a", 1.0))) == s.Item("a", 1.0)


def test_a_protocol_class_will_do() -> None:
    api = signature_of(RegistryApi, "homeport")
    assert api.methods["watch"].streams
    assert api.methods["commands"].streams
    assert not api.methods["why"].streams
    assert not any(method.threaded for method in api.methods.values())


def test_type_variables_of_a_base_stand_for_what_the_class_says() -> None:
    class Store(Generic[T]):
        async def get(self, key: str) -> T | None: ...
        async def all(self) -> list[T]: ...

    class Named(Store[T], Generic[T]):
        async def put(self, value: T) -> None: ...

    class Items(Named[s.Item]): ...

    methods = signature_of(Items, "items").methods
    assert methods["put"].contract.parameters[0].schema == {"$ref": "#/$defs/Item"}
    assert methods["all"].contract.result == {"type": "array", "items": {"$ref": "#/$defs/Item"}}


def test_names_under_type_checking_are_found() -> None:
    pay = signature_of(s.Hidden, "hidden").methods["pay"]
    assert pay.contract.parameters[0].schema == {"type": "string", "format": "decimal"}


def test_the_contract_says_what_callers_need() -> None:
    contract = SHOP.contract
    assert (contract.service, contract.doc, contract.asgi, contract.public) == ("shop", "Sells things.", False, False)
    assert len(contract.fingerprint) == 16
    (since,) = SHOP.methods["feed"].contract.parameters
    assert since.schema == {"type": "integer", "default": 0}
    assert not since.required
    assert contract.definitions["Item"]["properties"]["tags"] == {
        "type": "array",
        "items": {"type": "string"},
        "default": [],
    }


def test_two_classes_of_one_name_get_names_of_their_own() -> None:
    @dataclass
    class Item:
        other: int

    class Both:
        async def one(self, a: Any, b: Any) -> None: ...

    Both.one.__annotations__.update({"a": Item, "b": s.Item})
    contract = signature_of(Both, "both").contract
    assert set(contract.definitions) == {"contract_shapes.Item", f"{__name__}.Item"}
    refs = [parameter.schema["$ref"] for parameter in contract.method("one").parameters]  # type: ignore[union-attr]
    assert refs == [f"#/$defs/{__name__}.Item", "#/$defs/contract_shapes.Item"]


def test_a_model_of_a_taken_name_gets_a_name_of_its_own() -> None:
    import pydantic

    class Item(pydantic.BaseModel):
        friend: Item | None = None

    class Both:
        async def one(self, a: Any, b: Any) -> None: ...

    Both.one.__annotations__.update({"a": Item, "b": s.Item})
    definitions = signature_of(Both, "both").contract.definitions
    assert set(definitions) == {"Item", "Item_2"}
    assert "#/$defs/Item_2" in str(definitions["Item_2"])


# -- refusals ----------------------------------------------------------------------------------------------------------


class Untagged(msgspec.Struct):
    name: str
    price: float
    tags: list[str] = []


def refusal(**annotations: Any) -> str:
    class Bad:
        async def call(self, value=None): ...

    Bad.call.__annotations__.update(annotations)
    with pytest.raises(DefinitionError) as caught:
        signature_of(Bad, "bad")
    text = str(caught.value)
    assert "Bad.call (" in text
    assert "test_contract_signature.py:" in text
    return text


@pytest.mark.parametrize(
    ("annotations", "text"),
    [
        ({"value": socket.socket}, "parameter 'value': socket cannot travel between processes; use a dataclass"),
        ({"return": s.Plain}, "result: Plain cannot travel between processes"),
        ({"value": s.Box}, "parameter 'value' at $.content{}[]: Plain cannot travel between processes"),
        ({"value": dict[str, list[Path]]}, "parameter 'value' at ${}[]: Path cannot travel between processes; use str"),
        ({"value": Iterable[int]}, "Iterable cannot travel between processes; use list[...]"),
        ({"value": Callable[[int], int]}, "cannot travel between processes"),
        ({"value": memoryview}, "memoryview cannot travel between processes; use bytes"),
        ({"value": msgspec.Raw}, "Raw cannot travel between processes; use bytes"),
        ({"value": complex}, "complex cannot travel between processes; use two floats"),
        ({"value": s.Item | Untagged}, "Item and Untagged in the union Item | Untagged cannot be told apart"),
        ({"value": s.Point | s.Pair | dict[str, float]}, "cannot be told apart on the wire; make them msgspec.Struct"),
        ({"value": dict[tuple[int, int], str]}, "at ${key}: JSON has no keys of type array; use str, or a list of"),
        ({"value": s.Basket}, "is not supported; make the members msgspec.Struct classes with tag=True"),
        ({"value": "Unheard"}, "the annotation 'Unheard' is not defined in module test_contract_signature"),
        ({"value": "list[int"}, "an annotation cannot be resolved"),
    ],
    ids=str,
)
def test_a_type_that_cannot_travel_is_refused_with_a_way_out(annotations: dict[str, Any], text: str) -> None:
    assert text in refusal(**annotations)


def test_a_name_that_only_a_type_checker_can_import_is_refused() -> None:
    with pytest.raises(
        DefinitionError, match="'Nothing' is imported under TYPE_CHECKING and cannot be imported from nowhere"
    ):
        signature_of(s.Lost, "lost")


def test_signatures_without_a_contract_are_refused() -> None:
    class Args:
        async def call(self, *values: int) -> None: ...

    class Kwargs:
        async def call(self, **options: int) -> None: ...

    class NoSelf:
        async def call() -> None: ...  # type: ignore[misc]

    class Yields:
        async def call(self) -> list[int]:  # type: ignore[misc]
            yield 1

    class Routed:
        @marked(route_by="user")
        async def call(self, name: str) -> None: ...

    class Raises:
        @marked(raises=(ValueError,))
        async def call(self) -> None: ...

    for cls, text in [
        (Args, r"\*values has no contract; take a list, values: list"),
        (Kwargs, r"\*\*options has no contract; take a dict, options: dict"),
        (NoSelf, "it takes no self"),
        (Yields, r"it yields, so annotate it -> AsyncIterator\[...\], not list\[int\]"),
        (Routed, r"route_by='user' is no parameter of it \(it has name\)"),
        (Raises, "raises= takes subclasses of ServiceError, got <class 'ValueError'>"),
    ]:
        with pytest.raises(DefinitionError, match=rf"call \(.*test_contract_signature.py:\d+\): {text}"):
            signature_of(cls, "bad")


def test_an_abstract_protocol_stream_is_told_by_its_annotation() -> None:
    class Api(Protocol):
        def feed(self) -> AsyncIterator[int]: ...
        def plain(self) -> int: ...
        @abstractmethod
        async def one(self, kind: Literal["a", "b"]) -> int: ...

    assert list(served_methods(Api)) == ["feed", "one"]


def test_a_signature_shows_types_as_the_source_has_them() -> None:
    class Plainly:
        async def call(self, a, b, /, c=1, *, d): ...

    Plainly.call.__annotations__.update({"a": s.Item, "b": list[s.Item | None], "d": "s.Point"})
    shown = signature_of(Plainly, "x").methods["call"].shown
    assert shown == "x.call(a: Item, b: list[Item | None], /, c=1, *, d: s.Point)"
