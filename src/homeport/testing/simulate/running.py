"""Runs scenarios: one seed, many seeds, and what is said of a seed that fails."""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from homeport.testing.simulate.cluster import Cluster, Scenario
from homeport.testing.simulate.interpose import interposed
from homeport.testing.simulate.invariants import Invariant, standard
from homeport.testing.simulate.process import Process
from homeport.testing.simulate.world import World

SHOWN = 60  # lines of the trace in a failure's message


class Failed(AssertionError):
    """A seed that broke a promise. ``trace`` is everything that happened; the same seed does it all again."""

    def __init__(self, seed: int, broken: Sequence[str], trace: str) -> None:
        super().__init__(seed, broken, trace)
        self.seed, self.broken, self.trace = seed, list(broken), trace

    def __str__(self) -> str:
        lines = self.trace.splitlines()
        last = lines[-SHOWN:]
        faults = "\n".join(f"  {one}" for one in self.broken)
        return (
            f"seed {self.seed} breaks {len(self.broken)} promise{'s' * (len(self.broken) != 1)}:\n{faults}\n"
            f"the last {len(last)} of {len(lines)} events:\n" + "\n".join(f"  {line}" for line in last)
        )


class Outcome:
    """What a run came to."""

    def __init__(self, seed: int, result: Any, trace: str, digest: str, broken: list[str], seconds: float) -> None:
        self.seed, self.result, self.trace, self.digest = seed, result, trace, digest
        self.broken, self.seconds = broken, seconds


def simulate(
    scenario: Scenario, seed: int, *, invariants: Callable[[], list[Invariant]] = standard, check: bool = True
) -> Outcome:
    """Run ``scenario`` in the world of ``seed``, and hold it to Homeport's promises at every step and at the end::

        async def shop(cluster):
            cluster.node()
            cluster.worker(PaymentService, instances=2)
            caller = cluster.caller()
            await cluster.ready()
            cluster.crash("payment-1")
            assert await caller.call("payment", "process", 5) == "paid"

        def test_a_crash_is_survived():
            simulate(shop, seed=7)

    Raises:
        Failed: a promise was broken, or the scenario raised; the message shows the seed and the latest events.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError(
            "simulate() has its own time: call it from a plain `def` test, not from a running event loop"
        )
    world = World(seed)
    root = Path(tempfile.mkdtemp(prefix="homeport-simulated-", dir=_memory()))
    world.trace.hidden.append((str(root), "/simulated/disk"))
    collecting = gc.isenabled()
    gc.disable()  # when it runs depends on everything else in the interpreter
    cluster: Cluster | None = None
    watching = _Listening(world)
    try:
        with interposed(world), watching:
            cluster = Cluster(world, root)
            invariant_list = invariants()
            for invariant in invariant_list:
                invariant.attach(cluster)
            result, error = _run(world, cluster, scenario)
            broken = [f"the scenario: {type(error).__name__}: {error}"] if error is not None else []
            broken += world.faults
            for invariant in invariant_list:
                if error is None:
                    invariant.finish(cluster)
                broken += [f"{invariant.name}: {one}" for one in invariant.broken]
            trace, digest, seconds = world.trace.bytes().decode(), world.trace.digest(), world.now
            _unwind(world)
    finally:
        if collecting:
            gc.enable()
        shutil.rmtree(root, ignore_errors=True)
    if broken and check:
        raise Failed(seed, broken, trace) from error
    return Outcome(seed, result, trace, digest, broken, seconds)


def explore(
    scenario: Scenario, seeds: Iterable[int], *, invariants: Callable[[], list[Invariant]] = standard
) -> list[Outcome]:
    """Run every seed; the first that fails ends it.

    Raises:
        Failed: as ``simulate()``.
    """
    return [simulate(scenario, seed, invariants=invariants) for seed in seeds]


def _run(world: World, cluster: Cluster, scenario: Scenario) -> tuple[Any, BaseException | None]:
    finished: list[tuple[Any, BaseException | None]] = []

    async def main() -> None:
        try:
            result = await scenario(cluster)
        except Exception as error:
            finished.append((None, error))
        else:
            finished.append((result, None))

    Process(world, "scenario", main)
    try:
        world.run(lambda: bool(finished))
    except Exception as error:
        return None, error
    return finished[0]


def _unwind(world: World) -> None:
    world.over = True
    for process in reversed(world.processes):
        process.unwind()


def _memory() -> str | None:
    """A folder in memory, where there is one: the simulated disk is slow enough."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


class _Listening(logging.Handler):
    """Puts what code logs into the trace; an error with a stack is a fault that somebody swallowed."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.INFO)
        self._world = world
        self._logger = logging.getLogger("homeport")
        self._before: tuple[int, bool] = (logging.NOTSET, True)

    def __enter__(self) -> None:
        self._before = (self._logger.level, self._logger.propagate)
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        self._logger.addHandler(self)

    def __exit__(self, *exc: object) -> None:
        self._logger.removeHandler(self)
        self._logger.level, self._logger.propagate = self._before
        self._logger.setLevel(self._before[0])

    def emit(self, record: logging.LogRecord) -> None:
        if self._world.over or self._world.current is None:
            return
        fields = {key: value for key, value in vars(record).items() if key not in _USUAL}
        said = " ".join(f"{key}={value}" for key, value in sorted(fields.items()) if key != "stack")
        self._world.trace.tell(f"logs {record.getMessage()}", said)
        if record.exc_info and record.exc_info[1] is not None and record.name != "homeport.services":
            error = record.exc_info[1]
            self._world.faults.append(
                f"{self._world.current.name} logged {record.getMessage()}: {type(error).__name__}: {error}"
            )


_USUAL = {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "taskName"}
