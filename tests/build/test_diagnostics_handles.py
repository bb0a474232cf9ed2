"""``check --fix`` declares handles: what it writes, where, and what it leaves alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.build.application import scan
from homeport.build.diagnostics.fixes.applying import apply
from homeport.build.diagnostics.fixes.handles import File, Handle, declare
from homeport.build.diagnostics.fixes.rounds import Looked, fix
from homeport.build.diagnostics.texts import Texts
from homeport.build.diagnostics.undeclared import undeclared_handles, with_edits
from homeport.build.plan import Plan
from tests.build.made_applications import applications

Write = Callable[[dict[str, str]], Path]

PAYMENTS = """\
from homeport import service


@service
class Payments:
    async def process(self, order: str) -> int:
        return 1
"""


def declared(source: str, *attributes: str, own: tuple[str, ...] = (), path: str = "shop/cart.py") -> str:
    """The source with these attributes declared, each standing for its class in ``shop.payments``."""
    source = dedent(source)
    handles = []
    for attribute in attributes or ("payments",):
        line = next(n for n, text in enumerate(source.split("\n"), 1) if f"self.{attribute}." in text)
        handles.append(Handle(attribute, line, "shop.payments", attribute.title()))
    file = File(path, path.removesuffix(".py").removesuffix("/__init__").replace("/", "."), "__init__" in path)
    return apply(source, [declare(source, file, handles, own.__contains__).edits]).text


def test_one_line_in_the_class_and_an_import_for_type_checkers() -> None:
    assert declared(
        '''\
        """Carts."""

        import asyncio

        from homeport import service


        @service
        class Cart:
            """What people want to buy."""

            async def pay(self, order):
                await self.payments.process(order)
        '''
    ) == dedent(
        '''\
        """Carts."""

        import asyncio
        from typing import TYPE_CHECKING

        from homeport import service

        if TYPE_CHECKING:
            from shop.payments import Payments


        @service
        class Cart:
            """What people want to buy."""

            payments: "Payments"

            async def pay(self, order):
                await self.payments.process(order)
        '''
    )


def test_what_the_file_has_already_is_used() -> None:
    assert declared(
        """\
        from __future__ import annotations

        from typing import TYPE_CHECKING, Any

        from homeport import service

        if TYPE_CHECKING:
            from shop.orders import Order
            from shop.stock import Stock


        @service
        class Cart:
            limit: int = 3

            async def pay(self, order: Order, *extra: Any):
                await self.payments.process(order)
                await self.refunds.process(order)
        """,
        "payments",
        "refunds",
    ) == dedent(
        """\
        from __future__ import annotations

        from typing import TYPE_CHECKING, Any

        from homeport import service

        if TYPE_CHECKING:
            from shop.orders import Order
            from shop.payments import Payments, Refunds
            from shop.stock import Stock


        @service
        class Cart:
            limit: int = 3
            payments: Payments
            refunds: Refunds

            async def pay(self, order: Order, *extra: Any):
                await self.payments.process(order)
                await self.refunds.process(order)
        """
    )


@pytest.mark.parametrize(
    ("imports", "annotation"),
    [
        ("from shop.payments import Payments", "Payments"),
        ("from shop.payments import Payments as P", "P"),
        ("from .payments import Payments", "Payments"),
        ("import shop.payments", "shop.payments.Payments"),
        ("import shop.payments as pay", "pay.Payments"),
    ],
)
def test_a_class_that_is_imported_already_is_not_imported_again(imports: str, annotation: str) -> None:
    source = f"from homeport import service\n{imports}\n\n\n@service\nclass Cart:\n"
    body = "    async def pay(self):\n        await self.payments.process()\n"
    assert declared(source + body) == f"{source}    payments: {annotation}\n\n{body}"


def test_neighbours_are_imported_as_the_file_imports_them() -> None:
    source = """\
        from homeport import service
        from .types import Order

        @service
        class Cart:
            async def pay(self): await self.payments.process()
        """
    assert "    from .payments import Payments\n" in declared(source)
    assert "    from shop.payments import Payments\n" in declared(source, path="other/cart.py")


def test_the_guard_may_be_known_by_another_name() -> None:
    result = declared(
        """\
        import typing as t
        from homeport import service

        @service
        class Cart:
            async def pay(self): await self.payments.process()
        """
    )
    assert result.splitlines()[:5] == [
        "import typing as t",
        "from homeport import service",
        "",
        "if t.TYPE_CHECKING:",
        "    from shop.payments import Payments",
    ]


CART = "class Cart:\n    async def pay(self):\n        await self.payments.process()\n"
DECLARED = CART.replace("Cart:\n", 'Cart:\n    payments: "Payments"\n\n')
BLOCK = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
GUARDED = "if TYPE_CHECKING:\n    from shop.payments import Payments\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"from typing import TYPE_CHECKING\n\n{GUARDED}\n"),
        ("# Ours.\n", f"# Ours.\n\nfrom typing import TYPE_CHECKING\n\n{GUARDED}\n"),
        ('"""Carts."""\n\n\n', f'"""Carts."""\n\nfrom typing import TYPE_CHECKING\n\n{GUARDED}\n\n'),
        ("import os\n\n\n", f"import os\nfrom typing import TYPE_CHECKING\n\n{GUARDED}\n\n"),
        ("import os\n", f"import os\nfrom typing import TYPE_CHECKING\n\n{GUARDED}\n"),
        ("import x\n\n\n", f"from typing import TYPE_CHECKING\n\nimport x\n\n{GUARDED}\n\n"),
        ("from zlib import a\n\n\n", f"from typing import TYPE_CHECKING\nfrom zlib import a\n\n{GUARDED}\n\n"),
        (
            "from typing import TYPE_CHECKING as TC\n\n\n",
            "from typing import TYPE_CHECKING as TC\n\nif TC:\n    from shop.payments import Payments\n\n\n",
        ),
        (
            "from typing import (\n    Any,\n)\n\n\n",
            f"from typing import (\n    Any,\n)\nfrom typing import TYPE_CHECKING\n\n{GUARDED}\n\n",
        ),
        (
            "from typing import Any  # for later\n\n\n",
            f"from typing import Any  # for later\nfrom typing import TYPE_CHECKING\n\n{GUARDED}\n\n",
        ),
        (
            f"{BLOCK}    import os\n\n",
            f"{BLOCK}    import os\n    from shop.payments import Payments\n\n",
        ),
        (
            f"{BLOCK}    from shop.z import Z\n    from . import a\n    from .z import z\n\n",
            f"{BLOCK}    from shop.z import Z\n    from . import a\n"
            "    from .payments import Payments\n    from .z import z\n\n",
        ),
    ],
)
def test_the_import_stands_where_a_sorter_of_imports_would_put_it(before: str, after: str) -> None:
    assert declared(before + CART) == after + DECLARED


@pytest.mark.parametrize(
    ("path", "imports"),
    [
        ("shop/__init__.py", "from .payments import Payments"),
        ("shop/__init__.py", "from shop.payments import Payments"),
        ("shop/carts/cart.py", "from ..payments import Payments"),
        ("shop/carts/__init__.py", "from ..payments import Payments"),
    ],
)
def test_relative_imports_are_followed_from_where_the_file_is(path: str, imports: str) -> None:
    expected = CART.replace("Cart:\n", "Cart:\n    payments: Payments\n\n")
    assert declared(f"{imports}\n{CART}", path=path) == f"{imports}\n{expected}"


def test_what_is_imported_after_the_class_is_of_no_use_when_it_is_made() -> None:
    late = "from shop.payments import Payments\n"
    assert declared(f"{CART}{late}") == f"{DECLARED}{late}"
    guard = "x = 1\nfrom typing import TYPE_CHECKING\n"
    assert declared(f"import os\n{guard}{CART}").startswith(
        f"import os\nfrom typing import TYPE_CHECKING\n\n{GUARDED}\n{guard}"
    )


def test_an_import_of_all_of_typing_is_left_as_it_is() -> None:
    assert declared(f"from typing import *\n{CART}").startswith(
        f"from typing import *\nfrom typing import TYPE_CHECKING\n\n{GUARDED}"
    )


def test_typing_is_imported_beside_what_comes_from_it_already() -> None:
    result = declared(
        """\
        from typing import cast, Any
        from homeport import service

        @service
        class Cart:
            async def pay(self): await self.payments.process()
        """
    )
    assert result.startswith("from typing import TYPE_CHECKING, Any, cast\nfrom homeport")


def test_a_name_that_is_taken_is_imported_as_another() -> None:
    result = declared(
        """\
        from homeport import service
        from django.db import Payments

        @service
        class Cart:
            async def pay(self): await self.payments.process()
        """
    )
    assert "    from shop.payments import Payments as PaymentsService\n" in result
    assert '    payments: "PaymentsService"\n' in result


def test_comments_above_a_method_stay_with_it() -> None:
    result = declared(
        """\
        from homeport import service
        @service
        class Cart:
        \t# how people pay
        \t@wrapped
        \tasync def pay(self): await self.payments.process()
        """
    )
    assert '\tpayments: "Payments"\n\n\t# how people pay\n\t@wrapped\n' in result
    assert "if TYPE_CHECKING:\n\tfrom shop.payments" in result


def test_a_second_block_for_type_checkers_is_known_too() -> None:
    source = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import shop\nx = 1\nif TYPE_CHECKING:\n"
        "    from shop.payments import Payments\nclass Cart:\n"
    )
    body = "    async def pay(self):\n        await self.payments.process()\n"
    assert declared(source + body) == f'{source}    payments: "Payments"\n\n{body}'


@pytest.mark.parametrize(
    "head",
    [
        "@service\n@dataclass\nclass Cart:",
        "@dataclass\nclass Cart:",
        "@attrs.define(slots=True)\nclass Cart:",
        "@service\n@registered\nclass Cart:",
        "@service\nclass Cart(BaseModel):",
        "@service\nclass Cart(metaclass=Fields):",
        "class Base(NamedTuple): ...\n@service\nclass Cart(Base):",
    ],
)
def test_a_class_that_may_make_fields_of_annotations_is_left_alone(head: str) -> None:
    source = (
        f"from pydantic import BaseModel\n{head}\n    async def pay(self):\n        await self.payments.process()\n"
    )
    assert declared(source) == source


@pytest.mark.parametrize("base", ["ABC", "Generic[T]", "object", "Own", "shop.base.Base", "Base", "Other"])
def test_bases_of_the_application_are_no_hindrance(base: str) -> None:
    source = (
        "import shop.base\nfrom .base import Base\nfrom homeport import service\nclass Own(Base): ...\n"
        f"class Other(Own): ...\n@service\nclass Cart({base}):\n"
        "    async def pay(self):\n        await self.payments.process()\n"
    )
    assert 'payments: "Payments"' in declared(source, own=("shop.base",))


@pytest.mark.parametrize(
    "body",
    [
        "class Cart: pay = lambda self: self.payments.process()",
        "class Cart:\n    '''Doc.'''; pay = lambda self: self.payments.process()",
        "self.payments.process()",
        "class Cart:\n    payments = None\n    async def pay(self): self.payments.process()",
    ],
)
def test_where_there_is_no_place_for_it_nothing_is_written(body: str) -> None:
    assert declared(f"{body}\n") == f"{body}\n"


IMPORTS = ["import os", "from typing import Any", "from __future__ import annotations", "import typing", "x = 1"]


@given(
    top=st.lists(st.sampled_from(["'''Doc.'''", "# note", "", *IMPORTS, f"{BLOCK}    import shop.x"]), max_size=5),
    head=st.sampled_from(["", "    '''Doc.'''\n", "    '''Doc.'''\n\n", "    a: int\n", "    # c\n", "    b = 1\n"]),
    between=st.sampled_from(["", "\n", "\n\n"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_in_any_file_one_round_declares_all_and_another_nothing(
    top: list[str], head: str, between: str, end: str
) -> None:
    future = [line for line in top if "__future__" in line][:1]
    lines = [*future, *(line for line in top if "__future__" not in line)]
    body = f"class Cart:\n{head}    async def pay(self):\n        self.payments.a(self.refunds.b())\n"
    source = "\n".join([*lines, f"{between}{body}"]).replace("\n", end)
    once = declared(source, "payments", "refunds")
    tree = ast.parse(once)
    (cart,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    names = [
        node.target.id for node in cart.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    assert names[-2:] == ["payments", "refunds"]
    assert ast.get_docstring(cart) == ast.get_docstring(ast.parse(source).body[-1])  # type: ignore[arg-type]
    assert once.replace("\r\n", "").count("\n") == (0 if end == "\r\n" else once.count("\n"))
    assert len([line for line in once.splitlines() if line and line not in source.splitlines()]) <= 5
    assert declared(once, "payments", "refunds") == once


# -- with a scan -----------------------------------------------------------------------------------------------------


def look(folder: Path) -> Looked:
    plan = scan(".", folder)
    texts, handles = Texts(Path(plan.root)), undeclared_handles(plan)
    return Looked(plan, with_edits(handles, handles, texts), texts)


def told(plan: Plan) -> list[tuple[str, str, str, bool]]:
    return [
        (service.name, dependency.attribute, dependency.service, dependency.declared)
        for service in plan.services
        for dependency in service.dependencies
    ]


APPLICATION = {
    "shop/__init__.py": "",
    "shop/payments.py": PAYMENTS,
    "shop/base.py": """\
        class Paying:
            async def _pay(self, order: str) -> int:
                return await self.payments.process(order)
        """,
    "shop/cart.py": """\
        from homeport import service
        from shop.base import Paying


        @service
        class Cart(Paying):
            async def buy(self, order: str) -> int:
                await self.mail.send(order)
                return await self._pay(order)


        @service
        class Mail:
            async def send(self, text: str) -> None:
                if text == "again":
                    await self.cart.buy(text)
        """,
}


def test_after_the_fix_the_plan_is_the_same_but_declared(write: Write) -> None:
    folder = write(APPLICATION)
    before = told(scan(".", folder))
    fixed = fix(lambda: look(folder))
    assert fixed.made == {"HP120": 3}
    assert fixed.files == ("shop/base.py", "shop/cart.py")
    assert fixed.looked.findings == ()
    assert before == [
        ("cart", "mail", "mail", False),
        ("cart", "payments", "payments", False),
        ("mail", "cart", "cart", False),
    ]
    assert sorted(told(scan(".", folder))) == [(*one, True) for *one, _ in before]


def test_what_cannot_be_edited_is_told_without_a_promise(write: Write) -> None:
    text = APPLICATION["shop/cart.py"].replace(
        "@service\n        class Mail", "@service\n        @same\n        class Mail"
    )
    findings = look(write({**APPLICATION, "shop/cart.py": text})).findings
    assert [(bool(finding.edits), finding.hint) for finding in findings] == [
        (True, "write `mail: Mail` in the class; `homeport check --fix` does"),
        (True, "write `payments: Payments` in the class; `homeport check --fix` does"),
        (False, "write `cart: Cart` in the class"),
    ]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(applications())
def test_in_any_application_the_edits_change_nothing_but_that_handles_are_declared(files: dict[str, str]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        before = [one[:3] for one in told(scan(".", folder))]
        fixed = fix(lambda: look(folder))
        assert fixed.refused == {}
        assert not any(finding.edits for finding in fixed.looked.findings)
        assert sorted(one[:3] for one in told(fixed.looked.plan)) == sorted(before)


@pytest.mark.tools
def test_the_fixed_application_can_be_imported_and_mypy_checks_its_calls(write: Write) -> None:
    folder = write(APPLICATION)
    fix(lambda: look(folder))
    imported = subprocess.run(
        [sys.executable, "-c", "import shop.cart, shop.base"], cwd=folder, capture_output=True, text=True
    )
    assert imported.returncode == 0, imported.stderr
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--cache-dir", str(folder / ".mypy"), "shop"]
    clean = subprocess.run(mypy, cwd=folder, capture_output=True, text=True)
    assert clean.returncode == 0, clean.stdout
    cart = folder / "shop/cart.py"
    cart.write_text(cart.read_text().replace("self.mail.send(order)", "self.mail.send(3)"))
    wrong = subprocess.run(mypy, cwd=folder, capture_output=True, text=True)
    assert 'Argument 1 to "send" of "Mail" has incompatible type "int"; expected "str"' in wrong.stdout


def test_edits_that_would_change_who_calls_whom_are_taken_back(write: Write) -> None:
    folder = write(APPLICATION)
    texts = {path: (folder / path).read_bytes() for path in APPLICATION}
    looks = 0

    def forgetful() -> Looked:
        nonlocal looks
        looks += 1
        looked = look(folder)
        return looked if looks != 2 else Looked(Plan(root=looked.plan.root, services=()), (), looked.texts)

    fixed = fix(forgetful)
    assert set(fixed.refused) == {"shop/base.py", "shop/cart.py"}
    assert "taken back" in fixed.refused["shop/cart.py"]
    assert {path: (folder / path).read_bytes() for path in APPLICATION} == texts
