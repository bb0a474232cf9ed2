"""The simulated machine itself: time, order, threads, network and disk behave as real ones do, and always alike."""

from __future__ import annotations

import ast
import asyncio
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from homeport.errors import DeadlineExceeded
from homeport.testing.simulate import Cluster, Failed, simulate
from homeport.testing.simulate.interpose import PLACES
from tests.simulation.scenarios import SCENARIOS, shop
from tests.simulation.shop import Stock

ROOT = Path(__file__).parents[2]
ESCAPES = {"threading", "socket", "queue", "select", "multiprocessing", "subprocess"}
# Modules that may use these: what they do with them does not run in a simulation, or needs no standing in for.
HARMLESS = {
    "homeport.rpc.context": "a thread-local value",
    "homeport.rpc.socket_file": "stood in for as a whole",
    "homeport.worker.threads": "a lock that is never waited for; the loop runs the threads",
    "homeport.worker.logs": "what a real process writes",
    "homeport.worker.asgi": "serves HTTP, which is not simulated",
}


def test_a_seed_replays_exactly_whatever_ran_before_and_whatever_the_hashes() -> None:
    program = (
        "import sys; from homeport.testing.simulate import simulate; from tests.simulation.scenarios import SCENARIOS\n"
        "for name in sys.argv[1:]: last = simulate(SCENARIOS[name], 4)\n"
        "print(last.digest)"
    )

    def digest(hashes: str, *names: str) -> str:
        environ = {**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", program, *names]
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout

    assert digest("1", "weather") == digest("2", "forgotten_session", "weather")


def test_two_seeds_are_two_stories() -> None:
    assert simulate(SCENARIOS["forgotten_session"], 1).digest != simulate(SCENARIOS["forgotten_session"], 2).digest


def test_time_passes_only_in_the_simulation() -> None:
    async def wait(cluster: Cluster) -> tuple[float, float]:
        began, wall = time.monotonic(), time.time()
        await asyncio.sleep(3600)
        return time.monotonic() - began, time.time() - wall

    began = time.monotonic()
    monotonic, wall = simulate(wait, 1).result
    assert monotonic == pytest.approx(3600)
    assert wall == pytest.approx(3600)
    assert time.monotonic() - began < 10


def test_chance_comes_from_the_seed_and_is_given_back_afterwards() -> None:
    async def draw(cluster: Cluster) -> tuple[float, bytes, float]:
        return random.random(), os.urandom(8), random.Random().random()

    random.seed(5)
    expected = random.random()
    random.seed(5)
    assert simulate(draw, 1).result == simulate(draw, 1).result != simulate(draw, 2).result
    assert random.random() == expected


def test_a_blocking_handler_stalls_its_own_process_and_no_other() -> None:
    async def stall(cluster: Cluster) -> None:
        cluster.node()
        cluster.worker(Stock)
        cluster.worker(Stock)
        caller = cluster.caller()
        await cluster.ready()
        began = cluster.world.now
        blocked = asyncio.ensure_future(caller.call("stock", "stall", 1.0))
        await asyncio.sleep(0.05)
        answers = [await caller.call("stock", "count", "x", timeout=5) for _ in range(4)]
        assert answers == [1, 1, 1, 1]
        assert await blocked == "unblocked"
        assert cluster.world.now - began >= 1.0

    simulate(stall, 3)


def test_a_def_method_runs_in_a_thread_beside_its_loop() -> None:
    async def both(cluster: Cluster) -> float:
        cluster.node()
        cluster.worker(Stock)
        caller = cluster.caller()
        await cluster.ready()
        await caller.call("stock", "count", "x")
        began = cluster.world.now
        threads = [asyncio.ensure_future(caller.call("stock", "in_a_thread", 0.5)) for _ in range(3)]
        assert await caller.call("stock", "count", "tea", timeout=0.1) == 3
        assert {await thread for thread in threads} == {"from a thread"}
        return cluster.world.now - began

    assert simulate(both, 1).result == pytest.approx(0.5, abs=0.05)


def test_a_scenario_that_fails_shows_its_seed_and_what_happened() -> None:
    async def wrong(cluster: Cluster) -> None:
        shop(cluster)
        await cluster.ready()
        cluster.crash("stock-1")
        await cluster.run(1)
        raise AssertionError("it was not to be")

    with pytest.raises(Failed) as failed:
        simulate(wrong, 11)
    text = str(failed.value)
    assert "seed 11" in text
    assert "it was not to be" in text
    assert "stock-1        is killed" in text
    assert failed.value.trace == _trace_of(wrong, 11)


def _trace_of(scenario: object, seed: int) -> str:
    return simulate(scenario, seed, check=False).trace  # type: ignore[arg-type]


def test_whoever_is_cut_off_hears_nothing_until_the_partition_ends() -> None:
    async def cut(cluster: Cluster) -> None:
        cluster.node()
        cluster.worker(Stock)
        caller = cluster.caller()
        await cluster.ready()
        await caller.call("stock", "count", "x")
        cluster.partition("stock-1", "caller", one_way=True)
        with pytest.raises(DeadlineExceeded):
            await caller.call("stock", "count", "x", timeout=0.4)
        cluster.heal()
        assert await caller.call("stock", "count", "x") == 1

    simulate(cut, 2)


def test_a_simulation_inside_a_running_loop_is_refused() -> None:
    async def outside() -> None:
        async def nothing(cluster: Cluster) -> None: ...

        with pytest.raises(RuntimeError, match="its own time"):
            simulate(nothing, 1)

    asyncio.run(outside())


@pytest.mark.parametrize("package", ["rpc", "worker", "registry", "discovery", "balancing"])
def test_nothing_of_the_real_code_slips_out_of_the_simulation(package: str) -> None:
    for path in sorted((ROOT / "src/homeport" / package).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        escaped = imported & ESCAPES
        assert not escaped or module in PLACES or module in HARMLESS, f"{module} uses {sorted(escaped)}"
