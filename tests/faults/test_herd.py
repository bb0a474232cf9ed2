"""A thousand watchers lose the registry at once: they come back spread over time, and every one is served."""

from __future__ import annotations

import asyncio

import pytest

from homeport import service
from homeport.discovery.view import View
from homeport.rpc.client import ClientLink
from homeport.rpc.standing import Standing
from homeport.testing.simulate.cluster import Cluster
from homeport.testing.simulate.process import Process
from homeport.testing.simulate.running import simulate

CROWD = 1000
IN_50_MS = 100  # connections: what the registry hands out slots for
SOON = 2.5  # seconds after the registry is back by which all are


@service
class Quay:
    async def well(self) -> str:
        return "well"


class Watcher(Standing):
    """Notes when it knocks at the registry's door."""

    def __init__(self, endpoint: str, number: int, knocks: list[float], cluster: Cluster) -> None:
        super().__init__(endpoint, name=f"watcher {number}", follow_all=True)
        self._knocks, self._cluster = knocks, cluster

    async def _connect(self) -> ClientLink:
        self._knocks.append(self._cluster.world.now)
        return await super()._connect()


class Crowd:
    """Watchers in a process of their own."""

    def __init__(self, cluster: Cluster, size: int) -> None:
        self.cluster, self.size = cluster, size
        self.knocks: list[float] = []
        self.watchers: list[Watcher] = []
        self.process = Process(cluster.world, "crowd", self._main)

    async def _main(self) -> None:
        for number in range(self.size):
            watcher = Watcher(self.cluster.nodes["node"].endpoint, number, self.knocks, self.cluster)
            await watcher.__aenter__()
            self.watchers.append(watcher)
        await asyncio.get_running_loop().create_future()

    def views(self) -> list[View]:
        return [watcher.view for watcher in self.watchers]

    def stand(self) -> bool:
        """Whether all are connected and have seen what the registry has seen."""
        registry = self.cluster.nodes["node"].registry
        return (
            len(self.watchers) == self.size
            and registry is not None
            and all(one.lost_since is None and one._link is not None for one in self.watchers)
            and all(view.revision == registry.revision for view in self.views())
        )


def thickest(moments: list[float], width: float = 0.05) -> int:
    """The most of these moments that lie within ``width`` seconds."""
    moments = sorted(moments)
    start = most = 0
    for end in range(len(moments)):
        while moments[end] - moments[start] > width:
            start += 1
        most = max(most, end - start + 1)
    return most


async def gathered(cluster: Cluster) -> Crowd:
    cluster.node()
    cluster.worker(Quay)
    await cluster.ready()
    crowd = Crowd(cluster, CROWD)
    await cluster.until(crowd.stand, what="a thousand watchers")
    crowd.knocks.clear()
    return crowd


def test_when_only_the_connections_break_they_do_not_all_knock_at_once() -> None:
    async def scenario(cluster: Cluster) -> None:
        crowd = await gathered(cluster)
        cluster.reset("crowd", "node")
        await cluster.run(0.001)
        await cluster.until(crowd.stand, within=SOON, what="everyone's return")
        assert len(crowd.knocks) == CROWD, "one attempt each"
        assert thickest(crowd.knocks) <= 1.5 * IN_50_MS

    simulate(scenario, seed=1)


@pytest.mark.parametrize("away", [0.2, pytest.param(4.0, marks=pytest.mark.long)])
def test_when_the_registry_comes_back_they_do_not_all_knock_at_once(away: float) -> None:
    async def scenario(cluster: Cluster) -> None:
        crowd = await gathered(cluster)
        cluster.crash("node")
        await cluster.run(away)
        crowd.knocks.clear()
        cluster.restart("node")
        await cluster.until(lambda: cluster.nodes["node"].up, what="the registry's return")
        await cluster.until(crowd.stand, within=SOON + 2, what="everyone's return")
        # Those who have found the door shut knock again, beside those whose slot has not come yet.
        assert thickest(crowd.knocks) <= 2.5 * IN_50_MS

    simulate(scenario, seed=2)


def test_a_few_come_back_without_waiting() -> None:
    async def scenario(cluster: Cluster) -> None:
        cluster.node()
        cluster.worker(Quay)
        await cluster.ready()
        crowd = Crowd(cluster, 10)
        await cluster.until(crowd.stand, what="ten watchers")
        cluster.reset("crowd", "node")
        await cluster.run(0.001)
        await cluster.until(crowd.stand, within=0.2, what="their return")

    simulate(scenario, seed=3)


def test_the_thickest_crowd_is_found() -> None:
    assert thickest([]) == 0
    assert thickest([0.0, 0.04, 0.06, 0.1], width=0.05) == 2
    assert thickest([n / 100 for n in range(100)], width=0.051) == 6
