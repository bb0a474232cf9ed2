"""The front of a real node, and the examples as their READMEs tell to run them."""

from __future__ import annotations

import ast
import contextlib
import inspect
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 45.0  # seconds; the machine may be busy with other tests


class Node:
    """``homeport run`` in a folder of its own."""

    def __init__(self, target: Path, folder: Path) -> None:
        self.app = folder / "app"
        shutil.copytree(target, self.app)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.data = self.app / ".homeport"
        self.log = folder / "out.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "homeport", "run", ".", "--port", str(self.port), "--data", str(self.data)],
                cwd=self.app,
                env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10, trust_env=False)

    def wait_until_all_are_ready(self) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                answer = self.http.get("/readyz")
                if answer.status_code == 200 and not answer.json()["waiting"]:
                    return
            time.sleep(0.1)
        raise AssertionError(f"not ready:\n{self.log.read_text()}")

    def call(self, method: str, arguments: Any) -> httpx.Response:
        return self.http.post(f"/api/v1/call/{method.replace('.', '/')}", json=arguments)

    def stop(self) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            for record in self.data.glob("run/**/*.json"):  # nothing may outlive the test
                with contextlib.suppress(Exception):
                    os.kill(json.loads(record.read_bytes())["pid"], signal.SIGKILL)
            raise


@contextlib.contextmanager
def running(example: str, folder: Path) -> Iterator[Node]:
    node = Node(EXAMPLES / example, folder)
    try:
        node.wait_until_all_are_ready()
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with running("seed", tmp_path_factory.mktemp("seed")) as node:
        yield node


def test_the_seeds_example_answers_over_http(seed: Node) -> None:
    for arguments in ({"payment": {"amount": 5}}, [{"amount": 5}]):
        answer = seed.call("payment.process", arguments)
        assert answer.json() == {"payment": {"amount": 5}, "status": "accepted"}
    answer = seed.call("payment.process", {"paymnt": 1})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["next"].startswith("try: curl ")
    assert seed.call("payment.proces", []).status_code == 404
    assert "did you mean 'process'" in seed.call("payment.proces", []).json()["detail"]


def test_the_services_are_listed_and_described(seed: Node) -> None:
    assert [one["name"] for one in seed.http.get("/api/v1/services").json()] == ["payment", "payments"]
    described = seed.http.get("/openapi.json").json()
    assert {"/api/v1/call/payment/process", "/api/v1/call/payments/process"} <= described["paths"].keys()
    assert seed.http.get("/api/v1/why/payments").json()["entries"]
    assert "text/html" in seed.http.get("/").headers["content-type"]


def test_an_outside_program_joins_is_watched_and_leaves(seed: Node) -> None:
    with seed.http.stream("GET", "/api/v1/watch", params={"service": "legacy"}) as watch:
        lines = watch.iter_lines()
        assert next(lines).startswith("id: ")
        body = {"service": "legacy", "endpoints": ["http://127.0.0.1:9"], "ttl": 30}
        done = seed.http.put("/api/v1/instances/legacy-1", json=body)
        assert done.json()["durability"] == "synced"
        changed = json.loads(
            next(line for line in lines if line.startswith('data: {"revision"') and "legacy-1" in line)[6:]
        )
        assert changed["instance"]["endpoints"] == ["http://127.0.0.1:9"]
    assert seed.http.put("/api/v1/instances/legacy-1/heartbeat").json() == {"known": True}
    taken = seed.http.put("/api/v1/instances/evil-1", json={**body, "service": "payments"})
    assert taken.status_code == 403
    socket = seed.http.put("/api/v1/instances/evil-1", json={**body, "endpoints": ["http+unix:/run/docker.sock"]})
    assert socket.status_code == 422
    assert seed.http.delete("/api/v1/instances/legacy-1").status_code == 200
    assert seed.http.get("/api/v1/instances/legacy-1").status_code == 404


def test_a_foreign_page_reaches_nothing(seed: Node) -> None:
    assert seed.http.get("/api/v1/services", headers={"host": "evil.example"}).status_code == 403
    assert seed.http.get("/api/v1/services", headers={"origin": "https://evil.example"}).status_code == 403


async def test_the_notebook_runs_from_top_to_bottom(seed: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMEPORT_NODE", str(seed.data))
    notebook = json.loads((EXAMPLES / "notebook" / "explore.ipynb").read_text())
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            code = compile("".join(cell["source"]), cell["id"], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(code, names)
            if inspect.isawaitable(result):
                await result
    assert names["story"].entries


def test_the_django_example_calls_a_service(tmp_path: Path) -> None:
    with running("django", tmp_path) as node:
        view = (
            "import website; from django.test import Client; "
            "client = Client(headers={'host': 'localhost'}); "
            "print(client.get('/hello/ann').content.decode(), client.get('/hello/bob').json()['greeted'])"
        )
        told = subprocess.run(
            [sys.executable, "-c", view],
            cwd=node.app,
            env={**os.environ, "HOMEPORT_NODE": str(node.data)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert told.stdout.strip() == '{"text": "Hello, ann!", "greeted": 1} 2', told.stderr


def test_the_fastapi_example_calls_and_is_called(tmp_path: Path) -> None:
    with running("fastapi", tmp_path) as node:
        placed = node.http.post("/apps/orders/orders", json={"sku": "pen", "quantity": 3})
        assert (placed.status_code, placed.json()) == (201, {"number": 1, "left": 7})
        refused = node.http.post("/apps/orders/orders", json={"sku": "ink", "quantity": 3})
        assert (refused.status_code, refused.json()["detail"]["code"]) == (409, "out_of_stock")
        assert node.call("stock.report", {}).json()["pen"] == {"left": 7, "ordered": 3}
        declined = node.call("stock.take", {"sku": "ink", "quantity": 5})
        assert (declined.status_code, declined.json()["fields"]) == (409, {"sku": "ink", "left": 2})
        assert "/apps/orders/openapi.json" in node.http.get("/apps/orders/docs").text
