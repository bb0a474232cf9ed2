"""Calls that are never awaited, streams, results and literals: what becomes of a call, and what goes into it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from check_samples import HEADER, codes_in, findings_in, in_method, plan_of

from homeport.contracts.signature import signature_of
from homeport.errors import BadArguments


def of(lines: str) -> list[str]:
    return codes_in(in_method(lines))


# -- never awaited -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        "self.payments.process('a')",
        "_ = self.payments.process('a')",
        "task = self.payments.process('a')",
        "if order:\n    self.payments.process('a')",
        "for one in self.payments.names(): ...",
        "print(self.payments.names())",
        "names = [n for n in self.payments.names()]",
        "first = self.payments.names()[0]",
        "text = f'{self.payments.process(order)}'",
        "total = 1 + self.payments.process('a')",
        "if self.payments.process('a'): ...",
        "if not self.payments.process('a'): ...",
        "if self.payments.process('a') > 3: ...",
        "count = len(self.payments.names())",
        "first, *rest = self.payments.names()",
        "size = self.payments.names().count",
        "names = self.payments.names()\nfor one in names: ...",
        "names = self.payments.names()\nreturn sorted(names)",
        "return self.payments.names()",
        "p = self.payments\np.process('a')",
        "process = self.payments.process\nprocess('a')",
    ],
)
def test_a_call_that_nobody_awaits_is_an_error(lines: str) -> None:
    assert of(lines) == ["HP501"]


@pytest.mark.parametrize(
    "lines",
    [
        "await self.payments.process('a')",
        "task = self.payments.process('a')\nawait task",
        "task = self.payments.process('a')\nif order:\n    return await task",
        "tasks = [self.payments.process(o) for o in orders]\nawait asyncio.gather(*tasks)",
        "await asyncio.gather(self.payments.process('a'), self.payments.names())",
        "await asyncio.wait_for(self.payments.process('a'), 1)",
        "task = asyncio.create_task(self.payments.process('a'))",
        "async with asyncio.TaskGroup() as tasks:\n    tasks.create_task(self.payments.process('a'))",
        "self.pending = self.payments.process('a')",
        "orders.append(self.payments.process('a'))",
        "later = {'a': self.payments.process('a')}",
        "call = self.payments.process('a') if order else None\nif call: await call",
        "call = self.payments.process('a')\nif call is not None: await call",
        "async def inner():\n    return self.payments.process('a')\nawait (await inner())",
        "start = lambda: self.payments.process('a')\nawait start()",
        "call = self.payments.process('a')\ncall.close()",
        "if order:\n    call = self.payments.process('a')\nelse:\n    call = self.payments.names()\nawait call",
        "return await self.payments.process('a')",
        "yield self.payments.process('a')",
    ],
)
def test_a_call_that_somebody_may_await_is_none(lines: str) -> None:
    assert of(lines) == []


def test_what_is_only_guessed_to_be_a_service_of_elsewhere_may_be_called_without_await() -> None:
    assert of("self.logger.info('a')") == ["HP201"]
    assert codes_in(f"logger: Any = dependency()\n{in_method('self.logger.info(1)')}") == ["HP201", "HP501"]


def test_a_plain_function_may_hand_a_call_on_but_not_drop_it() -> None:
    assert codes_in("def _start(self): return self.payments.process('a')") == []
    (found,) = findings_in("def _start(self): self.payments.process('a')")
    assert found.hint == "make _start() an `async def` and write `await self.payments.process(…)`"


def test_a_private_helper_may_return_a_call_for_others_to_await() -> None:
    assert codes_in("async def _start(self): return self.payments.process('a')") == []


# -- streams -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("await self.payments.changes()", "HP407"),
        ("for change in self.payments.changes(): ...", "HP407"),
        ("changes = list(self.payments.changes())", "HP407"),
        ("async for name in self.payments.names(): ...", "HP407"),
        ("names = [n async for n in self.payments.names()]", "HP407"),
        ("self.payments.changes()", "HP501"),
        ("async for name in await self.payments.names(): ...", "HP406"),
    ],
)
def test_streams_are_iterated_and_all_else_is_awaited(lines: str, code: str) -> None:
    assert of(lines) == [code]


@pytest.mark.parametrize(
    "lines",
    [
        "async for change in self.payments.changes(1): ...",
        "changes = [change async for change in self.payments.changes()]",
        "stream = self.payments.changes()\nasync for change in stream: ...",
        "stream = self.payments.changes()\nawait stream.aclose()",
        "async with contextlib.aclosing(self.payments.changes()) as stream: ...",
        "async for change in self.elsewhere.changes(): ...",
        "return self.payments.changes()",
        "first = await anext(self.payments.changes())",
    ],
)
def test_a_stream_that_is_iterated_or_handed_on_is_no_finding(lines: str) -> None:
    assert [code for code in of(lines) if code != "HP201"] == []


# -- results -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        "for x in await self.payments.process('a'): ...",
        "(await self.payments.process('a'))[0]",
        "(await self.payments.process('a')).amount",
        "len(await self.payments.process('a'))",
        "await (await self.payments.process('a'))",
        "(await self.payments.process('a'))()",
        "n = await self.payments.process('a')\nfor x in n: ...",
        "n = await self.payments.process('a')\nprint(n.amount)",
        "n = await self.payments.nothing()\nreturn n[0]",
        "return 1 + await self.payments.nothing()",
        "names = await self.payments.names()\nnames.items()",
        "sum(await self.payments.total())",
    ],
)
def test_a_result_used_as_what_its_annotation_rules_out_is_an_error(lines: str) -> None:
    assert of(lines) == ["HP406"]


@pytest.mark.parametrize(
    "lines",
    [
        "return 1 + await self.payments.process('a')",
        "n = await self.payments.process('a')\nn = [n]\nfor x in n: ...",
        "n = await self.payments.process('a')\nprint(n.bit_length(), n.real)",
        "for name in await self.payments.names(): name.upper()",
        "first, *rest = await self.payments.names()",
        "names = await self.payments.names()\nnames.sort()\nnames[0].upper()",
        "(await self.payments.anything()).whatever[0]()",
        "n = await self.payments.process('a')\ndef inner(n):\n    return n[0]",
        "if await self.payments.nothing() is None: ...",
    ],
)
def test_a_result_used_as_what_it_may_be_is_none(lines: str) -> None:
    assert of(lines) == []


# -- literals ----------------------------------------------------------------------------------------------------------

TYPES = (
    *("int", "float", "str", "bool", "bytes", "None", "list", "dict", "set", "tuple", "Any", "'int'", "int | None"),
    *("Optional[str]", "list[int]", "dict[str, int]", "set[int]", "tuple[int, str]", "tuple[int, ...]", "list[Thing]"),
    *("Literal['a', 'b']", "Literal[1, 2] | None", "int | str", "list[int | None]", "Thing", "frozenset[str]"),
    *("Annotated[int, 'positive']", "Union[int, list[str]]", "dict[int, str]", "List[int]", "datetime.date"),
)
LITERALS = (
    *("1", "-1", "2.5", "2.0", "True", "None", "'a'", "'x'", "''", "b'y'", "[]", "[1]", "['a']", "[None]", "{}"),
    *("{'a': 1}", "{1: 'a'}", "{1}", "(1, 'a')", "(1, 2)", "()", "[[1]]", "1e3", "10 ** 2", "2**70", "'2020-01-01'"),
)
HINTS = "import datetime\nfrom typing import Annotated, Any, List, Literal, Optional, Union\nclass Thing: ...\n"


def test_literals_are_refused_exactly_as_at_run_time() -> None:
    known = [text for text in TYPES if "Thing" not in text]
    methods = "\n".join(f"    async def m{n}(self, x: {text}): ..." for n, text in enumerate(known))
    uses = "\n".join(f"        await self.pay.m{n}({literal})" for n, _ in enumerate(known) for literal in LITERALS)
    head = f"{HINTS}from homeport import service\n"
    source = f"{head}@service\nclass Pay:\n{methods}\n@service\nclass Shop:\n    async def buy(self):\n{uses}\n"
    first = source.splitlines().index(uses.splitlines()[0]) + 1
    refused = {found.line - first for found in plan_of({"m.py": source}).findings if found.code == "HP405"}

    namespace: dict[str, Any] = {}
    exec(f"{HINTS}class Pay:\n{methods}", namespace)
    signature = signature_of(namespace["Pay"], "pay")
    for line, (n, literal) in enumerate((n, literal) for n, _ in enumerate(known) for literal in LITERALS):
        fits = _fits(signature.methods[f"m{n}"], eval(literal))
        told = line in refused
        unknown = known[n] == "datetime.date" or literal in ("10 ** 2", "2**70")
        assert told is (not fits) or (unknown and not told), (known[n], literal, fits, told)


def _fits(method: Any, value: object) -> bool:
    try:
        method.decode_arguments(msgspec.msgpack.encode([value]))
    except (BadArguments, OverflowError):
        return False
    return True


def test_a_literal_is_told_with_its_parameter() -> None:
    (found,) = findings_in(in_method("await self.payments.process('a', 'two')"))
    assert found.message == "'two' does not fit `attempts: int` of payments.process: expected int, got str"
    assert (found.column, found.end_column) == (42, 47)
    (found,) = findings_in(in_method("await self.payments.process('a', currency=5)"))
    assert found.message == "5 does not fit `currency: str` of payments.process: expected str, got int"


@pytest.mark.parametrize(
    ("argument", "codes"),
    [
        ("[order]", ["HP405"]),
        ("{'a': order}", ["HP405"]),
        ("(order, 1)", ["HP405"]),
        ("{o for o in orders}", ["HP405"]),
        ("f'{order}'", []),
        ("'a', f'{order}'", ["HP405"]),
        ("order", []),
        ("order + 'x'", []),
        ("lambda: 1", ["HP410"]),
        ("(o for o in orders)", ["HP410"]),
        ("self", ["HP410"]),
        ("self.payments", ["HP410"]),
        ("self.order", []),
        ("self.payments.order", ["HP202"]),
        ("lambda_", []),
    ],
)
def test_arguments_that_are_no_literals_may_still_be_plain_to_see(argument: str, codes: list[str]) -> None:
    assert of(f"await self.payments.process({argument})") == codes


@pytest.mark.parametrize("value", ["[x]", "{x: 1}", "{x}", "(x, x)", "f'{x}'", "[y for y in [x]]"])
def test_forms_are_refused_only_where_no_content_would_make_them_fit(value: str) -> None:
    known = [text for text in TYPES if "Thing" not in text and text != "datetime.date"]
    methods = "\n".join(f"    async def m{n}(self, x: {text}): ..." for n, text in enumerate(known))
    uses = "\n".join(f"        await self.pay.m{n}({value})" for n, _ in enumerate(known))
    head = f"{HINTS}from homeport import service\n"
    source = f"{head}@service\nclass Pay:\n{methods}\n@service\nclass Shop:\n    async def buy(self, x):\n{uses}\n"
    first = source.splitlines().index(uses.splitlines()[0]) + 1
    refused = {found.line - first for found in plan_of({"m.py": source}).findings if found.code == "HP405"}
    namespace: dict[str, Any] = {}
    exec(f"{HINTS}class Pay:\n{methods}", namespace)
    signature = signature_of(namespace["Pay"], "pay")
    for n, text in enumerate(known):
        contents = [1, "a", "b", 2.5, None] if "x}" not in value or ":" not in value else [1, "a"]
        fits = any(_fits(signature.methods[f"m{n}"], eval(value, {"x": x})) for x in contents)
        assert not (fits and n in refused), (text, value)


def test_names_that_the_class_binds_are_no_types_of_python() -> None:
    source = f"""{HEADER}
@service
class Pay:
    async def list(self) -> list[int]: ...
    async def take(self, x: list[int]): ...
@service
class Shop:
    async def buy(self): await self.pay.take("a")
"""
    assert [found.code for found in plan_of({"m.py": source}).findings if found.code != "HP301"] == []
