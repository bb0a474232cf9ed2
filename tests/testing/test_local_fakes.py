from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import pytest

from homeport import method, service, wait
from homeport.errors import BadArguments, ConnectionLost, NoEndpoint, RemoteError
from homeport.testing import BadFake, local
from tests.testing.shop import CardDeclined, Orders, Payments, Receipt, Undeclared

RECEIPT = Receipt(id="fake", cents=1)


async def refused(fake: Any) -> str:
    """What entering says about a fake for ``payments``."""
    with pytest.raises(BadFake) as caught:
        async with local(Orders, payments=fake):
            pass
    return str(caught.value)


# -- held against the contract -----------------------------------------------------------------------------------------


async def test_a_method_the_service_lacks_is_named_with_the_one_that_was_meant() -> None:
    class Misspelt:
        async def proces(self, cents: int, currency: str = "EUR") -> Receipt: ...

    message = await refused(Misspelt())
    assert "has a method 'proces' that the service lacks; did you mean process?" in message
    assert "did you mean process?" in await refused(SimpleNamespace(proces=Misspelt().proces))


async def test_helpers_of_a_fake_are_its_own() -> None:
    class Counting:
        def __init__(self) -> None:
            self.calls = 0

        def reset(self) -> None:
            self.calls = 0

        async def _count(self) -> None:
            self.calls += 1

        async def process(self, cents: int, currency: str = "EUR") -> Receipt:
            await self._count()
            return RECEIPT

    fake = Counting()
    async with local(Orders, payments=fake) as hp:
        await hp.get(Orders).buy(1)
    assert fake.calls == 1


async def test_other_arguments_than_the_services_are_refused() -> None:
    class Fewer:
        async def process(self, cents: int) -> Receipt: ...

    class More:
        async def process(self, cents: int, currency: str, vat: float) -> Receipt: ...

    message = await refused(Fewer())
    assert "payments.process(cents: int, currency: str = 'EUR')" in message
    assert "process(cents: 'int') -> 'Receipt'" in message
    assert "takes other arguments" in await refused(More())


async def test_a_parameter_may_have_another_name() -> None:
    class Lazy:
        async def process(self, c: int, _: str = "EUR") -> Receipt:
            return Receipt(id=_, cents=c)

    async with local(Orders, payments=Lazy()) as hp:
        assert await hp.get(Orders).buy_by_name(7) == Receipt(id="USD", cents=7)


async def test_a_call_that_the_fakes_other_names_cannot_take_is_its_fault() -> None:
    @service
    class Many:
        async def get(self, a: int = 1, b: int = 2) -> int:
            return a + b

    class FakeMany(Many):
        async def get(self, x: int = 1, y: int = 2) -> int:
            return x - y

    async with local(Payments, many=FakeMany()) as hp:
        assert await hp.service("many").get(a=5, b=6) == -1
        with pytest.raises(BadFake, match=r"its get cannot be called as many.get\(a: int = 1, b: int = 2\) just was"):
            await hp.service("many").get(b=3)


async def test_what_streams_must_stream_and_nothing_else() -> None:
    class Once:
        async def history(self, account: str) -> list[Receipt]:
            return []

    class Streaming:
        async def process(self, cents: int, currency: str = "EUR") -> AsyncIterator[Receipt]:
            yield RECEIPT

    assert "answers history once, and payments.history(account: str) streams" in await refused(Once())
    assert "streams process, and payments.process" in await refused(Streaming())


async def test_a_result_that_does_not_fit_is_the_fakes_fault_at_the_call() -> None:
    class Wrong:
        async def process(self, cents: int, currency: str = "EUR") -> Any:
            return {"id": "a", "cents": "one"}

    async with local(Orders, payments=Wrong()) as hp:
        with pytest.raises(BadFake) as caught:
            await hp.service("payments").process(1)
        assert str(caught.value) == (
            "the fake for 'payments' is wrong: payments.process returned what its contract (-> Receipt) does not "
            "allow: $.cents: expected int, got str; it was {'id': 'a', 'cents': 'one'}"
        )
        with pytest.raises(RemoteError, match="BadFake: the fake for 'payments' is wrong"):
            await hp.get(Orders).buy(1)


async def test_an_item_that_does_not_fit_is_the_fakes_fault_too() -> None:
    class Wrong:
        async def history(self, account: str) -> AsyncIterator[Any]:
            yield RECEIPT
            yield 5

    async with local(Orders, payments=Wrong()) as hp:
        items = hp.get(Payments).history("ada")
        assert await anext(items) == RECEIPT
        with pytest.raises(BadFake, match=r"the fake for 'payments' is wrong: payments.history returned"):
            await anext(items)


async def test_a_method_that_the_fake_lacks_is_missed_when_it_is_called() -> None:
    async with local(Orders, payments=SimpleNamespace()) as hp:
        with pytest.raises(BadFake, match=r"no method 'process', which was called; give it payments.process\(cents"):
            await hp.get(Payments).process(1)


async def test_a_subclass_of_the_service_says_what_it_fakes() -> None:
    class Doubled(Payments):
        async def process(self, cents: int, currency: str = "EUR") -> Receipt:
            return await super().process(2 * cents, currency)

    async with local(Orders, payments=Doubled()) as hp:
        assert (await hp.get(Orders).buy(5)).cents == 10


# -- what a fake may be ------------------------------------------------------------------------------------------------


async def test_plain_functions_will_do() -> None:
    class Plain:
        def process(self, cents: int, currency: str = "EUR") -> Receipt:
            return RECEIPT

        def history(self, account: str) -> list[Receipt]:
            return [RECEIPT]

    async with local(Orders, payments=Plain()) as hp:
        assert await hp.get(Orders).buy(1) == RECEIPT
        assert await hp.get(Orders).history("ada") == [RECEIPT]


async def test_a_namespace_of_functions_will_do_and_may_change_meanwhile() -> None:
    async def process(cents: int, currency: str = "EUR") -> Receipt:
        return RECEIPT

    fake = SimpleNamespace(process=process)
    async with local(Orders, payments=fake) as hp:
        assert await hp.get(Orders).buy(1) == RECEIPT
        fake.process = lambda cents, currency="EUR": Receipt(id="other", cents=cents)
        assert (await hp.get(Orders).buy(1)).id == "other"


async def test_mocks_record_the_calls() -> None:
    fake = AsyncMock()
    fake.process.return_value = RECEIPT
    async with local(Orders, payments=fake) as hp:
        assert await hp.get(Orders).buy(5) == RECEIPT
    fake.process.assert_awaited_once_with(5)


async def test_mocks_raise_and_stream() -> None:
    async def history(account: str) -> AsyncIterator[Receipt]:
        yield RECEIPT

    fake = Mock()
    fake.refund.side_effect = CardDeclined(reason="no")
    fake.history = history
    async with local(Orders, payments=fake) as hp:
        assert await hp.get(Orders).undo(RECEIPT) == "declined: no"
        assert await hp.get(Orders).history("ada") == [RECEIPT]
        fake.history = MagicMock()
        fake.history.return_value.__aiter__.return_value = [RECEIPT, RECEIPT]
        assert len(await hp.get(Orders).history("ada")) == 2
        fake.history = AsyncMock(return_value=[RECEIPT])
        assert len(await hp.get(Orders).history("ada")) == 1


async def test_a_mock_that_was_told_nothing_says_so() -> None:
    async with local(Orders, payments=AsyncMock()) as hp:
        with pytest.raises(BadFake, match=r"its process answered a mock, since nobody set its return_value"):
            await hp.get(Payments).process(1)


async def test_an_autospecced_mock_checks_names_itself() -> None:
    fake = create_autospec(Payments, instance=True)
    fake.process.return_value = RECEIPT
    async with local(Orders, payments=fake) as hp:
        assert await hp.get(Orders).buy_by_name(1) == RECEIPT
    fake.process.assert_awaited_once_with(cents=1, currency="USD")


async def test_a_mock_that_names_its_class_is_held_to_it_where_nobody_else_knows_it() -> None:
    @service
    class Prices:
        async def price(self, item: str) -> int: ...

    fake = AsyncMock(spec=Prices)
    fake.price.return_value = "dear"
    async with local(Undeclared, prices=fake) as hp:
        with pytest.raises(RemoteError, match=r"contract \(-> int\) does not allow: \$: expected int, got str"):
            await hp.get(Undeclared).total(["tea"])


async def test_a_blocking_method_of_a_fake_runs_in_a_thread() -> None:
    class Blocking:
        @method
        def statement(self, month: str) -> str:
            return wait(self._text(month))

        async def _text(self, month: str) -> str:
            return f"fake {month}"

    class Async:
        async def statement(self, month: str) -> str:
            return f"async {month}"

    async with local(Orders, payments=Blocking()) as hp:
        assert await hp.get(Orders).report("May") == "FAKE MAY"
    async with local(Orders, payments=Async()) as hp:
        assert await hp.get(Orders).report("May") == "ASYNC MAY"


@pytest.mark.parametrize("error", [NoEndpoint("payments"), ConnectionLost("gone")], ids=lambda e: type(e).__name__)
async def test_a_fake_can_be_away(error: Exception) -> None:
    fake = AsyncMock()
    fake.process.side_effect = error
    async with local(Orders, payments=fake) as hp:
        assert await hp.get(Orders).try_hard(1) == type(error).__name__


async def test_a_stream_of_a_fake_can_break_off() -> None:
    class Breaking:
        async def history(self, account: str) -> AsyncIterator[Receipt]:
            yield RECEIPT
            raise ConnectionLost("gone")

    async with local(Orders, payments=Breaking()) as hp:
        items = hp.get(Payments).history("ada")
        assert await anext(items) == RECEIPT
        with pytest.raises(ConnectionLost):
            await anext(items)


# -- where the class is not known --------------------------------------------------------------------------------------


async def test_without_a_class_to_hold_it_to_the_fakes_own_annotations_count() -> None:
    class Typed:
        async def price(self, item: str, currency: str = "EUR") -> int:
            return 2

        async def all(self) -> AsyncIterator[int]:
            yield 1
            yield 2

    async with local(Undeclared, prices=Typed()) as hp:
        undeclared = hp.get(Undeclared)
        assert await undeclared.total(["tea", "cake"]) == 4
        assert await undeclared.named("tea") == 2
        assert await undeclared.every() == [1, 2]
        with pytest.raises(BadArguments, match=r"\$\.item: expected str, got int"):
            await hp.service("prices").price(5)


async def test_without_a_class_anything_with_functions_will_do() -> None:
    async def everything() -> AsyncIterator[int]:
        yield 3

    for fake in (
        SimpleNamespace(price=lambda item, currency="": 3, all=everything),
        Mock(price=AsyncMock(return_value=3), all=everything),
    ):
        async with local(Undeclared, prices=fake) as hp:
            undeclared = hp.get(Undeclared)
            assert (await undeclared.total(["a"]), await undeclared.named("a"), await undeclared.every()) == (3, 3, [3])
            assert await hp.service("prices").price("a") == 3
            assert await hp.call_json("prices", "price", b'["a"]') == b"3"


async def test_a_mock_of_an_unknown_service_gets_the_very_arguments() -> None:
    fake = AsyncMock()
    fake.price.return_value = 1
    async with local(Undeclared, prices=fake) as hp:
        await hp.get(Undeclared).named("tea")
    fake.price.assert_awaited_once_with("tea", currency="EUR")


async def test_a_fake_of_an_unknown_service_says_what_it_has() -> None:
    class Prices:
        async def prise(self, item: str) -> int: ...

    async with local(Undeclared, prices=Prices()) as hp:
        with pytest.raises(RemoteError, match=r"no method 'price', which was called \(did you mean 'prise'\?\)"):
            await hp.get(Undeclared).total(["tea"])
