"""A caller and a callee, each a process of its own: ours, and those of the peers."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import homeport
from benchmarks.apps.echo.load import Figures
from benchmarks.harness import machine, nodes, programs
from benchmarks.harness.results import CACHE


class Pair(NamedTuple):
    """Pinned, connected and waiting. ``drive(in_flight, seconds)`` has the client call the server."""

    name: str
    server: int  # pid
    client: int
    drive: Callable[[int, float], Figures]


class Missing(Exception):
    """A peer cannot be measured here; the message says what it lacks."""


@contextmanager
def homeport_pair() -> Iterator[Pair]:
    """Two services of one application, each in a worker: what ``homeport run`` makes of it, nothing switched off."""
    with nodes.running("benchmarks/apps/echo") as node, homeport.connect_sync(node.folder) as hp:
        pids = node.processes()
        server, client = pids["payments-1"], pids["shop-1"]
        machine.pin(pids.values(), machine.SERVER_CORE)
        machine.pin([client], machine.CLIENT_CORE)
        shop = hp.service("shop")
        yield Pair("homeport", server, client, lambda in_flight, seconds: shop.drive(in_flight, seconds))


@contextmanager
def grpc_pair() -> Iterator[Pair]:
    if importlib.util.find_spec("grpc") is None:
        raise Missing("grpc.aio is not installed: pip install --group bench")
    program = [sys.executable, "-m", "benchmarks.peers.grpc_payments"]
    with tempfile.TemporaryDirectory(prefix="homeport-benchmark-") as folder:
        endpoint = f"unix:{folder}/grpc.sock"
        with _pair("grpc.aio", [*program, "serve", endpoint], [*program, "call", endpoint]) as pair:
            yield pair


@contextmanager
def moleculer_pair(version: str) -> Iterator[Pair]:
    folder = _moleculer(version)
    program = str(Path(__file__).with_name("moleculer") / "payments.js")
    ports = [str(port) for port in _free_ports(2)]
    serve = ["node", program, "serve", str(folder), *ports]
    call = ["node", program, "call", str(folder), *ports]
    with _pair(f"moleculer {version} TCP", serve, call) as pair:
        yield pair


PAIRS: dict[str, Callable[[], AbstractContextManager[Pair]]] = {
    "homeport": homeport_pair,
    "grpc": grpc_pair,
    "moleculer-0.15": lambda: moleculer_pair("0.15"),
    "moleculer-0.14": lambda: moleculer_pair("0.14"),
}


@contextmanager
def _pair(name: str, serve: list[str], call: list[str]) -> Iterator[Pair]:
    with programs.started(serve, name) as server:
        server.answer()  # ready
        with programs.started(call, name) as client:
            client.answer()
            machine.pin([server.pid], machine.SERVER_CORE)
            machine.pin([client.pid], machine.CLIENT_CORE)

            def drive(in_flight: int, seconds: float) -> Figures:
                figures: Figures = client.ask(in_flight=in_flight, seconds=seconds)
                return figures

            yield Pair(name, server.pid, client.pid, drive)


def _moleculer(version: str) -> Path:
    """The folder that Moleculer is installed in; installed at the first use."""
    folder = CACHE / f"moleculer-{version}"
    if not (folder / "node_modules" / "moleculer").is_dir():
        if shutil.which("npm") is None or shutil.which("node") is None:
            raise Missing(f"moleculer {version} needs node and npm, which are not installed")
        folder.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix", str(folder)]
        done = subprocess.run([*install, f"moleculer@{version}"], capture_output=True, text=True)
        if done.returncode:
            raise Missing(f"moleculer {version} cannot be installed: {done.stderr.strip() or done.stdout.strip()}")
    return folder


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
