"""What a check says of the arguments of a call is what the call itself comes to."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from homeport.build.application import scan
from homeport.contracts.signature import ServiceSignature, signature_of
from homeport.errors import BadArguments, DefinitionError

ARGUMENTS = {"HP401", "HP402", "HP403", "HP404", "HP405"}
NAMES = ("a", "b", "c", "d")
KNOWN = (
    "int", "float", "str", "bool", "bytes", "None", "list", "dict", "list[int]", "dict[str, int]", "tuple[int, str]",
    "tuple[int, ...]", "set[int]", "frozenset[str]", "Optional[int]", "int | None", "str | int", "Union[str, None]",
    "'int | None'", "Literal['x', 1]", "Annotated[int, 'a note']", "list[list[int] | None]", "Dict[str, List[int]]",
    "Sequence[int]", "Mapping[str, int]", "Sequence", "AbstractSet[int]", "abc.Set[str]", "abc.Mapping[str, int]",
)  # fmt: skip
UNKNOWN = (
    "Any",
    "object",
    "Line",
    "Line | None",
    "Annotated[int, msgspec.Meta(ge=2)]",
    "Quantity",
    "Colour",
    "datetime",
)
LITERALS = (
    "0", "1", "-3", "2.5", "1.0", "'x'", "''", "True", "None", "b'x'", "[]", "[1, 2]", "['x']", "[1, None]", "(1, 'x')",
    "(1, 2, 3)", "{}", "{'x': 1}", "{'x': 'y'}", "{1: 2}", "{1, 2}", "{'x'}", "[[1], None]", "{'x': [1]}",
    "1e400", "'2024-01-01'", "'red'", "{'article': 'x', 'count': 2}", "[True]", "1_000", "'1'",
)  # fmt: skip
UNSEEN = ("given()", "self.kept", "x + 1", "x if x else given()")  # what only running the call can tell

MODULE = """
from __future__ import annotations
import enum
from collections import abc
from collections.abc import Mapping, Sequence
from typing import AbstractSet, Annotated, Any, Dict, List, Literal, Optional, Union
import msgspec
from homeport import method, service

Quantity = Annotated[int, msgspec.Meta(ge=2)]

class Line(msgspec.Struct):
    article: str
    count: int = 1

class Colour(enum.Enum):
    RED = "red"

def given(): ...

@service
class Stock:
    async def take(self{parameters}) -> int:
        return 1

@service
class Shop:
    def __init__(self) -> None:
        self.kept = 1

    async def sell(self, x: int) -> int:
        return await self.stock.take({arguments})
"""

UNHURRIED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def parameter_lists(draw: st.DrawFn, types: tuple[str, ...]) -> str:
    """``, a: int, /, b: str = …, *, c: list[int]``."""
    names = NAMES[: draw(st.integers(0, 4))]
    marks = sorted(draw(st.lists(st.integers(0, len(names)), min_size=2, max_size=2)))
    slash, star = draw(st.booleans()) and marks[0] > 0, draw(st.booleans()) and marks[1] < len(names)
    parts, optional = [], False
    for index, name in enumerate(names):
        if slash and index == marks[0]:
            parts.append("/")
        if star and index == marks[1]:
            parts.append("*")
            optional = False
        optional = optional or draw(st.booleans())
        parts.append(f"{name}: {draw(st.sampled_from(types))}{' = None' if optional else ''}")
    if slash and marks[0] == len(names):
        parts.append("/")
    return "".join(f", {part}" for part in parts)


@st.composite
def argument_lists(draw: st.DrawFn, values: tuple[str, ...]) -> str:
    """``1, 'x', c=None``."""
    positional = draw(st.lists(st.sampled_from(values), max_size=4))
    names = draw(st.lists(st.sampled_from((*NAMES, "e")), max_size=3, unique=True))
    return ", ".join([*positional, *(f"{name}={draw(st.sampled_from(values))}" for name in names)])


def told(module: str) -> set[str]:
    """The codes of what a scan says of the arguments."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "shop.py").write_text(module)
        plan = scan(".", Path(folder))
    assert [finding for finding in plan.findings if finding.severity == "error" and finding.code not in ARGUMENTS] == []
    return {finding.code for finding in plan.findings} & ARGUMENTS


def signature(module: str) -> ServiceSignature:
    names: dict[str, Any] = {"__name__": "shop_of_a_test"}
    exec(compile(module, "shop_of_a_test.py", "exec"), names)
    try:
        return signature_of(names["Stock"], "stock")
    except DefinitionError:
        assume(False)
        raise


def refused(of: ServiceSignature, arguments: str) -> bool:
    """Whether the call is, on its way out or in."""
    method = of.methods["take"]
    collect = "lambda *args, **kwargs: (args, kwargs)"
    args, kwargs = eval(f"({collect})({arguments})", {})
    try:
        method.decode_arguments(method.encode_arguments(args, kwargs))
    except BadArguments:
        return True
    return False


@UNHURRIED
@given(parameter_lists(KNOWN), argument_lists(LITERALS))
def test_a_call_with_literals_is_told_if_and_only_if_it_is_refused(parameters: str, arguments: str) -> None:
    module = MODULE.format(parameters=parameters, arguments=arguments)
    codes = told(module)
    assert bool(codes) == refused(signature(module), arguments), codes


@UNHURRIED
@given(parameter_lists((*KNOWN, *UNKNOWN)), argument_lists(LITERALS))
def test_no_call_is_told_that_is_taken_whatever_the_types(parameters: str, arguments: str) -> None:
    module = MODULE.format(parameters=parameters, arguments=arguments)
    codes = told(module)
    if codes:
        assert refused(signature(module), arguments), codes


@UNHURRIED
@given(parameter_lists((*KNOWN, *UNKNOWN)), argument_lists((*UNSEEN, "*given()", "**given()")))
def test_values_that_only_running_can_tell_are_never_of_a_wrong_type(parameters: str, arguments: str) -> None:
    try:
        compile(f"f({arguments})", "call", "eval")
    except SyntaxError:
        assume(False)
    assert "HP405" not in told(MODULE.format(parameters=parameters, arguments=arguments))
