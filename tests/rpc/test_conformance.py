"""One suite, three ways to call: what holds for a remote call holds for a local one."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

import homeport
from homeport.errors import (
    BadArguments,
    BadResult,
    ConnectionLost,
    DeadlineExceeded,
    Draining,
    Overloaded,
    RemoteError,
    ServiceError,
    UnknownMethod,
)
from homeport.model import Instance, State
from homeport.rpc.context import metadata
from tests.rpc import shop
from tests.rpc.conftest import world
from tests.rpc.shop import Bank, CardDeclined, Item, Till

PEN = Item("pen", Decimal("1.50"), datetime(2026, 1, 2, tzinfo=UTC))


async def settled(condition) -> None:  # type: ignore[no-untyped-def]
    """Until something that is on its way has arrived."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not come to that")


async def test_values_arrive_as_their_types(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        assert await w.get(Bank).echo(PEN, times=2) == [PEN, PEN]


async def test_a_handle_without_types_gives_plain_data(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Bank) as w:
        (item,) = await w.plain("bank").echo({"name": "pen", "price": "1.50"}, times=1)
        assert (item["name"], item["price"]) == ("pen", "1.50")


async def test_a_declared_error_arrives_as_its_own_class(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        with pytest.raises(CardDeclined) as caught:
            await w.get(Bank).decline("no money")
        assert (caught.value.reason, caught.value.status, caught.value.code) == ("no money", 402, "card_declined")


async def test_any_other_exception_arrives_as_a_remote_error_with_its_traceback(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        with pytest.raises(RemoteError) as caught:
            await w.get(Bank).fail()
        error = caught.value
        assert (error.service, error.method, error.kind, error.message) == (
            "bank",
            "fail",
            "ValueError",
            "no such luck",
        )
        assert "shop.py" in error.traceback


async def test_a_failure_further_down_is_a_failure_of_the_service_in_between(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank, Till) as w:
        with pytest.raises(RemoteError) as caught:
            await w.get(Till).relay()
        assert (caught.value.service, caught.value.kind) == ("till", "RemoteError")
        assert "no such luck" in str(caught.value)


async def test_an_exception_that_cannot_be_shown_is_still_an_answer(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        with pytest.raises(RemoteError, match="its __str__ raised RuntimeError"):
            await w.get(Bank).fail_unspeakably()


async def test_what_a_callee_further_down_did_wrong_is_not_this_services_own_bad_result(tmp_path: Path) -> None:
    for mode in ("codec", "remote"):
        async with world(mode, tmp_path, Bank, Till) as w:
            with pytest.raises(RemoteError, match="BadResult"):
                await w.get(Till).relay_unsendable()


async def test_overload_further_down_does_not_say_that_this_call_was_never_started(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank, Till, threads=1) as w:
        held = asyncio.create_task(w.get(Bank).hold())
        await settled(lambda: w.hosted("bank").threads.busy == 1)
        try:
            with pytest.raises(RemoteError, match="Overloaded"):
                await w.get(Till).relay_overload()
        finally:
            w.hosted("bank").target.released.set()
        assert await held == "done"


async def test_a_service_calls_another_and_catches_its_errors(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank, Till) as w:
        assert await w.get(Till).pay("too poor") == "declined: too poor"


async def test_what_does_not_fit_is_refused_before_the_method_runs(tmp_path: Path) -> None:
    for mode in ("codec", "remote"):
        async with world(mode, tmp_path, Bank) as w:
            with pytest.raises(BadArguments, match=r"\$\.times: expected int, got str"):
                await w.get(Bank).echo(PEN, "two")
            assert w.hosted("bank").admission.served == 0


async def test_a_result_that_cannot_travel_is_the_callees_fault(tmp_path: Path) -> None:
    for mode in ("codec", "remote"):
        async with world(mode, tmp_path, Bank) as w:
            with pytest.raises(BadResult, match=r"bank\.unsendable returned what cannot be sent"):
                await w.get(Bank).unsendable()


async def test_an_unknown_method_is_named_with_the_ones_there_are(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        with pytest.raises(AttributeError, match=r"'bank' has no method 'ecko'.*did you mean 'echo'"):
            _ = w.get(Bank).ecko
        with pytest.raises(UnknownMethod):
            await w.plain("bank").ecko()


async def test_a_deadline_ends_the_call_and_cancels_the_method(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        with pytest.raises(DeadlineExceeded):
            await w.get(Bank, timeout=0.02).sleep(5)
        await settled(lambda: w.hosted("bank").target.cancelled == 1 and w.hosted("bank").admission.in_flight == 0)


async def test_a_deadline_is_also_a_timeout_error(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        with pytest.raises(TimeoutError):
            await w.get(Bank, timeout=0.02).sleep(5)


async def test_a_timeout_block_bounds_calls_over_every_hop(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank, Till) as w:
        with pytest.raises(DeadlineExceeded):
            with homeport.timeout(0.2):
                await w.get(Till).patient(5)
        await settled(lambda: w.hosted("bank").target.cancelled == 1)


async def test_a_service_may_give_up_on_another_and_go_on(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank, Till) as w:
        assert await w.get(Till).impatient() == "gave up"
        await settled(lambda: w.hosted("bank").target.cancelled == 1)


async def test_a_caller_that_is_cancelled_cancels_the_work_over_every_hop(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank, Till) as w:
        task = asyncio.create_task(w.get(Till).patient(5))
        await settled(lambda: w.hosted("bank").admission.in_flight == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled(lambda: w.hosted("bank").target.cancelled == 1)
        await settled(lambda: w.hosted("till").admission.in_flight == 0)


async def test_a_method_that_swallows_its_cancellation_still_ends_in_deadline_exceeded(
    mode: str, tmp_path: Path
) -> None:
    async with world(mode, tmp_path, Bank) as w:
        with pytest.raises(DeadlineExceeded):
            await w.get(Bank, timeout=0.02).stubborn(0.03)
        await settled(lambda: w.hosted("bank").admission.in_flight == 0)


async def test_a_local_method_that_swallows_its_cancellation_is_reported_with_its_stack(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homeport.rpc.context.SWALLOWED_AFTER", 0.02)
    async with world("local", tmp_path, Bank) as w:
        with caplog.at_level(logging.WARNING, "homeport.rpc"), pytest.raises(DeadlineExceeded):
            await w.get(Bank, timeout=0.02).stubborn(0.1)
    (record,) = [record for record in caplog.records if record.message == "call.ignores_cancellation"]
    assert "stubborn" in record.stack


async def test_beyond_the_limit_calls_are_refused_at_once(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank, concurrency=2) as w:
        running = [asyncio.create_task(w.get(Bank).sleep(5)) for _ in range(2)]
        await settled(lambda: w.hosted("bank").admission.in_flight == 2)
        with pytest.raises(Overloaded, match="2 calls running of 2, its limit"):
            await w.get(Bank).sleep(0)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_a_draining_instance_refuses_what_comes_and_finishes_what_runs(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        running = asyncio.create_task(w.get(Bank).sleep(0.05))
        await settled(lambda: w.hosted("bank").admission.in_flight == 1)
        drained = asyncio.create_task(w.hosted("bank").admission.drained(5))
        await asyncio.sleep(0)
        with pytest.raises(Draining):
            await w.get(Bank, timeout=0.2).sleep(0)
        assert await running == "slept"
        assert await drained


async def test_a_stream_gives_its_items_in_order(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        assert [item async for item in w.get(Bank).count(200)] == list(range(200))
        await settled(lambda: w.hosted("bank").admission.in_flight == 0)


async def test_a_stream_is_only_so_far_ahead_of_its_reader(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Bank) as w:
        items = w.get(Bank).count(10_000)
        await anext(items)
        await asyncio.sleep(0.05)
        assert w.hosted("bank").edge("test", "count").bytes_out < 200
        await items.aclose()


async def test_closing_a_stream_ends_the_far_side(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        items = w.get(Bank).count(10_000)
        assert await anext(items) == 0
        await items.aclose()
        await settled(lambda: w.hosted("bank").target.closed == 1 and w.hosted("bank").admission.in_flight == 0)


async def test_a_stream_may_end_in_a_declared_error(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        seen = []
        with pytest.raises(CardDeclined, match="enough"):
            async for item in w.get(Bank).count_and_fail():
                seen.append(item)
        assert seen == [1]


async def test_caller_trace_and_metadata_travel_over_hops(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank, Till) as w:
        with metadata(tenant="acme"), homeport.timeout(7):
            seen = await w.get(Till).context_of_bank()
        assert (seen["caller"], seen["method"], seen["tenant"]) == ("till", "context", "acme")
        assert isinstance(seen["remaining"], float)
        assert 6 < seen["remaining"] <= 7.001
        assert len(str(seen["trace"])) == 32


async def test_one_request_has_one_trace_and_two_have_two(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        first, second = (await w.get(Bank).context(), await w.get(Bank).context())
        assert first["trace"] != second["trace"]


async def test_a_def_method_runs_in_a_thread_and_the_loop_goes_on(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank) as w:
        slow = asyncio.create_task(w.get(Bank).blocking(0.05))
        assert await w.get(Bank).sleep(0) == "slept"
        assert await slow == "done"


async def test_an_exhausted_pool_answers_overloaded_and_an_abandoned_thread_keeps_its_slot(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = threading.Event()
    monkeypatch.setattr(shop, "time", SimpleNamespace(sleep=lambda seconds: end.wait(10)))
    async with world(mode, tmp_path, Bank, threads=1) as w:
        with pytest.raises(DeadlineExceeded):
            await w.get(Bank, timeout=0.1).blocking(9)
        with pytest.raises(Overloaded, match="all 1 threads of bank are busy"):
            await w.get(Bank).blocking(0)
        end.set()
        await settled(lambda: w.hosted("bank").threads.busy == 0)
        assert await w.get(Bank).blocking(0) == "done"


async def test_a_def_method_calls_others_with_wait(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank, Till) as w:
        assert [item.price for item in await w.get(Till).report()] == [Decimal("1.50")] * 2


async def test_calls_are_counted_per_caller_and_method(mode: str, tmp_path: Path) -> None:
    async with world(mode, tmp_path, Bank, Till) as w:
        await w.get(Till).pay("x")
        edge = w.host.edges.snapshot()["till", "bank", "decline"]
        assert (edge.calls, edge.errors) == (1, 1)


async def test_a_caller_without_the_class_gets_code_and_fields(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Bank) as w:
        key = "tests.rpc.shop:CardDeclined"
        cls = ServiceError._by_key.pop(key)
        try:
            with pytest.raises(ServiceError) as caught:
                await w.plain("bank").decline("no money")
        finally:
            ServiceError._by_key[key] = cls
        assert type(caught.value) is ServiceError
        assert (caught.value.code, caught.value.fields, caught.value.status) == (
            "card_declined",
            {"reason": "no money"},
            402,
        )


async def test_a_lost_connection_fails_what_ran_and_the_next_call_connects_anew(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Bank) as w:
        running = asyncio.create_task(w.get(Bank).sleep(5))
        await settled(lambda: w.hosted("bank").admission.in_flight == 1)
        assert w.server is not None
        for link in list(w.server.links):
            link.close()
        with pytest.raises(ConnectionLost, match=r"before bank\.sleep answered"):
            await running
        assert await w.get(Bank).sleep(0) == "slept"


async def test_an_instance_in_this_process_that_the_registry_holds_back_is_not_preferred(tmp_path: Path) -> None:
    async with world("local", tmp_path, Bank) as w:
        route, bank = w.caller.route("bank"), w.hosted("bank")
        assert route.local is bank
        for state, preferred in ((State.UNHEALTHY, None), (State.READY, bank)):
            route.view.instances[bank.id] = Instance(id=bank.id, service="bank", endpoints=(), state=state)
            route.refresh()
            assert route.local is preferred
