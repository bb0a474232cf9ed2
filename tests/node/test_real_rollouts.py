"""Rollouts of real processes under calls: none fails, and a node that is killed meanwhile loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from homeport.client import Client
from homeport.errors import UnknownService, UsageError
from homeport.model import Cause, Instance, State
from homeport.node.api import Deploy, RolloutStatus
from tests.node.real_process import PATIENCE, RealNode, until_status

WHY = Cause(what="ejected by operator", actor="test")

TICKET = """
from homeport import service


@service(singleton=True)
class Ticket:
    fence: int

    def __init__(self):
        self.started = 0

    async def startup(self):
        self.started = self.fence

    async def number(self) -> list[int]:
        return [self.fence, self.started]
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RealNode]:
    made = RealNode(tmp_path)
    yield made
    made.end()


@asynccontextmanager
async def ready(node: RealNode) -> AsyncIterator[Client]:
    node.start()
    async with node.client() as client:
        await until_status(client, lambda status: status.ready)
        yield client


class Load:
    """Calls without a pause, and what became of them."""

    def __init__(self) -> None:
        self.answers: list[object] = []
        self.failures: list[str] = []

    @asynccontextmanager
    async def on(self, client: Client, service: str, method: str, *arguments: object) -> AsyncIterator[None]:
        async def call() -> None:
            while True:
                try:
                    self.answers.append(await getattr(client.service(service), method)(*arguments))
                except Exception as error:
                    self.failures.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.002)

        callers = [asyncio.create_task(call()) for _ in range(4)]
        try:
            yield
        finally:
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)


def deploy(node: RealNode, **options: object) -> Deploy:
    base: dict[str, object] = {"target": "seed", "cwd": str(node.folder), "actor": "test", "soak": 0.3}
    return Deploy(**(base | options))  # type: ignore[arg-type]


async def ended(client: Client, *stages: str) -> RolloutStatus:
    deadline = time.monotonic() + PATIENCE
    while True:
        status = await client.node.rollout()
        if status is not None and (status.over or status.stage in stages):
            return status
        assert time.monotonic() < deadline, status
        await asyncio.sleep(0.05)


async def instances(client: Client, service: str) -> list[Instance]:
    return await client.registry.instances(service)


def change(node: RealNode, text: str = "# better\n") -> None:
    source = node.app / "payments.py"
    source.write_text(source.read_text() + text)


async def test_a_restart_and_a_deploy_under_calls_fail_none(node: RealNode) -> None:
    async with ready(node) as client:
        await client.node.scale("payments", 2, "test")
        await until_status(client, lambda status: status.ready)
        before = {one.id for one in await instances(client, "payments")}
        load = Load()
        async with load.on(client, "payment", "process", 5):
            await client.node.restart("payments", 1, 0.3, "test")
            assert (await ended(client)).stage == "done"
            restarted = {one.id for one in await instances(client, "payments")}
            assert not restarted & before
            change(node)
            await client.node.deploy(deploy(node))
            assert (await ended(client)).stage == "done"
        assert load.failures == []
        assert len(load.answers) > 20
        found = await instances(client, "payments")
        assert not restarted & {one.id for one in found}
        assert {one.release for one in found} == {(await client.node.status()).release}
        story = await client.registry.why("payments")
        assert {entry.cause.actor for entry in story.entries if entry.event.endswith("draining")} == {"test"}


@pytest.mark.long
async def test_code_that_raises_on_import_is_rolled_back_and_the_old_goes_on(node: RealNode) -> None:
    async with ready(node) as client:
        load = Load()
        change(node, "\nraise RuntimeError('not today')\n")
        async with load.on(client, "payment", "process", 5):
            await client.node.deploy(deploy(node))
            status = await ended(client)
        assert (status.stage, load.failures) == ("returned", [])
        assert "RuntimeError: not today" in status.error


async def test_a_contract_that_callers_would_notice_is_refused_with_the_difference(node: RealNode) -> None:
    async with ready(node) as client:
        source = node.app / "payments.py"
        source.write_text(source.read_text().replace("payment)", "payment, currency)", 1))
        caller = node.app / "payment.py"  # which a check of the source would refuse, else
        caller.write_text(caller.read_text().replace("process(payment)", "process(payment, 'EUR')"))
        before = {one.id for one in await instances(client, "payments")}
        await client.node.deploy(deploy(node))
        status = await ended(client)
        assert status.stage == "returned"
        assert "process requires a new argument 'currency'" in status.differences[0]
        assert {one.id for one in await instances(client, "payments")} == before
        await client.node.deploy(deploy(node, force=True))
        assert (await ended(client)).stage == "done"
        await client.node.roll_back(1, 0.0, "test")
        assert (await ended(client)).stage == "done"
        assert await client.service("payment").process(5) is not None


@pytest.mark.long
async def test_a_trial_holds_until_somebody_decides(node: RealNode) -> None:
    async with ready(node) as client:
        change(node)
        await client.node.deploy(deploy(node, share=0.25))
        status = await ended(client, "holding")
        assert status.stage == "holding"
        shares = sorted(one.share for one in await instances(client, "payments"))
        assert shares == [0.0, 0.25]
        with pytest.raises(UsageError, match="not over"):
            await client.node.restart("payment", 1, 0.0, "test")
        await client.node.promote("test")
        assert (await ended(client)).stage == "done"
        (only,) = await instances(client, "payments")
        assert only.share == 0.0


async def test_a_singleton_is_replaced_behind_a_higher_token_with_its_calls_held(node: RealNode) -> None:
    (node.app / "ticket.py").write_text(TICKET)
    async with ready(node) as client:
        load = Load()
        async with load.on(client, "ticket", "number"):
            await client.node.restart("ticket", 1, 0.3, "test")
            assert (await ended(client)).stage == "done"
        assert load.failures == []
        fences = [answer[0] for answer in load.answers if isinstance(answer, list)]
        assert fences == sorted(fences), "the old one never answers after the new one"
        assert len(set(fences)) == 2
        assert all(answer[0] == answer[1] for answer in load.answers if isinstance(answer, list))


@pytest.mark.parametrize("seconds", [pytest.param(0.0, marks=pytest.mark.long), 0.8])
async def test_a_deploy_whose_node_is_killed_is_finished_by_the_next_one(node: RealNode, seconds: float) -> None:
    async with ready(node) as client:
        await client.node.scale("payments", 2, "test")
        await until_status(client, lambda status: status.ready)
        change(node)
        await client.node.deploy(deploy(node, soak=0.5))
        await asyncio.sleep(seconds)
    node.kill()
    async with ready(node) as client:
        status = await ended(client)
        assert (status.id, status.stage) == ("deploy-1", "done")
        found = await instances(client, "payments")
        assert {one.release for one in found if one.state is State.READY} == {status.release}
        assert (await client.node.status()).release == status.release
        assert await client.service("payment").process(5) is not None


@pytest.mark.long
async def test_a_return_whose_node_is_killed_is_finished_by_the_next_one(node: RealNode) -> None:
    async with ready(node) as client:
        release = (await client.node.status()).release
        change(node)
        await client.node.deploy(deploy(node, soak=20))
        await asyncio.sleep(1.0)
        await client.node.roll_back(1, 0.0, "test")
    node.kill()
    async with ready(node) as client:
        status = await ended(client)
        assert (status.id, status.stage) == ("deploy-1", "returned")
        assert {one.release for one in await instances(client, "payments")} == {release}


@pytest.mark.long
async def test_what_was_deployed_from_elsewhere_outlives_the_node(node: RealNode, tmp_path: Path) -> None:
    async with ready(node) as client:
        elsewhere = tmp_path / "next"
        elsewhere.mkdir()
        for name in ("payment.py", "payments.py"):
            (elsewhere / name).write_text((node.app / name).read_text() + "# elsewhere\n")
        await client.node.deploy(deploy(node, target="next"))
        status = await ended(client)
        assert status.stage == "done"
    node.kill()
    async with ready(node) as client:
        assert (await client.node.status()).release == status.release
    node.kill()
    change(node, "# and now the source itself\n")
    async with ready(node) as client:
        assert (await client.node.status()).release != status.release


async def test_a_drained_instance_is_replaced_without_a_failed_call(node: RealNode) -> None:
    async with ready(node) as client:
        (before,) = await instances(client, "payments")
        load = Load()
        async with load.on(client, "payment", "process", 5):
            await client.node.drain_instance(before.id, "test")
            await until_gone(client, before.id)
            await until_status(client, lambda status: status.ready)
        assert load.failures == []
        with contextlib.suppress(UnknownService):
            await client.node.drain_instance("payments-none", "test")
            pytest.fail("there is no such instance")


async def test_a_drain_whose_node_is_killed_is_finished(node: RealNode) -> None:
    async with ready(node) as client:
        (before,) = await instances(client, "payments")
        await client.node.drain_instance(before.id, "test")
    node.kill()
    async with ready(node) as client:
        await until_gone(client, before.id)
        story = await client.registry.why(before.id)
        assert (story.entries[-1].event, story.entries[-1].cause.what) == ("gone", "drained")
        assert [one.state for one in await instances(client, "payments")] == [State.READY]


async def test_an_ejected_instance_is_called_by_nobody_until_it_is_let_in(node: RealNode) -> None:
    async with ready(node) as client:
        await client.node.scale("payments", 2, "test")
        await until_status(client, lambda status: status.ready)
        one, other = await instances(client, "payments")
        await client.registry.eject(one.id, 60.0, WHY)
        for _ in range(30):
            await client.service("payment").process(5)
        await asyncio.sleep(1.3)
        counted = await client.registry.counters("payments")
        assert (counted[one.id].calls, counted[other.id].calls) == (0, 30)
        node.kill()
        node.start()
        async with node.client() as again:
            found = {each.id: each for each in await instances(again, "payments")}
            assert found[one.id].state is State.UNHEALTHY, "it outlives the registry"
            cause = found[one.id].cause
            assert cause is not None
            assert cause.what == "ejected by operator"
            await again.registry.readmit(one.id, Cause(what="let in again", actor="test"))
            found = {each.id: each for each in await instances(again, "payments")}
            assert found[one.id].state is State.READY


async def until_gone(client: Client, instance: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while any(one.id == instance for one in await client.registry.instances()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
