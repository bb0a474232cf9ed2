"""Checks on a real node: an outside program registers over HTTP, is looked at, and changes state."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.real_node import RealNode, running

APP = """
from homeport import service

@service
class GreeterService:
    async def greet(self, name: str) -> str:
        return f"hello {name}"
"""


class Legacy(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def legacy_program() -> Iterator[tuple[type[Legacy], int]]:
    handler = type("Handler", (Legacy,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield handler, server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(node: RealNode, path: str, body: object = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(
        f"{node.url}/api/v1{path}",
        data,
        {"Content-Type": "application/json"},
        method="PUT" if body is not None else "GET",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def until(node: RealNode, state: str) -> None:
    deadline = time.monotonic() + 15
    while (found := ask(node, "/instances/legacy-1"))["state"] != state:
        assert time.monotonic() < deadline, f"it is still {found}"
        time.sleep(0.05)


def test_an_outside_program_is_looked_at_and_why_tells_what_was_seen(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    check = {"kind": "http", "target": "/health", "body": "ok", "interval": 0.2, "timeout": 2, "failures": 2}
    with legacy_program() as (program, port), running("app.py", tmp_path, tmp_path / "scratch") as node:
        declared = {"service": "legacy", "endpoints": [f"http://127.0.0.1:{port}"], "ttl": None, "checks": [check]}
        ask(node, "/instances/legacy-1", declared)
        until(node, "ready")
        program.status = 503
        until(node, "unhealthy")
        story = ask(node, "/why/legacy-1")
        assert story["entries"][-1]["cause"]["actor"] == "health monitor"
        assert f"GET http://127.0.0.1:{port}/health answered 503" in story["summary"]
        told = node.homeport("why", "legacy")
        assert told.returncode == 0
        assert "answered 503" in told.stdout
        program.status = 200
        until(node, "ready")
