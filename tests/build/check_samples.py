"""Small applications for checks, and what is found in them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from textwrap import dedent, indent

from homeport.build.application import scan
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import Plan

HEADER = """\
from __future__ import annotations
import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal, Optional
from homeport import dependency, method, service
"""

PAYMENTS = """
@service
class Payments:
    async def process(self, order: str, attempts: int = 3, /, note: str = "", *, currency: str = "EUR") -> int: ...
    async def names(self) -> list[str]: ...
    async def nothing(self) -> None: ...
    async def anything(self): ...
    async def changes(self, since: int = 0) -> AsyncIterator[str]:
        yield ""
    @method
    def total(self) -> int: ...
    @other
    async def wrapped(self, x): ...
    async def _charge(self): ...
    async def startup(self): ...
    def count(self): ...
    @staticmethod
    async def shape(): ...
"""


def plan_of(files: dict[str, str]) -> Plan:
    """The plan of these files (path → text)."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return scan(".", root)


def findings_in(body: str, *, extra: str = "", head: str = "") -> list[Finding]:
    """What is found in the methods of a service ``Checkout`` with this body, beside a service ``payments``."""
    start = f"{HEADER}{dedent(head)}\n@service\nclass Checkout:\n    async def run(self): ...\n"
    source = f"{start}{indent(dedent(body), '    ')}\n"
    plan = plan_of({"checkout.py": source, "payments.py": f"{HEADER}def other(f): return f\n{PAYMENTS}{dedent(extra)}"})
    return [found for found in plan.findings if found.path == "checkout.py" and found.code != "HP301"]


def codes_in(body: str, **more: str) -> list[str]:
    return [found.code for found in findings_in(body, **more)]


def in_method(lines: str) -> str:
    """An ``async def`` with these lines."""
    return f"async def go(self, order=None, orders=()):\n{indent(dedent(lines), '    ')}"
