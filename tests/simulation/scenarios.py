"""What the simulated clusters go through."""

from __future__ import annotations

import asyncio
from collections import Counter

from homeport import ServiceError
from homeport.model import Cause, Completeness, Durability, Instance, State
from homeport.testing.simulate import Cluster
from homeport.testing.simulate.callers import Call, Load
from homeport.testing.simulate.storm import (
    cut_power,
    fill_disk,
    kill_node,
    kill_worker,
    partition,
    reset_link,
    slow_disk,
    slow_link,
    storm,
)
from homeport.testing.simulate.truth import shapes
from tests.simulation import shop as shop_module
from tests.simulation.shop import Orders, Stock

PROBES = 12  # calls that may be risked on an instance that went silent: one at a time from each of four callers


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
    cluster.observer("stock watcher", "stock")


async def weather(cluster: Cluster) -> dict[str, int]:
    """Load through a storm; afterwards all must be well again by itself."""
    shop(cluster)
    await cluster.ready()
    loads = [
        cluster.callers["alice"].load("orders", "place", rate=8, args=lambda number: (f"a{number}",)),
        cluster.callers["alice"].load("stock", "count", rate=4, args=lambda number: (f"c{number}",), timeout=0.5),
        cluster.callers["bob"].load("orders", "look", rate=4, args=lambda number: (f"b{number}",)),
        cluster.callers["bob"].load("stock", "slow", rate=1, args=lambda number: (number % 7 / 2,), timeout=1.5),
        cluster.callers["alice"].load(
            "stock", "numbers", rate=1, args=lambda number: (number % 3 * 40,), timeout=3, streams=True
        ),
    ]
    await storm(cluster, 30)
    await cluster.run(20)
    for load in loads:
        load.stop()
    await cluster.run(5)
    await all_is_well(cluster)
    for call in cluster.callers["alice"].calls:
        if call.method == "numbers" and call.error is None:
            assert call.result == list(range(call.args[0])), f"a stream lost or doubled something: {call}"
    return outcomes(cluster)


HELD_BACK = 60  # times ten seconds, after which damping must have let everybody in


async def ailing_at(cluster: Cluster, node: str) -> list[Instance]:
    instances = await cluster.ask(node, lambda registry: registry.instances())
    return [one for one in instances if one.state is not State.READY]


async def all_is_well(cluster: Cluster) -> None:
    """Everybody is ready, everybody knows it, and every call is answered."""
    await cluster.ready(within=20)
    for node in cluster.nodes.values():
        registry = node.registry
        assert registry is not None, f"{node.name} is not up"
        assert registry.completeness is Completeness.COMPLETE, f"{node.name} is still {registry.completeness}"
        ailing = await ailing_at(cluster, node.name)
        for _ in range(HELD_BACK):  # one that flapped in the storm is held back, and let in again by itself
            if not ailing or any(one.cause is None or one.cause.what != "flapping" for one in ailing):
                break
            await cluster.run(10)
            ailing = await ailing_at(cluster, node.name)
        assert not ailing, f"not ready: {[(one.id, one.state, one.cause) for one in ailing]}"
        instances = await cluster.ask(node.name, lambda registry: registry.instances())
        hosted = sorted(name for worker in cluster.workers.values() for name in worker.worker._crew.members)
        assert sorted(one.id for one in instances) == hosted, f"{[one.id for one in instances]} are known of {hosted}"
    for caller in cluster.callers.values():
        for number in range(4):
            assert await caller.call("orders", "place", f"late {number}") == f"order of late {number}"
            assert await caller.call("stock", "count", "tea") == 3
        await cluster.run(0.5)
        for node in cluster.nodes.values():
            known = {name: caller.standing.view.service(name).instances for name in ("stock", "orders")}
            seen = shapes({one.id: one for instances in known.values() for one in instances.values()})
            there = {one.id: one for one in await cluster.ask(node.name, lambda registry: registry.instances())}
            there = {name: one for name, one in there.items() if one.service in known}
            assert seen == shapes(there), f"{caller.name} sees {seen}, and there is {shapes(there)}"


def outcomes(cluster: Cluster) -> dict[str, int]:
    calls = [call for caller in cluster.callers.values() for call in caller.calls]
    return dict(Counter("ok" if call.error is None else type(call.error).__name__ for call in calls))


async def rolling(cluster: Cluster) -> dict[str, int]:
    """Every worker is replaced under load, and nothing else goes wrong: no call may fail."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=40)
    for name in sorted(cluster.workers):
        await cluster.run(cluster.rng.uniform(0.2, 1.0))
        await cluster.replace(cluster.workers[name])
    await cluster.run(1)
    stop(loads)
    await cluster.run(3)
    nothing_failed(cluster)
    nobody_was_surprised(cluster)
    await all_is_well(cluster)
    return outcomes(cluster)


async def rolling_past_a_sleeper(cluster: Cluster) -> dict[str, int]:
    """Likewise, while one caller is stopped now and then: it is waited for, but not for ever, and loses nothing."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=20)
    for name in sorted(cluster.workers):
        await cluster.run(cluster.rng.uniform(0.2, 1.0))
        cluster.pause("bob", cluster.rng.choice([0.3, 1.5, 5.0]))
        await cluster.replace(cluster.workers[name])
    await cluster.run(6)
    stop(loads)
    await cluster.run(3)
    nothing_failed(cluster)
    await all_is_well(cluster)
    return outcomes(cluster)


async def node_restarts(cluster: Cluster) -> dict[str, int]:
    """The node process dies again and again, with and without its disk's caches: no call may fail."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=20)
    for _ in range(4):
        await cluster.run(cluster.rng.uniform(0.5, 4.0))
        cluster.crash("node", power=cluster.rng.random() < 0.5)
        await cluster.run(cluster.rng.choice([0.05, 1.0, 8.0]))
        cluster.restart("node")
    await cluster.run(10)
    stop(loads)
    await cluster.run(3)
    nothing_failed(cluster)
    await all_is_well(cluster)
    return outcomes(cluster)


async def stale_addresses(cluster: Cluster) -> dict[str, int]:
    """The registry forgets workers that died, and others took their addresses: callers must not insist on them."""
    node = cluster.node()
    node.disk.delay = (3.0, 4.0)  # so that nothing of what runs is on disk
    for _ in range(4):
        cluster.worker(Stock)
    cluster.worker(Orders)
    cluster.worker(Orders)
    cluster.caller("alice")
    cluster.caller("bob")
    await cluster.ready()
    warm = steady(cluster, rate=20)
    await cluster.run(2)
    stop(warm)
    cluster.crash("node", power=True)
    node.disk.delay = (0.0002, 0.004)
    await cluster.run(0.5)
    dying = ("stock-2", "stock-3", "stock-4", "orders-2")
    for name in dying:
        cluster.crash(name)
    await cluster.run(1.0)
    cluster.restart("node")
    await cluster.until(lambda: all(cluster.workers[name].ready for name in dying))
    before = sum(len(caller.calls) for caller in cluster.callers.values())
    loads = steady(cluster, rate=15)
    await cluster.run(9)
    stop(loads)
    await cluster.run(3)
    assert sum(len(caller.calls) for caller in cluster.callers.values()) > before + 100
    failed = [call for call in failures(cluster) if call.began > 1]
    # Whoever knows of four dead instances and two live ones may meet three dead ones at first.
    assert len(failed) <= 6, f"{len(failed)} calls failed, such as {failed[-1]}"
    await all_is_well(cluster)
    return outcomes(cluster)


async def sick_detector(cluster: Cluster) -> dict[str, int]:
    """The node is stopped, stalled or moved in time; its workers are well all the while, and must stay ready."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=10)
    await cluster.run(1)  # so that every caller has asked the registry for what it calls
    life = cluster.nodes["node"].truth.lives[-1]
    before = len(life.changes)
    for _ in range(5):
        await cluster.run(cluster.rng.uniform(0.3, 3.0))
        process = cluster.process("node")
        match cluster.rng.randrange(4):
            case 0:
                cluster.pause("node", cluster.rng.choice([1.0, 4.0, 20.0]))
                await cluster.run(20)
            case 1:
                process.jump(monotonic=cluster.rng.choice([2.0, 10.0, 3600.0]))
            case 2:
                process.jump(wall=cluster.rng.choice([-3600.0, 3600.0]))
            case 3:
                process.block_soon(cluster.rng.choice([0.6, 3.0, 8.0]))
    await cluster.run(10)
    stop(loads)
    await cluster.run(3)
    changes = [(change.instance_id, change.cause.what, change.cause.evidence) for change in life.changes[before:]]
    assert not changes, f"the registry doubted the healthy: {changes}"
    nothing_failed(cluster)
    await all_is_well(cluster)
    return outcomes(cluster)


async def silent_worker(cluster: Cluster) -> dict[str, int]:
    """A worker is stopped for longer than its lease: unhealthy, never gone, out of use at once, and back again."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=20, idempotent_only=True)
    for _ in range(2):
        await cluster.run(2)
        began = cluster.world.now
        cluster.pause("stock-1", 8.0)
        await cluster.run(4.5)  # the lease, and the registry's look at it
        states = await cluster.ask("node", lambda registry: registry.instances("stock"))
        assert sorted(one.state for one in states) == [State.READY, State.UNHEALTHY], states
        calls = [call for caller in cluster.callers.values() for call in caller.calls if call.began > began]
        late = [call for call in calls if call.began > began + 1.5 and call.ended - call.began > 0.5]
        assert len(late) <= PROBES, f"{len(late)} calls sent to a stopped worker, such as {late[0]}"
        told = cluster.world.now
        await cluster.run(3)
        late = [
            call for caller in cluster.callers.values() for call in caller.calls if call.began > told and call.error
        ]
        assert not late, f"{len(late)} calls failed with the worker known to be ill, such as {late[0]}"
        await cluster.run(5)
        await cluster.ready()
    stop(loads)
    await cluster.run(3)
    await all_is_well(cluster)
    return outcomes(cluster)


async def declarations(cluster: Cluster) -> int:
    """What was answered *synced* survives kills, power losses and full disks."""
    shop(cluster)
    await cluster.ready()
    declarer = cluster.declarer("stock")
    await storm(cluster, 30, faults=(kill_node, cut_power, fill_disk, slow_disk), every=1.0)
    await cluster.run(12)
    assert declarer.answered > 5
    cause = Cause(what="scaled to 7", actor="operator")
    done = await cluster.ask("node", lambda registry: registry.set_wanted("orders", 7, cause))
    assert done.durability is Durability.SYNCED
    cluster.crash("node", power=True)
    cluster.restart("node")
    await cluster.run(3)
    return declarer.answered


async def lost_connections(cluster: Cluster) -> dict[str, int]:
    """Partitions and resets only; afterwards every watcher has caught up and every deadline was kept."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=10)
    await storm(cluster, 25, faults=(partition, reset_link, slow_link, kill_worker), every=0.8)
    await cluster.run(15)
    stop(loads)
    await cluster.run(5)
    await all_is_well(cluster)
    return outcomes(cluster)


async def rolling_slow_calls(cluster: Cluster) -> dict[str, int]:
    """Calls that take a while are under way whenever a worker leaves: they end, and none is begun and lost."""
    shop(cluster)
    await cluster.ready()
    loads = [
        caller.load("stock", "slow", rate=10, args=lambda number: (0.1 + number % 10 / 10,), timeout=5.0)
        for caller in cluster.callers.values()
    ]
    for name in sorted(cluster.workers):
        await cluster.run(cluster.rng.uniform(0.5, 1.0))
        await cluster.replace(cluster.workers[name])
    await cluster.run(1)
    stop(loads)
    await cluster.run(6)
    nothing_failed(cluster)
    return outcomes(cluster)


async def rolling_with_slow_callers(cluster: Cluster) -> dict[str, int]:
    """News travels slowly to the callers, and so does the word that they have taken it in: they are waited for."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=40)
    await cluster.run(1)
    cluster.slow("node", "alice", 0.15)
    cluster.slow("node", "bob", 0.15)
    refused_before = cluster.world.refusals
    for name in sorted(cluster.workers):
        await cluster.run(cluster.rng.uniform(0.2, 1.0))
        await cluster.replace(cluster.workers[name])
    stop(loads)
    cluster.heal()
    await cluster.run(3)
    nothing_failed(cluster)
    nobody_was_surprised(cluster)
    refused = cluster.world.refusals - refused_before
    assert not refused, f"{refused} calls were refused by workers that should have waited for their callers to know"
    return outcomes(cluster)


async def rolling_is_prompt(cluster: Cluster) -> dict[str, int]:
    """Nobody is asleep and nothing is slow: a worker that leaves is gone within a moment."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=20)
    loads += [
        caller.load("stock", "slow", rate=20, args=lambda number: (0.3,), timeout=5.0)
        for caller in cluster.callers.values()
    ]
    await cluster.run(1)
    for name in sorted(cluster.workers):
        worker = cluster.workers[name]
        began = cluster.world.now
        worker.drain()
        await cluster.until(lambda worker=worker: not worker.up)
        took = cluster.world.now - began
        assert took < 1.0, f"{name} took {took:.3f} s to leave"
        worker.wanted = True
        worker.start()
        await cluster.ready()
    stop(loads)
    await cluster.run(3)
    return outcomes(cluster)


async def cancelled_work(cluster: Cluster) -> int:
    """Work that nobody waits for any more ends: at its deadline, and when its caller dies, over every hop."""
    shop(cluster)
    await cluster.ready()
    shop_module.UNDER_WAY.clear()
    for caller in cluster.callers.values():
        caller.load("orders", "linger", rate=10, args=lambda number: (60.0,), timeout=1.0).stop_after(20)
    await cluster.run(8)
    assert not shop_module.UNDER_WAY, f"{shop_module.UNDER_WAY} still run past their deadline"
    dave = cluster.caller("dave")
    dave.load("orders", "linger", rate=20, args=lambda number: (60.0,), timeout=2.0).stop_after(10)
    await cluster.run(1)
    for name in ("orders-1", "orders-2"):
        cluster.partition("dave", name)
    await cluster.run(3)
    assert not shop_module.UNDER_WAY, f"{shop_module.UNDER_WAY} still run past the deadline of one who is cut off"
    erin = cluster.caller("erin")
    erin.load("stock", "linger", rate=20, args=lambda number: (60.0,), timeout=2.0).stop_after(10)
    await cluster.run(1)
    for name in ("stock-1", "stock-2"):
        cluster.partition("erin", name)
    await cluster.run(3)
    assert not shop_module.UNDER_WAY, f"{shop_module.UNDER_WAY} still run past the deadline of one who is cut off"
    caller = cluster.caller("carol")
    caller.load("orders", "linger", rate=20, args=lambda number: (60.0,), timeout=30.0).stop_after(20)
    await cluster.run(3)
    assert sum(shop_module.UNDER_WAY.values()) >= 30, f"only {shop_module.UNDER_WAY} run"
    caller.process.kill()
    await cluster.run(0.5)
    assert not shop_module.UNDER_WAY, f"{shop_module.UNDER_WAY} still run for a caller that died"
    return len(caller.calls)


async def forgotten_session(cluster: Cluster) -> dict[str, int]:
    """The registry forgets a session while all connections stand: its worker comes back by itself."""
    shop(cluster)
    await cluster.ready()
    await cluster.run(1)
    worker = cluster.workers["stock-1"]
    session = worker.worker._standing.session
    cause = Cause(what="forgotten", actor="operator")
    await cluster.ask("node", lambda registry: registry.close_session(session, cause))
    await cluster.run(4)
    await all_is_well(cluster)
    return outcomes(cluster)


async def old_backup(cluster: Cluster) -> dict[str, int]:
    """An old copy of the data folder is put in place: clients have seen more, and the registry goes on above it."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=10)
    await cluster.run(1)
    node = cluster.nodes["node"]
    cluster.crash("node")
    copy = node.disk.copy()
    for _ in range(3):
        cluster.restart("node")
        await cluster.run(cluster.rng.uniform(1.0, 4.0))
        cluster.crash("node")
    node.disk.put_back(copy)
    node.truth.expects_less = True
    cluster.restart("node")
    await cluster.run(12)
    cluster.crash("stock-1")
    await cluster.run(5)
    stop(loads)
    await cluster.run(3)
    await all_is_well(cluster)
    return outcomes(cluster)


async def amnesia(cluster: Cluster) -> dict[str, int]:
    """The registry tells of a worker, forgets it with a power loss, and the worker dies meanwhile: nobody keeps it."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=10)
    await cluster.run(1)
    for number in range(2):
        node = cluster.nodes["node"]
        node.disk.delay = (2.0, 3.0)
        extra = cluster.worker(Stock, name=f"extra-{number}")
        await cluster.until(lambda extra=extra: extra.ready)
        await cluster.run(cluster.rng.uniform(0.1, 1.0))
        cluster.crash("node", power=True)
        extra.wanted = False
        extra.process.kill()
        del cluster.workers[extra.name]
        node.disk.delay = (0.0002, 0.004)
        await cluster.run(cluster.rng.uniform(0.1, 1.0))
        cluster.restart("node")
        await cluster.run(10)
    for caller in cluster.callers.values():
        known = set(caller.standing.view.service("stock").instances)
        there = {name for worker in cluster.workers.values() for name in worker.worker._crew.members}
        assert known <= there, f"{caller.name} still believes in {known - there}"
    stop(loads)
    await cluster.run(3)
    await all_is_well(cluster)
    return outcomes(cluster)


async def forgotten_though_alive(cluster: Cluster) -> dict[str, int]:
    """A power loss takes all that the registry knew, and those it knew cannot reach it: callers keep what they had."""
    cluster.node()
    cluster.nodes["node"].disk.delay = (3.0, 4.0)
    cluster.worker(Stock)
    cluster.worker(Stock)
    cluster.worker(Orders)
    cluster.caller("alice")
    await cluster.ready()
    loads = steady(cluster, rate=20)
    await cluster.run(1)
    for service, method in (("stock", "count"), ("orders", "look")):
        await cluster.callers["alice"].call(service, method, "x")  # so that it has asked for them
    for name in ("stock-1", "stock-2"):
        cluster.partition("node", name)
    cluster.crash("node", power=True)
    cluster.nodes["node"].disk.delay = (0.0002, 0.004)
    await cluster.run(0.5)
    cluster.restart("node")
    await cluster.run(4)
    stop(loads)
    cluster.heal()
    await cluster.run(15)
    nothing_failed(cluster)
    await all_is_well(cluster)
    return outcomes(cluster)


async def known_to_be_gone(cluster: Cluster) -> dict[str, int]:
    """Workers die while the node is away; once back, it tells of their deaths though it cannot yet answer for all."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=20, idempotent_only=True)
    await cluster.run(1)
    stop(loads)
    await cluster.run(1)
    for name in ("stock-1", "orders-1"):
        cluster.partition("node", name)  # their sessions do not come back for now
    cluster.crash("node")
    for name in ("stock-2", "orders-2"):
        cluster.crash(name)
    await cluster.run(1)
    cluster.restart("node")
    await cluster.until(lambda: cluster.nodes["node"].up)
    await cluster.run(3)
    assert cluster.nodes["node"].registry.completeness is not Completeness.COMPLETE
    there = {name for worker in cluster.workers.values() for name in worker.worker._crew.members}
    for caller in cluster.callers.values():
        known = {name for service in ("stock", "orders") for name in caller.standing.view.service(service).instances}
        assert known <= there, f"{caller.name} still believes in {known - there}"
    await cluster.run(6)
    silent = cluster.workers["stock-1"].worker._crew.members
    states = await cluster.ask("node", lambda registry: registry.instances("stock"))
    assert {one.state for one in states if one.id in silent} == {State.UNHEALTHY}, states
    cluster.heal()
    await cluster.run(8)
    await all_is_well(cluster)
    return outcomes(cluster)


async def rolling_past_the_deaf(cluster: Cluster) -> dict[str, int]:
    """A caller does not hear from the node that a worker leaves, and goes on calling it: it is told by the worker."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=20)
    loads.append(cluster.callers["alice"].load("stock", "slow", rate=30, args=lambda number: (0.3,), timeout=5.0))
    await cluster.run(1)
    for name in sorted(cluster.workers):
        cluster.partition("node", "alice")
        await cluster.replace(cluster.workers[name])
        cluster.heal()
        await cluster.run(2)
    stop(loads)
    await cluster.run(3)
    nothing_failed(cluster)
    await all_is_well(cluster)
    return outcomes(cluster)


async def killed_under_load(cluster: Cluster) -> dict[str, int]:
    """Workers are killed under load: no idempotent call fails, and none waits for the dead."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=60, idempotent_only=True)
    await cluster.run(1)
    for name in ("stock-1", "orders-2", "stock-2", "orders-1"):
        cluster.crash(name)
        await cluster.run(2)
        await cluster.ready()
    stop(loads)
    await cluster.run(3)
    nothing_failed(cluster)
    slow = [call for caller in cluster.callers.values() for call in caller.calls if call.ended - call.began > 0.5]
    assert not slow, f"{len(slow)} calls waited for the dead, such as {slow[0]}"
    return outcomes(cluster)


async def many_dead(cluster: Cluster) -> dict[str, int]:
    """Three of seven instances are dead and nobody can say so: no call is a probe of one after the other."""
    cluster.node()
    for _ in range(7):
        cluster.worker(Stock)
    caller = cluster.caller("alice")
    await cluster.ready()
    warm = caller.load("stock", "count", rate=40, args=lambda number: ("x",))
    await cluster.run(2)
    cluster.crash("node")
    for name in ("stock-1", "stock-2", "stock-3"):
        cluster.crash(name)
    await cluster.run(2)
    warm.stop()
    since = cluster.world.now
    load = caller.load("stock", "count", rate=0.7, args=lambda number: ("x",))
    await cluster.run(24)  # a worker without a node ends after 30 s
    load.stop()
    await cluster.run(3)
    failed = [call for call in failures(cluster) if call.began > since]
    assert not failed, f"{len(failed)} calls failed, such as {failed[0]}"
    return outcomes(cluster)


async def first_calls(cluster: Cluster) -> dict[str, int]:
    """The node is stopped when a service is called for the first time: the call ends by its deadline all the same."""
    shop(cluster)
    await cluster.ready()
    await cluster.run(1)
    cluster.pause("node", 20)
    loads = [
        cluster.callers["alice"].load("orders", "place", rate=4, args=lambda number: (f"a{number}",), timeout=1.0),
        cluster.callers["bob"].load("stock", "numbers", rate=4, args=lambda number: (3,), timeout=1.0, streams=True),
    ]
    await cluster.run(5)
    stop(loads)
    await cluster.run(18)
    await all_is_well(cluster)
    return outcomes(cluster)


async def deploys_in_a_storm(cluster: Cluster) -> dict[str, int]:
    """Workers are replaced again and again while everything else goes wrong."""
    shop(cluster)
    await cluster.ready()
    loads = steady(cluster, rate=10)
    raging = asyncio.ensure_future(storm(cluster, 30, every=2.0))
    while not raging.done():
        await cluster.run(cluster.rng.uniform(0.5, 3.0))
        name = cluster.rng.choice(sorted(cluster.workers))
        try:
            await cluster.replace(cluster.workers[name], within=8)
        except AssertionError:
            continue  # it is not ready yet, or not gone; the next one comes nevertheless
    await raging
    await cluster.run(25)
    stop(loads)
    await cluster.run(5)
    for worker in [worker for worker in cluster.workers.values() if not worker.wanted]:
        assert not worker.up, f"{worker.name} was to leave and still runs"
        del cluster.workers[worker.name]
    await all_is_well(cluster)
    return outcomes(cluster)


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        weather,
        rolling,
        rolling_past_a_sleeper,
        node_restarts,
        stale_addresses,
        sick_detector,
        silent_worker,
        declarations,
        lost_connections,
        rolling_slow_calls,
        rolling_with_slow_callers,
        rolling_is_prompt,
        cancelled_work,
        forgotten_session,
        old_backup,
        amnesia,
        deploys_in_a_storm,
        forgotten_though_alive,
        known_to_be_gone,
        rolling_past_the_deaf,
        killed_under_load,
        many_dead,
        first_calls,
    )
}


# -- helpers -----------------------------------------------------------------------------------------------------------


def steady(cluster: Cluster, rate: float, *, idempotent_only: bool = False) -> list[Load]:
    loads = []
    for name, caller in cluster.callers.items():
        place, look = ("look", "look") if idempotent_only else ("place", "look")
        loads.append(caller.load("orders", place, rate=rate / 2, args=lambda number, name=name: (f"{name} {number}",)))
        loads.append(caller.load("orders", look, rate=rate / 4, args=lambda number: (f"look {number}",)))
        loads.append(caller.load("stock", "count", rate=rate / 4, args=lambda number: (f"count {number}",)))
    return loads


def stop(loads: list[Load]) -> None:
    for load in loads:
        load.stop()


def nobody_was_surprised(cluster: Cluster) -> None:
    """No caller had to find out by itself that an instance was gone."""
    found_out = [line for line in cluster.world.trace.lines if "logs instance.ejected" in line]
    assert not found_out, f"{len(found_out)} callers were not told in time: {found_out[0]}"


def failures(cluster: Cluster) -> list[Call]:
    return [
        call
        for caller in cluster.callers.values()
        for call in caller.calls
        if call.error is not None
        and not isinstance(call.error, ServiceError)
        # A caller that is stopped lets its own deadlines pass.
        and not caller.process.stopped_between(call.began, call.ended)
    ]


def nothing_failed(cluster: Cluster) -> None:
    failed = failures(cluster)
    assert not failed, f"{len(failed)} calls failed: {[str(call)[:300] for call in failed[:3]]}"
