"""What is generated of the boutique, beside a boutique that runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.real_node import RealNode, running

ROOT = Path(__file__).parents[2]
BOUTIQUE = str(ROOT / "examples" / "boutique")

CALLER = """
import asyncio

import boutique_client
from boutique_client import errors, models, services
from homeport.contracts.signature import signature_of


async def main() -> None:
    async with boutique_client.connect() as app:
        assert isinstance(app, boutique_client.BoutiqueClient)
        lantern = [product async for product in app.product_catalog.search("brass lantern")][0]
        assert type(lantern) is models.Product, lantern
        [item] = await app.cart.add("ada", lantern.id, quantity=2)
        assert item == models.CartItem(product_id=lantern.id, quantity=2)
        try:
            await app.cart.add("ada", "nothing")
        except errors.ProductNotFound as error:
            assert error.product_id == "nothing"
        else:
            raise AssertionError("there is no such product")


asyncio.run(main())
with boutique_client.connect_sync() as app:
    assert [item.quantity for item in app.cart.items("ada")] == [2]
    assert all(type(product) is models.Product for product in app.product_catalog.search("lantern"))
for name, cls in {"cart": services.Cart, "checkout": services.Checkout}.items():
    assert signature_of(cls, name).contract.fingerprint == boutique_client.FINGERPRINTS[name]
"""


@pytest.fixture(scope="module")
def boutique(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    scratch = tmp_path_factory.mktemp("generated")
    with running(BOUTIQUE, scratch, scratch) as node:
        yield node


@pytest.fixture(scope="module")
def package(boutique: RealNode) -> Path:
    """Of the source; the node has no part in it."""
    done = boutique.homeport("generate", "client", BOUTIQUE, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert (made["name"], len(made["services"])) == ("boutique_client", 11)
    return boutique.folder / made["folder"]


def test_the_client_calls_the_running_boutique_with_its_own_types(boutique: RealNode, package: Path) -> None:
    (package / "caller.py").write_text(CALLER)
    done = boutique.python(str(package / "caller.py"))
    assert done.returncode == 0, done.stderr


@pytest.mark.tools
def test_the_client_and_what_uses_it_pass_mypy_in_strict_mode(package: Path) -> None:
    (package / "caller.py").write_text(CALLER)
    words = ["--strict", "--follow-imports=silent", "--cache-dir", str(package / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words, "boutique_client", "caller.py"],
        cwd=package, env={"MYPYPATH": str(ROOT / "src"), "PATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_made_of_the_source_and_of_the_node_is_the_same(boutique: RealNode, package: Path) -> None:
    done = boutique.homeport("generate", "client", "--live", "--name", "boutique_client", "-o", "of-node", "--json")
    assert done.returncode == 0, done.stderr
    for name in ("models.py", "errors.py", "services.py", "blocking.py", "contracts.json"):
        assert (boutique.folder / "of-node" / "boutique_client" / name).read_bytes() == (
            package / "boutique_client" / name
        ).read_bytes()


def test_the_openapi_document_of_the_source_is_valid_and_the_one_that_the_front_serves(boutique: RealNode) -> None:
    done = boutique.homeport("generate", "openapi", BOUTIQUE, "-o", "openapi.json")
    assert done.returncode == 0, done.stderr
    document = json.loads((boutique.folder / "openapi.json").read_text())
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    assert document == httpx.get(f"{boutique.url}/openapi.json", timeout=10).json()


def test_the_graph_of_the_node_has_the_calls_of_the_source(boutique: RealNode) -> None:
    written = json.loads(boutique.homeport("graph", BOUTIQUE, "--json").stdout)
    running_ = json.loads(boutique.homeport("graph", "--live", "--json").stdout)
    pairs = [{(call["caller"], call["callee"]) for call in graph["calls"]} for graph in (written, running_)]
    assert pairs[0] == pairs[1]
    assert written["start_order"] == running_["start_order"]
