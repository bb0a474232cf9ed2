"""Types of parameters and results that cannot travel: found exactly where importing the class would refuse them."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
from check_samples import HEADER, plan_of

from homeport.build.analyzer.checks.types import REFUSED
from homeport.build.diagnostics.finding import Finding
from homeport.contracts.signature import signature_of
from homeport.errors import DefinitionError

HEAD = f"""{HEADER}
import collections, dataclasses, datetime, decimal, enum, io, pathlib, threading, typing, uuid
from asyncio import Lock
from typing import Annotated, BinaryIO, Callable, Iterator, NamedTuple, TypedDict
import msgspec

class Plain:
    x: int = 1

@dataclasses.dataclass
class Data:
    x: int = 1

class Struct(msgspec.Struct):
    x: int = 1

class Colour(enum.Enum):
    RED = "red"

class Pair(NamedTuple):
    x: int

class Named(TypedDict):
    x: int

if typing.TYPE_CHECKING:
    class Seen: ...
else:
    Seen = dict
"""


def found_in(methods: str) -> list[Finding]:
    plan = plan_of({"m.py": f"{HEAD}\n@service\nclass Pay:\n    async def go(self): ...\n    {methods}\n"})
    return [found for found in plan.findings if found.code != "HP301"]


def is_refused(methods: str) -> bool:
    namespace: dict[str, Any] = {"__name__": "check_types_sample"}
    sys.modules["check_types_sample"] = type(sys)("check_types_sample")
    try:
        exec(compile(f"{HEAD}\nclass Pay:\n    {methods}\n", "m.py", "exec", dont_inherit=True), namespace)
        vars(sys.modules["check_types_sample"]).update(namespace)
        signature_of(namespace["Pay"], "pay")
    except DefinitionError:
        return True
    finally:
        del sys.modules["check_types_sample"]
    return False


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_contracts_refuse_what_the_check_says_they_refuse(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    of = getattr(importlib.import_module(module), attribute)

    class Pay:
        async def take(self, x): ...  # type: ignore[no-untyped-def]

    Pay.take.__annotations__["x"] = of
    with pytest.raises(DefinitionError):
        signature_of(Pay, "pay")


TYPES = (
    *("BinaryIO", "Lock", "asyncio.Lock", "io.BytesIO", "pathlib.Path", "Callable[[int], str]", "Iterator[int]"),
    *("list[pathlib.Path]", "Lock | None", "Optional[Lock]", "dict[str, threading.Event]", "'Lock'", "Plain"),
    *("list[Plain]", "Annotated[Lock, 1]", "complex", "range", "collections.deque[int]", "typing.Deque[int]"),
    *("AsyncIterator[int]", "tuple[int, Lock]", "int", "str | None", "list[dict[str, int]]", "Data", "Struct"),
    *("Colour", "Pair", "Named", "Any", "object", "datetime.datetime", "uuid.UUID", "decimal.Decimal", "bytes"),
    *("Seen", "Literal['Lock']", "Annotated[int, Lock]", "typing.Sequence[int]", "list[Data] | None", "frozenset[int]"),
)


@pytest.mark.parametrize("of", TYPES)
def test_parameters_and_results_are_found_exactly_where_importing_refuses_them(of: str) -> None:
    taking, giving = f"async def take(self, n: int, x: {of}): ...", f"async def give(self) -> {of}: ..."
    assert [found.code for found in found_in(taking)] == ["HP408"] * is_refused(taking)
    assert [found.code for found in found_in(giving)] == ["HP409"] * is_refused(giving)


@pytest.mark.parametrize(
    ("method", "codes"),
    [
        ("async def m(self, *items): ...", ["HP115"]),
        ("async def m(self, **options): ...", ["HP115"]),
        ("async def m(self) -> list[int]:\n        yield 1", ["HP116"]),
        ("async def m(self) -> AsyncIterator[int]:\n        yield 1", []),
        ("async def m(self) -> AsyncIterator[Lock]:\n        yield 1", ["HP409"]),
        ("async def m(self) -> Any:\n        yield 1", []),
        ("async def m(self):\n        yield 1", []),
        ("async def m(self):\n        def inner():\n            yield 1", []),
        ("async def _m(self, lock: Lock, *items) -> Lock: ...", []),
        ("def m(self, lock: Lock) -> Lock: ...", []),
        ("async def startup(self, lock: Lock = None): ...", []),
        ("@method\n    def m(self, lock: Lock): ...", ["HP408"]),
    ],
)
def test_only_what_is_served_has_a_contract(method: str, codes: list[str]) -> None:
    assert [found.code for found in found_in(method)] == codes
    if "Any" not in method and "inner" not in method and "@method" not in method:
        assert is_refused(method) is bool(codes)


def test_the_finding_stands_at_the_parameter_and_tells_the_way_out() -> None:
    (found,) = found_in("async def take(self, n: int, file: BinaryIO): ...")
    assert found.message == "typing.BinaryIO, the type of parameter 'file', cannot travel between processes"
    assert found.hint == "use the content, as bytes or str, or its path as str"
    assert (found.column, found.end_column) == (34, 38)
    (found,) = found_in("async def sold(self) -> AsyncIterator[int]: ...")
    assert found.hint == "make the method an async generator: let it `yield` the items itself"
