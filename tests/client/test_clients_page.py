"""docs/clients.md shows code that runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.conftest import Node, ThreadedNode
from tests.test_readme import ROOT, blocks

PAGE = ROOT / "docs" / "clients.md"


def block(word: str) -> str:
    (found,) = [text for _, text in blocks(PAGE, "python") if word in text]
    return found


@pytest.fixture
def seed(node_aside: ThreadedNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """``examples/seed`` in place of the tests' own service, and a folder to work in."""
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "seed"))

    async def replace(node: Node) -> None:
        import payments

        await node.end_work()
        await node.work(payments.Payments, name="payments-2")

    node_aside.do(replace)
    monkeypatch.setenv("HOMEPORT_NODE", node_aside.endpoint)
    yield Path.cwd()
    sys.modules.pop("payments", None)


def printed(code: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False, env=os.environ
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_scripts_run(seed: Path) -> None:
    accepted = "{'payment': {'amount': 5}, 'status': 'accepted'}\n"
    assert printed(block("nightly-report")) == accepted
    assert printed(block("connect_sync() as")).startswith(accepted + "['payments-")
    assert printed(block('service("payments").process({"amount": 5}))\n\n\nasyncio.run')) == accepted


def test_the_watch_tells_of_each_change(seed: Path) -> None:
    code = block("hp.watch").replace("change.cause.what)", "change.cause.what)\n            break")
    assert "ready startup() done" in printed(code)


def test_the_view_answers(seed: Path) -> None:
    code = "\n".join(
        [
            "import sys, types, django",
            "from django.conf import settings",
            "from django.test import RequestFactory",
            "settings.configure(ALLOWED_HOSTS=['testserver'])",
            "module = sys.modules['services'] = types.ModuleType('services')",
            f"exec({block('@cache')!r}, vars(module))",
            f"exec({block('def pay')!r})",
            "print(pay(RequestFactory().get('/pay?amount=5')).content.decode())",
        ]
    )
    assert printed(code) == '{"payment": {"amount": "5"}, "status": "accepted"}\n'
