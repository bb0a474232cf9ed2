"""The boutique as its users meet it: real processes, real HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.real_node import RealNode, running

ROOT = Path(__file__).parents[1]
CHECKOUT = {
    "user_id": "ada",
    "email": "ada@example.com",
    "address": {"name": "Ada", "street": "Kade 1", "city": "Harlingen", "postcode": "8862", "country": "NL"},
    "card": {"number": "4242 4242 4242 4242", "expiry_year": 2099, "expiry_month": 1, "security_code": "123"},
}


@pytest.fixture(scope="module")
def boutique(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    with running("examples/boutique", ROOT, tmp_path_factory.mktemp("boutique")) as node:
        yield node


def ask(node: RealNode, method: str, **arguments: Any) -> httpx.Response:
    return httpx.post(f"{node.url}/api/v1/call/frontend/{method}", json=arguments, timeout=10)


def load(node: RealNode, seconds: float, users: int = 5) -> dict[str, Any]:
    words = ("--users", str(users), "--seconds", str(seconds), "--think", "0.05", "--url", node.url, "--json")
    done = node.python("-m", "examples.boutique.load", *words)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_eleven_services_are_ready(boutique: RealNode) -> None:
    instances = json.loads(boutique.homeport("ps", "--json").stdout)
    instances = instances["instances"] if isinstance(instances, dict) else instances
    assert len({instance["service"] for instance in instances}) == 11
    assert {instance["state"] for instance in instances} == {"ready"}
    assert len({instance["pid"] for instance in instances}) == len(instances) == 12


def test_a_shopper_buys_something(boutique: RealNode) -> None:
    assert ask(boutique, "add_to_cart", user_id="ada", product_id="storm-kettle", quantity=2).json() == 2
    assert ask(boutique, "set_currency", user_id="ada", currency="JPY").status_code in (200, 204)
    order = ask(boutique, "checkout", **CHECKOUT)
    assert order.status_code == 200, order.text
    assert order.json()["total"] == {"currency": "JPY", "minor": 19190}
    letters = json.loads(boutique.homeport("call", "email.outbox", '["ada@example.com"]').stdout)
    assert order.json()["shipment"]["tracking_id"] in letters[0]["text"]


def test_refusals_have_their_own_status(boutique: RealNode) -> None:
    ask(boutique, "add_to_cart", user_id="bob", product_id="enamel-mug", quantity=1)
    declined = CHECKOUT["card"] | {"number": "4000 0000 0000 0002"}  # type: ignore[operator]
    answer = ask(boutique, "checkout", **CHECKOUT | {"user_id": "bob", "card": declined})
    assert (answer.status_code, answer.json()["code"]) == (402, "card_declined")
    assert answer.json()["fields"] == {"reason": "the bank declined it"}
    assert ask(boutique, "cart", user_id="bob").json()["lines"][0]["quantity"] == 1


def test_shoppers_are_served_without_a_failure(boutique: RealNode) -> None:
    report = load(boutique, seconds=2)
    assert report["requests"] > 20
    assert report["failed"] == 0, report["failures"]


@pytest.mark.long
def test_scaling_up_and_down_under_load_fails_no_call(boutique: RealNode) -> None:
    reports: list[dict[str, Any]] = []
    shoppers = threading.Thread(target=lambda: reports.append(load(boutique, seconds=20)))
    shoppers.start()
    for replicas in (3, 1, 2, 1):
        scaled = boutique.homeport("scale", "product_catalog", str(replicas))
        assert scaled.returncode == 0, scaled.stderr
        try:
            shoppers.join(timeout=4)
        except RuntimeError:
            break
    shoppers.join()
    assert reports[0]["failed"] == 0, reports[0]["failures"]


@pytest.mark.long
def test_one_process_can_hold_them_all(tmp_path: Path) -> None:
    with running("examples/boutique", ROOT, tmp_path, "--layout", "single") as node:
        report = load(node, seconds=3)
        assert report["failed"] == 0, report["failures"]


@pytest.mark.long
@pytest.mark.timeout(300)  # it downloads
def test_make_run_opens_the_boutique_in_a_fresh_environment(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    made = subprocess.run(
        ["make", "--silent", ".venv/.installed", f"PYTHON={sys.executable}"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    boutique = [clone / ".venv" / "bin" / "homeport", "run", "examples/boutique", "--detach", "--port", "0"]
    try:
        run = subprocess.run(boutique, cwd=clone, capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        assert "http://127.0.0.1:" in run.stdout
    finally:
        subprocess.run([boutique[0], "stop", "--node", ".homeport"], cwd=clone, capture_output=True, check=False)
