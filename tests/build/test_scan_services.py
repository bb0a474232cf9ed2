"""Which classes are services, and what a scan says of their marks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.build.application import scan
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import Location, Plan

Scan = Callable[..., Plan]

BODY = "class Pay:\n    async def go(self): ..."


def errors(plan: Plan) -> list[str]:
    return [f"{f.path}:{f.line}:{f.column}: {said(f)}" for f in plan.findings if f.severity == "error"]


def said(finding: Finding) -> str:
    assert finding.code, finding
    return f"{finding.message}; {finding.hint}" if finding.hint else finding.message


@pytest.mark.parametrize(
    "source",
    [
        f"from homeport import service\n@service\n{BODY}",
        f"from homeport import service\n@service()\n{BODY}",
        f"from homeport import service as svc\n@svc\n{BODY}",
        f"import homeport\n@homeport.service\n{BODY}",
        f"import homeport as hp\n@hp.service(name='pay')\n{BODY}",
        f"import homeport.authoring.service\n@homeport.authoring.service.service\n{BODY}",
        f"from homeport.authoring.service import service\n@service\n{BODY}",
        f"from homeport.authoring import service as s\n@s.service\n{BODY}",
        f"from homeport import *\n@service\n{BODY}",
        f"import homeport\nmark = homeport.service\n@mark\n{BODY}",
        f"from common import service\n@service\n{BODY}",
        f"from common import *\n@service\n{BODY}",
        f"import common\n@common.service\n{BODY}",
        f"from common.deep import mark\n@mark\n{BODY}",
        f"import common.deep\n@common.deep.mark\n{BODY}",
        f"from common import deep\n@deep.mark\n{BODY}",
        f"try:\n    from homeport import service\nexcept ImportError:\n    service = None\n@service\n{BODY}",
        f"def other(c): return c\nfrom homeport import service\n@other\n@service\n{BODY}",
    ],
)
def test_the_decorator_is_known_by_every_name_it_can_have(scan_app: Scan, source: str) -> None:
    plan = scan_app(
        {
            "pay.py": source,
            "common/__init__.py": "from homeport import service",
            "common/deep.py": "from . import service as mark",
        }
    )
    assert [service.name for service in plan.services] == ["pay"]
    assert errors(plan) == []


@pytest.mark.parametrize(
    "source",
    [
        f"def service(c): return c\n@service\n{BODY}",
        f"from flask import service\n@service\n{BODY}",
        f"from homeport import method\n@method\n{BODY}",
        f"from a import service\n@service\n{BODY}",
        "from homeport import service\ndef f():\n    @service\n    class Pay:\n        async def go(self): ...",
        "from homeport import service\n@service\nclass Base:\n    async def go(self): ...\nclass Pay(Base): ...",
    ],
)
def test_what_only_looks_like_the_decorator_is_not(scan_app: Scan, source: str) -> None:
    plan = scan_app({"pay.py": source, "a.py": "from b import service", "b.py": "from a import service"})
    assert "pay" not in [service.name for service in plan.services]


def test_options_and_place_are_read_from_the_source(scan_app: Scan) -> None:
    plan = scan_app(
        {
            "shop/__init__.py": "",
            "shop/till.py": """
                from homeport import service

                class Outer:
                    @service(name="pay", version="2", replicas=3, isolated=True, public=True)
                    class Till:
                        asgi = object()
                        async def go(self): ...
            """,
        }
    )
    (service,) = plan.services
    assert service.location == Location(module="shop.till", qualname="Outer.Till", path="shop/till.py", line=6)
    shown = (service.name, service.kind, service.version, service.replicas, service.isolated, service.public)
    assert shown == ("pay", "class", "2", 3, True, True)
    assert service.files == ("shop/__init__.py", "shop/till.py")


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (
            "@service(replicas=N)",
            r"@service\(replicas=…\) is computed, but the scan reads only literals and constants; write the value",
        ),
        ("@service(**options)", r"@service\(\*\*…\) is computed"),
        ("@service('pay')", "takes its options by name"),
        ("@service(replica=2)", "no option 'replica'"),
        ("@service(replicas=-2)", "must be 0 or more"),
        ("@service(name='Pay')", "'Pay' is not a service name"),
        ("@service(name='homeport')", "reserved"),
        ("@service(singleton=True, replicas=2)", "contradicts itself"),
    ],
)
def test_a_mark_that_cannot_be_is_an_error_where_it_stands(scan_app: Scan, mark: str, message: str) -> None:
    plan = scan_app({"pay.py": f"from homeport import service\n{mark}\n{BODY}"})
    assert plan.services == ()
    (error,) = errors(plan)
    assert error.startswith("pay.py:2:2: ")
    assert re.search(message, error), error


def test_a_class_is_marked_once(scan_app: Scan) -> None:
    plan = scan_app({"pay.py": f"from homeport import service\n@service\n@service\n{BODY}"})
    assert errors(plan) == ["pay.py:3:2: class Pay is marked with @service twice; keep one of them"]


def test_a_marked_function_is_an_error(scan_app: Scan) -> None:
    plan = scan_app({"pay.py": "from homeport import service\n@service\nasync def pay(): ..."})
    assert "pay.py:2:2: @service marks classes, and 'pay' is a function" in errors(plan)[0]


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "def go(self): ...",
        "async def _go(self): ...",
        "async def startup(self): ...\n    async def shutdown(self): ...\n    async def health(self): ...",
        "@staticmethod\n    async def go(): ...",
        "@classmethod\n    async def go(cls): ...",
        "@property\n    async def go(self): ...",
        "go = 1",
    ],
)
def test_a_class_without_methods_is_an_error(scan_app: Scan, body: str) -> None:
    plan = scan_app({"pay.py": f"from homeport import service\n@service\nclass Pay:\n    {body}"})
    (error,) = errors(plan)
    assert error.startswith("pay.py:3:1: class Pay has no methods to serve; add a public `async def`")


@pytest.mark.parametrize(
    "body",
    [
        "async def go(self): ...",
        "async def go(self):\n        yield 1",
        "@method\n    def go(self): ...",
        "@method(timeout=2)\n    def go(self): ...",
        "@other\n    async def go(self): ...",
    ],
)
def test_any_served_function_is_a_method(scan_app: Scan, body: str) -> None:
    source = f"from homeport import service, method\ndef other(f): return f\n@service\nclass Pay:\n    {body}"
    assert errors(scan_app({"pay.py": source})) == []


def test_a_base_from_a_library_may_bring_the_methods(scan_app: Scan) -> None:
    plan = scan_app({"pay.py": "from homeport import service\nfrom lib import Base\n@service\nclass Pay(Base): ..."})
    assert plan.findings == ()


def test_two_classes_of_one_name_are_an_error_that_names_both(scan_app: Scan) -> None:
    source = f"from homeport import service\n@service\n{BODY}"
    plan = scan_app({"a.py": source, "b.py": source.replace("Pay", "PayService")})
    (error,) = errors(plan)
    assert error.startswith("b.py:3:1: two classes are called 'pay': PayService here and Pay at a.py:3; give one")


def test_a_dependency_on_itself_is_an_error(scan_app: Scan) -> None:
    body = "    async def go(self):\n        await self.pay.go()\n    me: 'Pay'"
    plan = scan_app({"pay.py": f"from homeport import service\n@service\nclass Pay:\n{body}"})
    assert [error.split(";")[0] for error in errors(plan)] == [
        "pay.py:5:15: service 'pay' depends on itself through self.pay",
        "pay.py:6:5: service 'pay' depends on itself through self.me",
    ]
    assert plan.services[0].dependencies == ()


def test_a_dependency_that_is_not_here_is_a_warning_with_near_names_but_never_oneself(scan_app: Scan) -> None:
    source = """
        from homeport import service

        @service
        class Payment:
            async def go(self):
                await self.payments.go()
                await self.ledgr.go()

        @service
        class Ledger:
            maybe: "Unknown" = None
            async def go(self): ...
    """
    findings = scan_app({"pay.py": source}).findings
    assert [(found.severity, found.line, found.column) for found in findings] == [
        ("warning", 7, 15),
        ("warning", 8, 15),
    ]
    assert said(findings[0]).endswith(
        "'payments', which is not in this application; it may also be registered from outside"
    )
    assert findings[1].hint.startswith("did you mean 'ledger'?")


def test_services_may_depend_on_each_other_in_a_circle(scan_app: Scan) -> None:
    source = """
        from homeport import service

        @service
        class A:
            async def go(self):
                await self.b.go()

        @service
        class B:
            async def go(self):
                await self.a.go()
    """
    plan = scan_app({"pay.py": source})
    assert [found.severity for found in plan.findings] == ["note"]
    assert [service.dependencies[0].service for service in plan.services] == ["b", "a"]


def test_an_init_parameter_that_nothing_can_fill_is_an_error(scan_app: Scan) -> None:
    source = (
        f"from homeport import service\n@service\n{BODY}\n    def __init__(self, config, gateway, size=3, *a, **k): ..."
    )
    (error,) = errors(scan_app({"pay.py": source}))
    assert error.startswith("pay.py:5:32: __init__ parameter 'gateway' is neither a service nor has a default")


def test_a_used_attribute_of_an_unknown_type_is_a_warning_that_shows_the_way(scan_app: Scan) -> None:
    source = """
        from homeport import service
        from elsewhere import Ledger

        @service
        class Pay:
            ledger: Ledger
            async def go(self):
                await self.ledger.write()
    """
    (warning,) = scan_app({"pay.py": source}).findings
    assert warning.severity == "warning"
    assert "write `ledger: Ledger = dependency()`" in warning.hint


def test_an_unparsable_file_is_an_error_and_the_others_are_read(scan_app: Scan) -> None:
    plan = scan_app({"pay.py": f"from homeport import service\n@service\n{BODY}", "broken.py": "def f(:\n"})
    assert [service.name for service in plan.services] == ["pay"]
    (error,) = errors(plan)
    assert error.startswith("broken.py:1:7: the file cannot be parsed: ")


@pytest.mark.parametrize(
    "content", [b"x = '\xff'", b"# coding: klingon\n", b"x = 1\0", b"(" * 5000, b"\xef\xbb\xbfx = ("]
)
def test_bytes_that_are_no_python_are_an_error_not_a_crash(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.py").write_bytes(content)
    (error,) = errors(scan(".", tmp_path))
    assert error.startswith("odd.py:")


def test_a_long_chain_of_branches_or_terms_is_read(scan_app: Scan) -> None:
    branches = "if x == 0: pass\n" + "".join(f"elif x == {n}: pass\n" for n in range(1500))
    terms = " + ".join(["self.b.go()"] * 1500)
    source = f"from homeport import service\nx = 1\n@service\nclass Pay:\n  async def go(self):\n    return {terms}\n"
    plan = scan_app({"pay.py": source, "long.py": branches})
    assert [d.attribute for d in plan.services[0].dependencies] == ["b"]


def test_nothing_to_run_is_an_error_that_says_where_it_looked(scan_app: Scan) -> None:
    (error,) = errors(scan_app({"a.py": "class Pay: ..."}))
    assert "no class marked with @service in " in error
    assert "(1 files read)" in error


def test_user_code_is_never_run(scan_app: Scan) -> None:
    plan = scan_app({"pay.py": f"from homeport import service\nraise SystemExit('ran')\n@service\n{BODY}"})
    assert [service.name for service in plan.services] == ["pay"]
