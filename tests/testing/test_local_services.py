from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest

import homeport
from homeport.errors import (
    BadArguments,
    BadResult,
    ConfigError,
    DeadlineExceeded,
    DefinitionError,
    Draining,
    RemoteError,
    UnknownService,
)
from homeport.testing import local
from homeport.testing.order import start_order
from tests.testing.shop import (
    LIFE,
    Bottom,
    Chicken,
    Egg,
    Limits,
    Middle,
    Orders,
    Payments,
    Receipt,
    Sessions,
    Top,
    Undeclared,
    Wallet,
)

# -- calling -----------------------------------------------------------------------------------------------------------


async def test_services_call_each_other_and_values_have_their_types() -> None:
    async with local(Orders, Payments) as hp:
        assert await hp.get(Orders).buy(5) == Receipt(id="EUR", cents=5)


async def test_a_handle_by_name_gives_plain_data() -> None:
    async with local(Payments) as hp:
        assert await hp.service("payments").process(5, currency="USD") == {"id": "USD", "cents": 5, "notes": []}


async def test_what_is_sent_is_a_copy_as_over_a_connection() -> None:
    kept = Receipt(id="a", cents=1)

    class FakePayments:
        async def process(self, cents: int, currency: str = "EUR") -> Receipt:
            return kept

    async with local(Orders, payments=FakePayments()) as hp:
        answer = await hp.get(Orders).buy(1)
        assert (answer == kept, answer is kept) == (True, False)


async def test_arguments_that_do_not_fit_are_refused() -> None:
    async with local(Payments) as hp:
        with pytest.raises(BadArguments, match=r"\$\.cents: expected int, got str"):
            await hp.service("payments").process("five")


async def test_declared_errors_arrive_as_themselves_and_others_with_their_cause() -> None:
    class Broken:
        async def process(self, cents: int, currency: str = "EUR") -> Receipt:
            raise ValueError("no such luck")

    receipt = Receipt(id="a", cents=1)
    async with local(Orders, Payments) as hp:
        assert await hp.get(Orders).undo(receipt) == "declined: wrong size"
    async with local(Orders, payments=Broken()) as hp:
        with pytest.raises(RemoteError, match="no such luck") as caught:
            await hp.get(Orders).buy(1)
        assert caught.value.service == "orders"


async def test_streams_stream_typed_plain_and_as_json() -> None:
    async with local(Orders, Payments) as hp:
        assert [receipt.cents async for receipt in hp.get(Payments).history("ada")] == [0, 1, 2]
        assert [receipt["cents"] async for receipt in hp.service("payments").history("ada")] == [0, 1, 2]
        assert len(await hp.get(Orders).history("ada")) == 3
        lines = [line async for line in hp.stream_json("payments", "history", b'["ada"]')]
        assert lines[1] == b'{"id":"ada","cents":1,"notes":[]}'


async def test_an_item_that_does_not_fit_is_told_as_over_a_connection() -> None:
    @homeport.service
    class Counter:
        async def count(self) -> AsyncIterator[int]:
            yield 1
            yield "two"  # type: ignore[misc]

    async with local(Counter) as hp:
        items = hp.get(Counter).count()
        assert await anext(items) == 1
        with pytest.raises(BadResult, match="expected int, got str"):
            await anext(items)


async def test_json_goes_in_and_out_as_over_http() -> None:
    async with local(Payments) as hp:
        assert await hp.call_json("payments", "process", b'{"cents": 5}') == b'{"id":"EUR","cents":5,"notes":[]}'
        with pytest.raises(UnknownService, match="did you mean 'payments'"):
            await hp.call_json("paymnts", "process", b"{}")


async def test_methods_routed_by_a_parameter_answer_and_stream() -> None:
    async with local(Sessions) as hp:
        sessions = hp.get(Sessions)
        assert [await sessions.visit("ada"), await sessions.visit(user="ada"), await sessions.visit("bob")] == [1, 2, 1]
        assert [number async for number in sessions.visits("ada")] == [1, 2]


async def test_def_methods_run_in_a_thread_and_may_wait_for_others() -> None:
    async with local(Orders, Payments) as hp:
        assert await hp.get(Orders).report("May") == "STATEMENT OF MAY"


async def test_deadlines_travel() -> None:
    cancelled = asyncio.Event()

    class Slow:
        async def process(self, cents: int, currency: str = "EUR") -> Receipt:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.set()
                raise
            raise AssertionError

    async with local(Orders, payments=Slow()) as hp:
        assert await hp.get(Orders).impatient() == "gave up"
        assert cancelled.is_set()
        with pytest.raises(DeadlineExceeded):
            with homeport.timeout(0.02):
                await hp.get(Orders).buy(1)


async def test_the_object_itself_is_at_hand() -> None:
    fake = object()
    async with local(Sessions) as hp:
        await hp.get(Sessions).visit("ada")
        assert hp.instance("sessions").seen == {"ada": 1}
    async with local(Orders, payments=fake) as hp:
        assert hp.instance("payments") is fake


# -- what is given -----------------------------------------------------------------------------------------------------


async def test_settings_arrive_typed_and_init_parameters_are_given() -> None:
    async with local(Wallet, Payments, config={"wallet": {"most": 50, "currency": "SEK"}}) as hp:
        assert await hp.get(Wallet).pay(20) == "SEK"
        assert await hp.get(Wallet).pay(51) == "too much"
        assert hp.instance("wallet").config == Limits(most=50, currency="SEK")


async def test_settings_that_do_not_fit_are_named() -> None:
    with pytest.raises(ConfigError, match=r"\[services.wallet.config\].*most"):
        async with local(Wallet, Payments, config={"wallet": {"most": "a lot"}}):
            pass
    with pytest.raises(ConfigError, match=r"'walet'.*did you mean 'wallet'"):
        async with local(Wallet, Payments, config={"walet": {}}):
            pass


async def test_an_optional_dependency_that_is_not_given_is_none() -> None:
    class FakeFraud:
        async def check(self, cents: int) -> bool:
            return False

    async with local(Orders, Payments) as hp:
        assert await hp.get(Orders).checked() is False
    async with local(Orders, Payments, fraud=None) as hp:
        assert await hp.get(Orders).checked() is False
    async with local(Orders, Payments, fraud=FakeFraud()) as hp:
        assert await hp.get(Orders).checked() is True


class Nothing:
    """A fake without methods."""


@pytest.mark.parametrize(
    ("services", "fakes", "message"),
    [
        (
            [Orders],
            {},
            "Orders calls 'payments' as self.payments, which is neither given nor faked; give its class",
        ),
        ([Orders], {"paymens": Nothing()}, r"neither given nor faked \(did you mean it by 'paymens'\?\)"),
        ([Orders, Payments], {"fruad": Nothing()}, r"'fraud' as self.fraud.*did you mean it by 'fruad'"),
        ([Orders], {"payments": None}, "None is only for optional dependencies"),
        ([Orders, Payments], {"payments": Nothing()}, r"both as a class \(Payments\) and as a fake"),
        ([Orders], {"payments": Nothing}, r"payments=Nothing gives a class; give an object of it"),
        ([Orders], {"payments": Payments}, "gives a service's class as a fake; give it by position"),
        ([Payments, Payments], {}, "Payments is given twice"),
        ([Payments()], {}, "give the class, Payments, and not an object of it"),
        ([Receipt], {}, "class Receipt is no service; mark the class itself with @service"),
    ],
)
async def test_what_does_not_make_up_a_whole_is_named_with_the_way_out(services, fakes, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DefinitionError, match=message):
        async with local(*services, **fakes):
            pass


async def test_a_service_that_does_not_run_here_is_named_with_those_that_do() -> None:
    async with local(Payments) as hp:
        with pytest.raises(DefinitionError, match=r"'paymnts' does not run here \(did you mean 'payments'\?\)"):
            hp.service("paymnts")
        with pytest.raises(DefinitionError, match="'orders' does not run here; here are payments"):
            hp.get(Orders)


# -- life --------------------------------------------------------------------------------------------------------------


async def test_startup_runs_in_order_of_dependency_and_shutdown_in_reverse() -> None:
    LIFE.clear()
    async with local(Top, Middle, Bottom) as hp:
        assert LIFE == ["Bottom up", "Middle up", "Top up"]
        assert await hp.get(Top).ping() == "pong"
    assert LIFE[3:] == ["Top down", "Middle down", "Bottom down"]


async def test_shutdown_runs_after_a_failing_test_too() -> None:
    LIFE.clear()
    with pytest.raises(ZeroDivisionError):
        async with local(Bottom):
            1 / 0
    assert LIFE == ["Bottom up", "Bottom down"]


async def test_a_startup_that_fails_fails_the_entry_and_stops_what_had_started() -> None:
    class BrokenStart(Middle):
        async def startup(self) -> None:
            raise OSError("no disk")

    LIFE.clear()
    broken = homeport.service(name="middle")(BrokenStart)
    with pytest.raises(OSError, match="no disk") as caught:
        async with local(broken, Bottom):
            raise AssertionError("unreachable")
    assert caught.value.__notes__ == ["It was raised in startup() of the service 'middle'."]
    assert LIFE == ["Bottom up", "Bottom down"]


async def test_a_shutdown_that_fails_is_told_but_never_hides_the_tests_own_failure() -> None:
    @homeport.service
    class Untidy:
        async def ping(self) -> None: ...

        async def shutdown(self) -> None:
            raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        async with local(Untidy):
            pass
    with pytest.raises(ZeroDivisionError) as caught:
        async with local(Untidy):
            1 / 0
    assert caught.value.__notes__ == [
        "Besides: OSError: no disk (It was raised in shutdown() of the service 'untidy'.)"
    ]


async def test_services_that_call_each_other_start_together() -> None:
    async with local(Chicken, Egg) as hp:
        assert hp.instance("chicken").heard == "crack"
        assert await hp.get(Egg).mother() == "cluck"


async def test_nothing_answers_before_and_after_the_block() -> None:
    hp = local(Payments)
    with pytest.raises(DefinitionError, match="not running; use `async with"):
        hp.get(Payments)
    async with hp:
        payments = hp.get(Payments)
    with pytest.raises(Draining):
        await payments.process(1)
    with pytest.raises(DefinitionError, match="have stopped"):
        hp.get(Payments)
    with pytest.raises(DefinitionError, match="have run already"):
        await hp.__aenter__()
    with pytest.raises(TypeError, match="async with"):
        await local(Payments)  # type: ignore[misc]


def test_services_start_after_those_they_call() -> None:
    calls = {"a": ["b", "c"], "b": ["c", "elsewhere"], "c": [], "d": ["e"], "e": ["d", "a"]}
    order = start_order(calls)
    assert sorted(map(sorted, order)) == [["a"], ["b"], ["c"], ["d", "e"]]
    position = {name: index for index, group in enumerate(order) for name in group}
    assert position["c"] < position["b"] < position["a"] < position["d"] == position["e"]


# -- bare classes ------------------------------------------------------------------------------------------------------


class FakePayments:
    async def process(self, cents: int, currency: str = "EUR") -> Receipt:
        return Receipt(id="fake", cents=cents)


async def test_a_class_is_an_ordinary_class() -> None:
    orders = Orders()
    orders.payments = FakePayments()  # type: ignore[assignment]
    assert (await orders.buy(5)).id == "fake"
    with pytest.raises(AttributeError, match=r"stands for the service 'fraud'.*homeport.testing.local"):
        await orders.checked()
    orders.fraud = None
    assert await orders.checked() is False


async def test_a_class_takes_its_services_by_init_where_it_asks_for_them() -> None:
    wallet = Wallet(FakePayments(), Limits(most=5))  # type: ignore[arg-type]
    wallet.config = Limits()
    assert (await wallet.pay(4), await wallet.pay(6)) == ("fake", "too much")


async def test_an_undeclared_dependency_of_a_bare_class_is_a_plain_attribute() -> None:
    class FakePrices:
        async def price(self, item: str) -> int:
            return 2

    basket = Undeclared()
    basket.prices = FakePrices()  # type: ignore[attr-defined]
    assert await basket.total(["tea", "cake"]) == 4


def test_without_asyncio_the_way_out_is_named() -> None:
    entering = local(Payments).__aenter__()
    with pytest.raises(DefinitionError, match="anyio_backend"):
        entering.send(None)


def test_no_socket_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr("socket.socket", None)
        monkeypatch.delitem(sys.modules, "uvloop", raising=False)
        async with local(Orders, Payments) as hp:
            await hp.get(Orders).buy(1)

    asyncio.run(scenario())
