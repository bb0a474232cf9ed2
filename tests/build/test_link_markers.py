"""Decorators that make services, however they are named, wrapped and applied; each is checked by an import, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from differential import disagreements

from homeport.build.application import scan
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import Plan, PlannedService
from homeport.build.scanner.facts import read_module

Scan = Callable[..., Plan]
Write = Callable[[dict[str, str]], Path]

PAY = "class Pay:\n    async def go(self): ...\n"
DECO = "from homeport import service\n"
INNER = """
def our(**o):
    def mark(cls):
        cls.x = 1
        return service(**o)(cls)
    return mark
"""
LATER = """
def our(cls=None, **o):
    if cls is None:
        return lambda cls: our(cls, **o)
    return service(**o)(cls)
"""
EITHER = """
def our(cls=None, replicas=3):
    mark = service(replicas=replicas)
    return mark if cls is None else mark(cls)
"""
SOMETIMES = """import os
def our(cls):
    if os.environ.get('X'):
        return cls
    return service(cls)
"""
TWO_WAYS = """
def our(cls, fast=False):
    return service(isolated=True)(cls) if fast else service(cls)
"""
MUCH = "    print(1, 2, 3)\n" * 80
CLASS_B = "class B:\n    async def go(self): ...\n"
CLASS_A = """    @service
    class A:
        async def go(self): ...
"""


def told(plan: Plan) -> list[Finding]:
    """What is found, without that nobody calls the service."""
    return [finding for finding in plan.findings if finding.code != "HP301"]


def only_service(scan_app: Scan, files: dict[str, str]) -> PlannedService:
    texts = {name: dedent(text) for name, text in files.items()}
    plan = scan_app(texts)
    assert told(plan) == []
    assert disagreements(texts) == []
    (service,) = plan.services
    return service


@pytest.mark.parametrize(
    ("definition", "mark"),
    [
        ("from functools import partial\nour = partial(service, replicas=3)", "@our"),
        ("from functools import partial\nour = partial(service, replicas=2)", "@our(replicas=3)"),
        ("import functools\nour = functools.partial(service, isolated=False)", "@our(replicas=3)"),
        ("from functools import partial", "@partial(service, replicas=3)"),
        ("our = service(replicas=3)", "@our"),
        ("def our(cls): return service(replicas=3)(cls)", "@our"),
        ("def our(cls):\n    cls = service(replicas=3)(cls)\n    cls.team = 'x'\n    return cls", "@our"),
        ("def our(cls):\n    service(replicas=3)(cls)\n    return cls", "@our"),
        ("def our(**options): return service(**options)", "@our(replicas=3)"),
        ("def our(**options):\n    return service(isolated=False, **options)", "@our(replicas=3)"),
        ("def our(copies): return service(replicas=copies)", "@our(3)"),
        ("def our(copies=3): return service(replicas=copies)", "@our()"),
        ("COPIES = 3\ndef our(copies=COPIES): return service(replicas=copies)", "@our()"),
        ("def our(*, copies): return service(replicas=copies)", "@our(copies=3)"),
        ("def our(team, **rest): return service(**rest)", "@our('x', replicas=3)"),
        (INNER, "@our(replicas=3)"),
        (LATER, "@our(replicas=3)"),
        (EITHER, "@our"),
        ("def inner(**o): return service(**o)\ndef our(cls): return inner(replicas=3)(cls)", "@our"),
        ("from functools import partial\ndef our(**o): return partial(service, **o)()", "@our(replicas=3)"),
        ("def our(cls):\n    from homeport import service as s\n    return s(replicas=3)(cls)", "@our"),
        ("def our(cls):\n    import homeport\n    return homeport.service(replicas=3)(cls)", "@our"),
        ("def make():\n    def mark(cls): return service(replicas=3)(cls)\n    return mark\nour = make()", "@our"),
        ("def make(n):\n    def mark(cls): return service(replicas=n)(cls)\n    return mark\nour = make(3)", "@our"),
        ("def our(**o):\n    mark = service\n    return mark(**o)", "@our(replicas=3)"),
        ("def our(cls=None, **o): return service(cls) if cls else service(**o)", "@our(replicas=3)"),
        ("our = lambda cls: service(replicas=3)(cls)", "@our"),
    ],
)
def test_a_decorator_that_wraps_service_is_followed(scan_app: Scan, definition: str, mark: str) -> None:
    files = {"deco.py": f"{DECO}{definition}\n", "pay.py": f"from deco import *\n{mark}\n{PAY}"}
    service = only_service(scan_app, files)
    assert (service.location.module, service.name, service.replicas) == ("pay", "pay", 3)


@pytest.mark.parametrize(
    "source",
    [
        f"{PAY}Pay = service(Pay)",
        f"{PAY}Pay: type[Pay] = service(Pay)",
        f"{PAY}service(Pay)",
        f"{PAY}service(replicas=3)(Pay)",
        f"{PAY}Payments = service(replicas=3)(Pay)",
        f"from functools import partial\n{PAY}partial(service, replicas=3)(Pay)",
        f"from functools import partial\nmark = partial(service, replicas=3)\n{PAY}Pay = mark(Pay)",
    ],
)
def test_a_decorator_may_be_applied_by_hand(scan_app: Scan, source: str) -> None:
    service = only_service(scan_app, {"pay.py": DECO + source})
    assert (service.location.qualname, service.name) == ("Pay", "pay")
    assert service.replicas == (3 if "replicas" in source else 1)


@pytest.mark.parametrize(
    ("constant", "option"),
    [
        ("COPIES = 3", "replicas=COPIES"),
        ("COPIES: int = 3", "replicas=COPIES"),
        ("COPIES = 1 + 2", "replicas=COPIES"),
        ("ONE = 3\nCOPIES = ONE", "replicas=COPIES"),
        ("COPIES, NAME = 3, 'x'", "replicas=COPIES"),
        ("OPTIONS = {'replicas': 3}", "**OPTIONS"),
        ("COPIES = 1\nCOPIES = 3", "replicas=COPIES"),
        ("", "replicas=1 + 2"),
        ("", "**{'replicas': 3}"),
    ],
)
def test_constants_are_followed_be_they_imported_or_not(scan_app: Scan, constant: str, option: str) -> None:
    marked = f"@service({option})\n{PAY}"
    assert only_service(scan_app, {"pay.py": f"{DECO}{constant}\n{marked}"}).replicas == 3
    files = {"sizes.py": constant, "pay.py": f"{DECO}from sizes import *\n{marked}"}
    assert only_service(scan_app, files).replicas == 3


@pytest.mark.parametrize(
    "constant",
    [
        "import os\nCOPIES = int(os.environ.get('COPIES', 3))",
        "COPIES = 3\nimport os\nif os.environ.get('MORE'):\n    COPIES = 5",
        "COPIES = 3\nCOPIES += 1",
        "for COPIES in range(3): ...",
        "from elsewhere import COPIES",
        "class Sizes:\n    COPIES = 3\nCOPIES = Sizes.COPIES",
    ],
)
def test_what_is_no_constant_is_said(scan_app: Scan, constant: str) -> None:
    plan = scan_app({"pay.py": f"{DECO}{constant}\n@service(replicas=COPIES)\n{PAY}"})
    assert [(found.code, found.severity) for found in told(plan)] == [("HP101", "error")]
    assert told(plan)[0].message.startswith("@service(replicas=…) is computed")


def test_a_constant_means_what_it_means_at_the_line_of_the_mark(scan_app: Scan) -> None:
    source = f"{DECO}COPIES = 3\n@service(replicas=COPIES)\n{PAY}COPIES = 5\n"
    assert only_service(scan_app, {"pay.py": source}).replicas == 3


@pytest.mark.parametrize(
    "definition",
    [
        "def our(cls): return cls",
        "def our(cls):\n    print(cls)\n    return cls",
        "from lib import our",
        "from homeport import method\ndef our(cls): return method(cls)",
        "def our(cls):\n    service = make\n    return service(cls)",
        "from functools import partial\nour = partial(print, 3)",
        "import functools\n@functools.cache\ndef our(cls): return cls",
    ],
)
def test_other_decorators_make_no_service(scan_app: Scan, definition: str) -> None:
    plan = scan_app({"pay.py": f"{DECO}{definition}\n@our\n{PAY}@service\nclass Other:\n    async def go(self): ..."})
    assert [service.name for service in plan.services] == ["other"]
    assert told(plan) == []


@pytest.mark.parametrize(
    ("definition", "code", "severity"),
    [
        (SOMETIMES, "HP204", "error"),
        (TWO_WAYS, "HP204", "error"),
        ("def our(**o):\n    o.setdefault('replicas', 3)\n    return service(**o)", "HP101", "error"),
        ("def our(name):\n    name = name.lower()\n    return service(name=name)", "HP101", "error"),
        ("import os\ndef our(cls): return service(replicas=os.cpu_count())(cls)", "HP101", "error"),
    ],
)
def test_a_wrapper_that_cannot_be_followed_is_said_where_it_marks(
    scan_app: Scan, definition: str, code: str, severity: str
) -> None:
    called = "('x')" if "name" in definition else "()" if "**o" in definition else ""
    plan = scan_app({"pay.py": f"{DECO}{definition}\n@our{called}\n{PAY}"})
    (found,) = told(plan)
    assert (found.code, found.severity) == (code, severity)
    assert found.line == definition.count("\n") + 3
    assert found.message.startswith("@our")
    assert found.hint


@pytest.mark.parametrize(
    ("source", "severity", "why"),
    [
        ("from lib import our_service", "note", "lib.our_service is not part of this application"),
        ("from other import *", "warning", "nothing in this file says what the decorator is"),
        ("class our_service:\n    def __init__(self, cls): ...", "warning", "our_service is a class"),
        (
            "class R:\n    def our(self): ...\nr = R()\nour_service = r.our",
            "warning",
            "pay.r.our is an attribute of a value",
        ),
        ("our_service = lib()", "warning", "our_service is what lib() returned"),
        (f"{DECO}def our_service(cls):\n{MUCH}    return service(cls)", "warning", "does too much to be followed"),
        (f"{DECO}def our_service(cls):\n{MUCH}    return cls", "", ""),
        ("def our_service(cls): return cls", "", ""),
    ],
)
def test_a_decorator_whose_name_suggests_a_service_is_said_unless_it_is_known_to_make_none(
    scan_app: Scan, source: str, severity: str, why: str
) -> None:
    plan = scan_app({"pay.py": f"{source}\n@our_service\n{PAY}{DECO}@service\nclass O:\n    async def go(self): ..."})
    assert [(found.code, found.severity) for found in told(plan)] == ([("HP204", severity)] if severity else [])
    assert all(why in found.message for found in told(plan))


@pytest.mark.parametrize(
    "source",
    [
        "class our:\n    def __init__(self, x=1): ...\n    def __call__(self, cls): return service(cls)",
        "class our:\n    def __new__(self, cls): return service(cls)",
        f"def our(cls):\n{MUCH}    return service(cls)",
    ],
)
def test_a_decorator_that_marks_and_is_not_followed_is_said_whatever_its_name(scan_app: Scan, source: str) -> None:
    plan = scan_app({"pay.py": f"{DECO}{source}\n@our\n{PAY}@service\nclass O:\n    async def go(self): ..."})
    assert [(found.code, found.severity) for found in told(plan)] == [("HP204", "warning")]
    assert "it calls service()" in told(plan)[0].message or "and calls service()" in told(plan)[0].message


def test_what_is_named_in_the_settings_counts_as_service(write: Write) -> None:
    files = {
        "shop/__init__.py": "from .deco import our",
        "shop/deco.py": f"{DECO}class our:\n    def __init__(self, team, **o): ...\n    def __call__(self, cls): ...",
        "shop/pay.py": f"from shop import our\n@our('x', replicas=3, colour='red')\n{PAY}",
    }
    for name in ("shop.deco.our", "shop.our"):
        plan = scan(".", write(files), markers=[name])
        assert [(service.name, service.replicas) for service in plan.services] == [("pay", 3)]
        assert told(plan) == []


def test_the_method_of_an_object_may_be_named_in_the_settings(write: Write) -> None:
    files = {
        "shop/main.py": "from lib import Registry\nregistry = Registry()",
        "shop/pay.py": f"from shop.main import registry\n@registry.mark(replicas=3)\n{PAY}",
    }
    plan = scan(".", write(files), markers=["shop.main.registry.mark"])
    assert [(service.name, service.replicas) for service in plan.services] == [("pay", 3)]
    assert told(plan) == []


@pytest.mark.parametrize(("name", "hint"), [("shop.deco.ours", "did you mean our"), ("shop.deco.x", "write module")])
def test_a_marker_that_is_not_there_is_said(write: Write, name: str, hint: str) -> None:
    folder = write({"shop/deco.py": f"{DECO}def our(cls): return cls\n@service\n{PAY}"})
    (found,) = told(scan(".", folder, markers=[name]))
    assert (found.code, found.path) == ("HP804", "[build]")
    assert found.hint.startswith(hint)


@pytest.mark.parametrize("call", ["from pay import Pay\nservice(Pay)", "import pay\nservice(replicas=2)(pay.Pay)"])
def test_a_class_marked_from_another_module_is_an_error(scan_app: Scan, call: str) -> None:
    plan = scan_app({"pay.py": PAY, "main.py": f"{DECO}{call}"})
    found = told(plan)[0]
    assert (found.path, found.code, found.severity) == ("main.py", "HP204", "error")
    assert "workers import that class from pay.py" in found.message


def test_a_service_made_by_a_call_is_said(scan_app: Scan) -> None:
    for made in ("Pay = type('Pay', (), {})\nPay = service(Pay)", "\nPay = service(type('Pay', (), {}))"):
        plan = scan_app({"pay.py": f"{DECO}{made}\n@service\n{PAY}"})
        assert [(found.code, found.line) for found in told(plan)] == [("HP204", 3)]


def test_a_service_inside_a_function_is_said(scan_app: Scan) -> None:
    source = f"{DECO}def make():\n    @service\n    class Inner:\n        async def go(self): ...\n@service\n{PAY}"
    plan = scan_app({"pay.py": source})
    assert [(found.code, found.line, found.severity) for found in told(plan)] == [("HP114", 3, "warning")]


def test_what_only_type_checkers_see_is_no_service(scan_app: Scan) -> None:
    source = f"{DECO}from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n{CLASS_A}@service\n{PAY}"
    assert only_service(scan_app, {"pay.py": source}).name == "pay"


def test_what_runs_only_as_a_script_is_no_service(scan_app: Scan) -> None:
    source = f"{DECO}@service\n{PAY}if __name__ == '__main__':\n{CLASS_A}"
    assert only_service(scan_app, {"pay.py": source}).name == "pay"


def test_marking_twice_by_hand_and_by_decorator_is_an_error(scan_app: Scan) -> None:
    plan = scan_app({"pay.py": f"{DECO}@service\n{PAY}Pay = service(Pay)"})
    assert [found.code for found in told(plan)] == ["HP105"]


def test_the_bases_of_a_service_that_contradict_each_other_are_an_error_said_once(scan_app: Scan) -> None:
    source = f"""
        {DECO}
        class A: ...
        class B(A): ...
        class C(A, B): ...
        @service
        class X(C):
            async def go(self): ...
        @service
        class Y(C):
            async def go(self): ...
    """
    plan = scan_app({"pay.py": source})
    assert [(found.code, found.line) for found in told(plan)] == [("HP113", 6)]


@pytest.mark.parametrize(
    ("source", "matters"),
    [
        ("class A: ...", False),
        ("from dataclasses import dataclass\n@dataclass\nclass A: ...", False),
        ("import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass A: ...", False),
        ("from contextlib import contextmanager\n@contextmanager\ndef f(): ...", False),
        ("LIMIT = 3\nother = f(LIMIT)", False),
        ("import logging\nlog = logging.getLogger(name())", False),
        ("from os.path import join\nx = join(y)", False),
        ("x = service(type('X', (), {}))", True),
        ("x = service(lib.X)", True),
        ("from functools import partial\n@partial(x)\nclass A: ...", True),
        ("import functools\n@functools.partial(x)\nclass A: ...", True),
        ("from lib import dataclass\n@dataclass\nclass A: ...", True),
        ("from dataclasses import dataclass\nfrom lib import *\n@dataclass\nclass A: ...", True),
        ("from lib import service as dataclass\nfrom dataclasses import dataclass\n@dataclass\nclass A: ...", True),
        ("class A: ...\nservice(A)", True),
        ("def f():\n    @service\n    class A: ...", True),
        ("class (", True),
    ],
)
def test_a_file_is_looked_into_if_something_in_it_may_make_a_service(source: str, matters: bool) -> None:
    assert read_module(source, module="m", path="m.py").matters is matters


@pytest.mark.parametrize(
    ("branch", "told_of"),
    [
        ("if os.environ.get('DEBUG'):", True),
        ("for n in range(3):", True),
        ("while today():", True),
        ("try:\n    import lib\nexcept ImportError:", True),
        ("if os.name == 'posix':\n    x = 1\nelse:", True),
        ("if sys.platform == 'win32':\n    x = 1\nelse:", False),
        ("if sys.version_info >= (3, 8):", False),
        ("if not TYPE_CHECKING:", False),
        ("if TYPE_CHECKING:\n    x = 1\nelse:", False),
        ("if True:", False),
        ("with open('x') as f:", False),
        ("try:\n    import lib\nexcept ImportError:\n    lib = None\nelse:", False),
    ],
)
def test_a_service_in_a_branch_that_may_not_be_taken_is_said(scan_app: Scan, branch: str, told_of: bool) -> None:
    plan = scan_app({"app.py": f"{DECO}import os, sys\n{branch}\n{CLASS_A}"})
    assert [service.name for service in plan.services] == ["a"]
    assert [(found.code, found.severity) for found in told(plan)] == ([("HP117", "warning")] if told_of else [])


def test_a_service_that_each_branch_defines_is_always_there(scan_app: Scan) -> None:
    plan = scan_app({"app.py": f"{DECO}import os\nif os.name == 'posix':\n{CLASS_A}else:\n{CLASS_A}"})
    assert told(plan) == []


@pytest.mark.parametrize(
    "maker",
    [
        "class B:\n    def __init_subclass__(cls, **o):\n        super().__init_subclass__()\n        service(cls)",
        "class Base:\n    def __init_subclass__(cls):\n        service(replicas=2)(cls)",
        "class Meta(type):\n    def __init__(cls, *a):\n        service(cls)",
        "from abc import *\nclass Meta(ABCMeta):\n    def __new__(m, *a):\n        return service(make(m, *a))",
    ],
)
def test_bases_and_metaclasses_that_mark_are_said(scan_app: Scan, maker: str) -> None:
    plan = scan_app({"base.py": f"{DECO}{maker}", "pay.py": f"{DECO}@service\n{PAY}"})
    (found,) = told(plan)
    assert (found.path, found.code, found.severity) == ("base.py", "HP204", "warning")
    assert "calls service()" in found.message


def test_other_bases_and_metaclasses_are_no_matter(scan_app: Scan) -> None:
    maker = "class Base:\n    def __init_subclass__(cls):\n        register(cls)\nclass Meta(type):\n    x = 1"
    assert told(scan_app({"base.py": f"{DECO}{maker}", "pay.py": f"{DECO}@service\n{PAY}"})) == []


@pytest.mark.parametrize(
    "call", ["service(Base)", "service(replicas=2)(Base)", "traced(Base)", "traced(service(Base))"]
)
def test_a_class_decorated_by_hand_is_still_a_base_and_a_type(scan_app: Scan, call: str) -> None:
    base = "class Base:\n    async def go(self):\n        await self.stock.take()\n"
    files = {
        "base.py": f"{DECO}def traced(cls): return cls\n{base}Base = {call}\n",
        "pay.py": f"{DECO}from base import Base\n@service\nclass Pay(Base):\n    base: Base | None\n",
    }
    pay = scan_app(files).service("pay")
    assert pay is not None
    found = [dependency.attribute for dependency in pay.dependencies]
    assert found == (["base", "stock"] if "service(" in call else ["stock"])
    assert disagreements(files) == []


@pytest.mark.parametrize(("end", "codes"), [("return cls", []), ("return service(cls)", ["HP204"])])
def test_functions_that_call_many_others_are_followed_only_so_far(scan_app: Scan, end: str, codes: list[str]) -> None:
    functions = [
        f"def f{n}(cls):\n" + "".join(f"    cls = f{n + 1}(cls)\n" for _ in range(4)) + "    return cls\n"
        for n in range(30)
    ]
    plan = scan_app({"pay.py": f"{DECO}{''.join(functions)}def f30(cls):\n    {end}\n@f0\n{PAY}@service\n{CLASS_B}"})
    assert [service.name for service in plan.services] == ["b"]
    assert [found.code for found in told(plan)] == codes


def test_a_helper_that_is_given_nothing_of_the_class_is_no_part_of_a_decorator(scan_app: Scan) -> None:
    source = f"{DECO}def note(text): return service()\ndef our(cls):\n    note('x')\n    return cls\n@our\n{PAY}"
    plan = scan_app({"pay.py": f"{source}@service\n{CLASS_B}"})
    assert [service.name for service in plan.services] == ["b"]
