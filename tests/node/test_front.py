"""The front keeps its port over restarts, and the node refuses to be open by mistake."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from homeport.config import NodeConfig
from homeport.errors import ConfigError
from homeport.node import port
from homeport.node.adoption import Record
from homeport.node.front import Front
from homeport.node.launch import LaunchFailed
from homeport.testing.clock import FakeClock
from tests.node.test_supervisor import FakeProcess


class FakeLauncher:
    def __init__(self, ready_file: Path) -> None:
        self.ready_file = ready_file
        self.sockets: list[int] = []
        self.processes: list[FakeProcess] = []
        self.refuses = False

    def launch(self, listening: socket.socket, url: str) -> FakeProcess:
        if self.refuses:
            raise LaunchFailed("no more processes")
        self.sockets.append(listening.fileno())
        self.processes.append(FakeProcess())
        return self.processes[-1]

    def forget(self) -> None:
        pass

    def last_lines(self) -> str:
        return "address book missing"


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock, self.launcher = FakeClock(), FakeLauncher(folder / "ready")
        self.bound: list[socket.socket] = []
        self.told_ready = 0
        ready = self.launcher.ready_file
        self.front = Front(self.launcher, self.bind, ready, self.clock, random.Random(1), self.ready)

    def ready(self) -> None:
        self.told_ready += 1

    def bind(self, number: int) -> tuple[socket.socket, str]:
        self.bound.append(port.bind("127.0.0.1", number, explicit=False))
        return self.bound[-1], port.url_of(self.bound[-1], "127.0.0.1", tls=False)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    running: list[asyncio.Task[None]] = []
    made.run = lambda: running.append(asyncio.ensure_future(made.front.run()))  # type: ignore[attr-defined]
    yield made
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for listening in made.bound:
        listening.close()


async def begin(bench: Bench) -> None:
    bench.front.start(*bench.bind(0))
    bench.run()  # type: ignore[attr-defined]
    await bench.clock.advance(0)


async def test_it_answers_once_it_says_so(bench: Bench) -> None:
    await begin(bench)
    assert not bench.front.answers
    bench.launcher.ready_file.touch()
    await bench.clock.advance(0.1)
    assert bench.front.answers
    assert bench.told_ready == 1


async def test_a_front_that_ends_is_started_again_on_the_same_port(bench: Bench) -> None:
    await begin(bench)
    url = bench.front.url
    bench.launcher.processes[0].end(1)
    await bench.clock.advance(0)
    assert not bench.front.answers
    assert "address book missing" in bench.front.trouble
    await bench.clock.advance(1)
    assert len(bench.launcher.processes) == 2
    assert bench.launcher.sockets[0] == bench.launcher.sockets[1]
    assert bench.front.url == url


async def test_a_front_that_cannot_be_started_is_tried_again(bench: Bench) -> None:
    bench.launcher.refuses = True
    await begin(bench)
    assert bench.front.trouble == "no more processes"
    bench.launcher.refuses = False
    await bench.clock.advance(1)
    assert len(bench.launcher.processes) == 1


async def test_an_adopted_front_answers_at_once_and_its_port_is_bound_anew_when_it_ends(bench: Bench) -> None:
    process = FakeProcess()
    bench.front.adopt(Record(name="front", url="http://127.0.0.1:1", port=0), process)
    bench.run()  # type: ignore[attr-defined]
    await bench.clock.advance(0)
    assert bench.front.answers
    assert bench.bound == []
    process.end(None)
    await bench.clock.advance(1)
    assert len(bench.bound) == 1
    assert len(bench.launcher.processes) == 1


async def test_stopping_lets_it_finish_and_starts_it_no_more(bench: Bench) -> None:
    await begin(bench)
    stopping = asyncio.ensure_future(bench.front.stop(patience=5))
    await bench.clock.advance(0)
    assert bench.launcher.processes[0].signals == [signal.SIGTERM]
    bench.launcher.processes[0].end(0)
    await stopping
    await bench.clock.advance(60)
    assert len(bench.launcher.processes) == 1


async def test_stopping_takes_no_longer_than_its_patience(bench: Bench) -> None:
    await begin(bench)
    await bench.front.stop(patience=0.01)
    assert bench.launcher.processes[0].signals == [signal.SIGTERM, signal.SIGKILL]


# -- the port ----------------------------------------------------------------------------------------------------------


def test_a_taken_port_gives_way_to_the_next_free_one() -> None:
    with port.bind("127.0.0.1", 0, explicit=True) as taken:
        number = taken.getsockname()[1]
        with port.bind("127.0.0.1", number, explicit=False) as found:
            assert found.getsockname()[1] != number


def test_a_taken_port_that_was_asked_for_is_an_error() -> None:
    with port.bind("127.0.0.1", 0, explicit=True) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {number} of 127.0.0.1 is in use.*--port"):
            port.bind("127.0.0.1", number, explicit=True)


def test_a_host_that_is_none_of_this_machine_is_told() -> None:
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
        port.bind("192.0.2.1", 0, explicit=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_needs_nothing(host: str) -> None:
    port.check_exposure(NodeConfig(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "shop.example.com"])
def test_beyond_loopback_a_token_and_encryption_are_needed(host: str) -> None:
    with pytest.raises(ConfigError, match="HOMEPORT_NODE__TOKEN"):
        port.check_exposure(NodeConfig(host=host))
    with pytest.raises(ConfigError, match="tls_certificate"):
        port.check_exposure(NodeConfig(host=host, token="t"))
    port.check_exposure(NodeConfig(host=host, token="t", tls_certificate="c", tls_key="k"))
    port.check_exposure(NodeConfig(host=host, token="t", plain_http=True))


def test_the_url_is_one_that_a_browser_here_can_open() -> None:
    with port.bind("0.0.0.0", 0, explicit=True) as listening:
        number = listening.getsockname()[1]
        assert port.url_of(listening, "0.0.0.0", tls=False) == f"http://127.0.0.1:{number}"
        assert port.url_of(listening, "::1", tls=True) == f"https://[::1]:{number}"
