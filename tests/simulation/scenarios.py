"""What the simulated clusters go through."""

from __future__ import annotations

from collections import Counter

from homeport.model import Completeness, State
from homeport.testing.simulate import Cluster
from homeport.testing.simulate.storm import storm
from tests.simulation.shop import Orders, Stock


def shop(cluster: Cluster) -> None:
    """One node, two workers of each service, two callers, and a watcher who checks every word."""
    cluster.node()
    cluster.worker(Stock)
    cluster.worker(Stock)
    cluster.worker(Orders)
    cluster.worker(Orders)
    cluster.caller("alice")
    cluster.caller("bob")
    cluster.observer()


async def weather(cluster: Cluster) -> dict[str, int]:
    """Load through a storm; afterwards all must be well again by itself."""
    shop(cluster)
    await cluster.ready()
    loads = [
        cluster.callers["alice"].load("orders", "place", rate=8, args=lambda number: (f"a{number}",)),
        cluster.callers["alice"].load("stock", "count", rate=4, args=lambda number: (f"c{number}",), timeout=0.5),
        cluster.callers["bob"].load("orders", "look", rate=4, args=lambda number: (f"b{number}",)),
        cluster.callers["bob"].load("stock", "slow", rate=1, args=lambda number: (number % 7 / 2,), timeout=1.5),
    ]
    await storm(cluster, 30)
    await cluster.run(20)
    for load in loads:
        load.stop()
    await cluster.run(5)
    await all_is_well(cluster)
    return outcomes(cluster)


async def all_is_well(cluster: Cluster) -> None:
    """Everybody is ready, everybody knows it, and every call is answered."""
    await cluster.ready(within=20)
    for node in cluster.nodes.values():
        registry = node.registry
        assert registry is not None, f"{node.name} is not up"
        assert registry.completeness is Completeness.COMPLETE, f"{node.name} is still {registry.completeness}"
        instances = await cluster.ask(node.name, lambda registry: registry.instances())
        ailing = [one for one in instances if one.state is not State.READY]
        assert not ailing, f"not ready: {[(one.id, one.state, one.cause) for one in ailing]}"
        hosted = sorted(name for worker in cluster.workers.values() for name in worker.worker._crew.members)
        assert sorted(one.id for one in instances) == hosted, f"{[one.id for one in instances]} are known of {hosted}"
    for caller in cluster.callers.values():
        for number in range(4):
            assert await caller.call("orders", "place", f"late {number}") == f"order of late {number}"
            assert await caller.call("stock", "count", "tea") == 3


def outcomes(cluster: Cluster) -> dict[str, int]:
    calls = [call for caller in cluster.callers.values() for call in caller.calls]
    return dict(Counter("ok" if call.error is None else type(call.error).__name__ for call in calls))
