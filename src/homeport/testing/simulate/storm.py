"""Random misfortune: faults drawn from the seed, one after the other, until all is mended."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from homeport.testing.simulate.cluster import Cluster

Fault = Callable[[Cluster, random.Random], None]


def kill_worker(cluster: Cluster, rng: random.Random) -> None:
    cluster.crash(rng.choice(sorted(cluster.workers)))


def kill_node(cluster: Cluster, rng: random.Random) -> None:
    """``kill -9``, and back after a while."""
    _lose_node(cluster, rng, power=False)


def cut_power(cluster: Cluster, rng: random.Random) -> None:
    """The node's disk keeps only what was synced. Its workers, on other machines, live on."""
    _lose_node(cluster, rng, power=True)


def _lose_node(cluster: Cluster, rng: random.Random, power: bool) -> None:
    name = rng.choice(sorted(cluster.nodes))
    cluster.crash(name, power=power)
    cluster.world.after(rng.choice([0.05, 0.5, 3.0, 8.0]) * rng.uniform(0.5, 1.5), cluster.restart, name)


def pause_worker(cluster: Cluster, rng: random.Random) -> None:
    _pause(cluster, rng, sorted(cluster.workers))


def pause_node(cluster: Cluster, rng: random.Random) -> None:
    _pause(cluster, rng, sorted(cluster.nodes))


def pause_caller(cluster: Cluster, rng: random.Random) -> None:
    _pause(cluster, rng, sorted(cluster.callers))


def _pause(cluster: Cluster, rng: random.Random, names: Sequence[str]) -> None:
    cluster.pause(rng.choice(names), rng.choice([0.1, 0.7, 2.0, 5.0, 12.0]) * rng.uniform(0.5, 1.5))


def partition(cluster: Cluster, rng: random.Random) -> None:
    one, other = _two(cluster, rng)
    one_way = rng.random() < 0.5
    cluster.partition(one, other, one_way=one_way)
    cluster.world.after(rng.choice([0.3, 2.0, 6.0]) * rng.uniform(0.5, 1.5), _mend, cluster, one, other)


def slow_link(cluster: Cluster, rng: random.Random) -> None:
    one, other = _two(cluster, rng)
    cluster.slow(one, other, rng.choice([0.01, 0.1, 0.8]) * rng.uniform(0.5, 1.5))
    cluster.world.after(rng.uniform(0.5, 6.0), _mend, cluster, one, other)


def reset_link(cluster: Cluster, rng: random.Random) -> None:
    cluster.reset(*_two(cluster, rng))


def slow_process(cluster: Cluster, rng: random.Random) -> None:
    """Its loop takes a hundred times as long for everything, as on a machine that swaps."""
    process = cluster.process(_anyone(cluster, rng))
    process.slowness = rng.choice([20.0, 100.0])
    cluster.world.trace.tell("is slow", process.slowness, process=process.name)
    cluster.world.after(rng.uniform(0.5, 5.0), setattr, process, "slowness", 1.0)


def jump_clock(cluster: Cluster, rng: random.Random) -> None:
    """Forward on both clocks, as after a suspend, or the wall clock alone, either way."""
    process = cluster.process(_anyone(cluster, rng))
    if rng.random() < 0.5:
        process.jump(monotonic=rng.choice([0.5, 4.0, 60.0]))
    else:
        process.jump(wall=rng.choice([-3600.0, -2.0, 2.0, 3600.0]))


def fill_disk(cluster: Cluster, rng: random.Random) -> None:
    disk = cluster.nodes[rng.choice(sorted(cluster.nodes))].disk
    disk.full = True
    cluster.world.trace.tell("disk is full")
    cluster.world.after(rng.uniform(0.2, 4.0), setattr, disk, "full", False)


def slow_disk(cluster: Cluster, rng: random.Random) -> None:
    disk = cluster.nodes[rng.choice(sorted(cluster.nodes))].disk
    disk.delay = (0.05, 1.5)
    cluster.world.trace.tell("disk is slow")
    cluster.world.after(rng.uniform(0.5, 5.0), setattr, disk, "delay", (0.0002, 0.004))


FAULTS: tuple[Fault, ...] = (
    kill_worker,
    kill_node,
    cut_power,
    pause_worker,
    pause_node,
    pause_caller,
    partition,
    slow_link,
    reset_link,
    slow_process,
    jump_clock,
    fill_disk,
    slow_disk,
)


async def storm(cluster: Cluster, seconds: float, *, faults: Sequence[Fault] = FAULTS, every: float = 1.5) -> None:
    """Let a fault happen about every so many seconds, then mend everything.

    Each seed leans towards a few kinds of faults, so that between them the seeds try many combinations.
    """
    rng = random.Random(f"homeport storm {cluster.world.seed}")
    weights = [rng.random() ** 3 for _ in faults]
    left = seconds
    while left > 0:
        pause = min(left, rng.expovariate(1 / every))
        await cluster.run(pause)
        left -= pause
        if left > 0:
            rng.choices(faults, weights)[0](cluster, rng)
    cluster.heal()


def _anyone(cluster: Cluster, rng: random.Random) -> str:
    return rng.choice([*sorted(cluster.nodes), *sorted(cluster.workers), *sorted(cluster.callers)])


def _two(cluster: Cluster, rng: random.Random) -> tuple[str, str]:
    one, other = rng.sample([*sorted(cluster.nodes), *sorted(cluster.workers), *sorted(cluster.callers)], 2)
    return one, other


def _mend(cluster: Cluster, one: str, other: str) -> None:
    cluster.network.heal(one, other)
    cluster.network.heal(other, one)
