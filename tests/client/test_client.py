from __future__ import annotations

import asyncio
import os
from decimal import Decimal
from pathlib import Path

import pytest

import homeport
from homeport.errors import (
    BadArguments,
    DeadlineExceeded,
    DefinitionError,
    NoEndpoint,
    NoNode,
    NotSent,
    ServiceError,
    UnknownMethod,
    UnknownService,
    UsageError,
)
from homeport.model import Change, State
from homeport.nodes import NodeAddress, announce
from homeport.processes import identity
from homeport.rpc.context import metadata
from tests.client.conftest import Node, running, until
from tests.client.shop import SEEN, CardDeclined, Payments, Receipt, Refunds

# -- calling -----------------------------------------------------------------------------------------------------------


async def test_a_service_is_called_by_name_with_plain_data(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        payments = hp.service("payments")
        assert await payments.process("5") == {"id": "EUR", "amount": "5"}
        assert await payments.process("5", "USD") == {"id": "USD", "amount": "5"}


async def test_arguments_go_by_name_before_anything_is_known_of_the_service(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        assert (await hp.service("payments").process("5", currency="USD"))["id"] == "USD"
        assert (await hp.service("payments").process(currency="USD", amount="5"))["id"] == "USD"


async def test_a_class_gives_its_types(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        payments = hp.get(Payments)
        assert await payments.process(Decimal("5.50"), currency="USD") == Receipt(id="USD", amount=Decimal("5.50"))
        with pytest.raises(CardDeclined) as caught:
            await payments.decline("no money")
        assert caught.value.reason == "no money"
        assert hp.get(Payments) is payments


async def test_any_class_will_do_if_it_is_said_for_which_service(node: Node) -> None:
    class Mine:
        async def process(self, amount: str) -> dict[str, str]: ...

    async with homeport.connect(node.endpoint) as hp:
        assert await hp.get(Mine, name="payments").process("1") == {"id": "EUR", "amount": "1"}
        with pytest.raises(DefinitionError, match="not marked @service"):
            hp.get(Mine)


async def test_streams_are_iterated_whether_or_not_anything_was_known(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        assert [number async for number in hp.service("payments").count(3)] == [0, 1, 2]
        assert [number async for number in hp.service("payments").count(until=2)] == [0, 1]
        assert [number async for number in hp.get(Payments).count(2)] == [0, 1]


async def test_awaiting_a_stream_and_iterating_an_answer_are_told_apart(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        with pytest.raises(TypeError, match="streams: use `async for`"):
            await hp.service("payments").count(3)
    async with homeport.connect(node.endpoint) as hp:
        with pytest.raises(TypeError, match="does not stream: use `await`"):
            async for _ in hp.service("payments").process("1"):
                pass


async def test_leaving_a_stream_cancels_the_far_side(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        items = hp.service("payments").drip()
        assert await anext(aiter(items)) == 1
        await until(SEEN.begun.is_set)
        del items
    await until(SEEN.cancelled.is_set)


async def test_json_goes_in_and_comes_out(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        assert await hp.call_json("payments", "process", b'{"amount": "5"}') == b'{"id":"EUR","amount":"5"}'
        assert [item async for item in hp.stream_json("payments", "count", b"[2]")] == [b"0", b"1"]
        with pytest.raises(BadArguments, match="streams its answer"):
            await hp.call_json("payments", "count", b"[2]")


async def test_many_calls_with_timeouts_of_their_own_leave_nothing_behind(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homeport.rpc.peers.MOST_NUMBERS", 3)
    async with homeport.connect(node.endpoint) as hp:
        for _ in range(10):
            await hp.call_json("payments", "process", b'["5"]', timeout=5)
        (peer,) = hp.caller.route("payments").peers
        assert len(peer.numbers) <= 3


async def test_deadline_and_metadata_travel(node: Node) -> None:
    async with homeport.connect(node.endpoint, name="report") as hp:
        with homeport.timeout(5), metadata(tenant="acme"):
            context = await hp.get(Payments).context()
        assert (context["caller"], context["tenant"]) == ("report", "acme")
        assert 4 < float(context["remaining"] or 0) <= 5
        with pytest.raises(DeadlineExceeded):
            with homeport.timeout(0.05):
                await hp.service("payments").hang()
    await until(SEEN.cancelled.is_set)


# -- names -------------------------------------------------------------------------------------------------------------


async def test_an_unknown_service_is_answered_with_the_one_that_was_meant(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        for call in (
            lambda: hp.service("paymets").process("1"),
            lambda: hp.get(Payments, name="paymets").process(Decimal(1)),
            lambda: hp.call_json("paymets", "process", b"[]"),
        ):
            for _ in range(2):
                with pytest.raises(UnknownService, match=r"no service 'paymets'.*did you mean 'payments'\?"):
                    await call()  # type: ignore[no-untyped-call]


async def test_an_unknown_method_is_answered_with_those_there_are(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        with pytest.raises(UnknownMethod, match="did you mean 'process'"):
            await hp.service("payments").proces("1")
        with pytest.raises(AttributeError, match="did you mean 'process'"):
            hp.get(Payments).proces  # type: ignore[attr-defined]


async def test_a_service_that_nobody_runs_is_known_all_the_same(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        with pytest.raises((NoEndpoint, DeadlineExceeded)):
            with homeport.timeout(0.05):
                await hp.service("refunds").process()


async def test_a_service_that_appears_later_is_called(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        with pytest.raises(UnknownService):
            await hp.service("returns").process()
        call = asyncio.create_task(hp.get(Refunds).process())
        await node.work(Refunds, name="refunds-1")
        assert await call == "refunded"


# -- watching ----------------------------------------------------------------------------------------------------------


async def test_a_watch_gives_what_is_there_and_then_each_change(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        changes = hp.watch("payments")
        first = await anext(changes)
        assert (first.service, state(first)) == ("payments", State.READY)
        await node.work(Payments, name="payments-2")
        seen = [await anext(changes)]
        while state(seen[-1]) is not State.READY:
            seen.append(await anext(changes))
        assert state(seen[0]) in (State.STARTING, State.WAITING)
        revisions = [change.revision for change in seen]
        assert revisions == sorted(set(revisions))
        await node.end_work("payments-2")
        while (gone := await anext(changes)).instance is not None:
            pass
        assert (gone.instance_id, gone.cause.what) == (seen[0].instance_id, "stopped")
        await changes.aclose()


def state(change: Change) -> State | None:
    return change.instance.state if change.instance is not None else None


async def test_a_watch_goes_on_over_a_restart_of_the_node(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        changes = hp.watch("payments")
        first = await anext(changes)
        await node.stop()
        following = asyncio.ensure_future(anext(changes))
        await node.start()
        await node.work(Payments, name="payments-2")
        later = await following
        while later.instance_id == first.instance_id:  # the registry may have more to say of it
            later = await anext(changes)
        assert later.instance is not None
        assert later.instance.worker == "payments-2"
        await changes.aclose()


async def test_a_watch_tells_what_a_new_store_does_not_have(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        changes = hp.watch("payments")
        first = await anext(changes)
        await node.end_work()
        while (await anext(changes)).instance is not None:
            pass
        await node.stop()
        await node.start("another registry")
        await node.work(Payments, name="payments-2")
        later = await anext(changes)
        assert later.instance_id != first.instance_id
        await changes.aclose()


async def test_a_watch_ends_when_the_node_stays_away(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeport.client.PATIENCE", 0.0)
    async with homeport.connect(node.endpoint) as hp:
        changes = hp.watch("payments")
        await anext(changes)
        await node.stop()
        hp.registry._link = gone  # type: ignore[attr-defined]
        with pytest.raises(NotSent):
            while True:
                await anext(changes)
    await node.start()


async def gone() -> None:
    raise NotSent("the node process does not answer")


async def test_instances_and_both_apis_are_at_hand(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        (instance,) = await hp.instances("payments")
        assert instance.worker == "payments-1"
        assert len(await hp.instances()) == 1
        assert [one.name for one in await hp.registry.services()] == ["payments", "refunds"]
        await hp.node.kill("test")


# -- finding a node, and the end ---------------------------------------------------------------------------------------


async def test_without_a_node_the_way_to_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoNode, match="no node is running; start one with `homeport run TARGET`"):
        await homeport.connect()
    with pytest.raises(NoNode, match=r"does not answer: cannot connect to unix:"):
        await homeport.connect(f"unix:{tmp_path}/nobody.sock")
    with pytest.raises(NoNode, match=r"connect\(node=…\) shop: no running node has this name"):
        await homeport.connect("shop")


async def test_of_several_nodes_one_must_be_chosen(tmp_path: Path) -> None:
    for name in ("shop", "blog"):
        data = tmp_path / name / ".homeport"
        (data / "run").mkdir(parents=True)
        pid = os.getpid()
        address = NodeAddress(name=name, data=data, endpoint="unix:/nowhere", pid=pid, process=identity(pid))
        announce(address, os.environ)
    with pytest.raises(NoNode, match=r"several nodes are running, choose one with connect\(node=…\): blog .*, shop"):
        await homeport.connect()


async def test_a_closed_client_says_so_at_once(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        payments = hp.get(Payments)
        await payments.process(Decimal(1))
    for call in (lambda: payments.process(Decimal(1)), lambda: hp.service("refunds").process(), hp.instances):
        with pytest.raises(UsageError, match=r"is closed; open another with homeport\.connect"):
            await call()  # type: ignore[no-untyped-call]


async def test_inside_a_worker_the_worker_s_own_connections_are_shared(node: Node) -> None:
    async with homeport.connect(node.endpoint) as outside:
        assert await outside.service("payments").ask_itself() == "inside"
        assert await outside.service("payments").ask_itself() == "inside"
        assert await outside.service("payments").ask_itself_sync() == "thread"
    async with homeport.connect() as inside:  # this test's loop is the worker's
        assert (await inside.get(Payments).process(Decimal(1))).id == "EUR"
    async with homeport.connect() as again:
        assert (await again.get(Payments).process(Decimal(1))).id == "EUR"


async def test_an_error_whose_class_is_not_here_keeps_its_code_and_fields(node: Node) -> None:
    async with homeport.connect(node.endpoint) as hp:
        with pytest.raises(ServiceError) as caught:
            await hp.service("payments").decline(reason="no money")
        assert (caught.value.code, caught.value.fields) == ("card_declined", {"reason": "no money"})


async def test_a_client_outlives_the_node_process(tmp_path: Path) -> None:
    async with running(tmp_path) as node, homeport.connect(node.endpoint) as hp:
        payments = hp.service("payments")
        assert (await payments.process("1"))["id"] == "EUR"
        await node.stop()
        assert (await payments.process("1"))["id"] == "EUR"
        await node.start()
