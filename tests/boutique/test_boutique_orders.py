from __future__ import annotations

import asyncio
from typing import Any

import pytest
from boutique.errors import CardDeclined, CheckoutInProgress, EmptyCart, OrderNotFound, OutOfStock, UnsupportedCurrency
from boutique.money import Money
from boutique.saga import Saga
from boutique.types import CartItem, Order
from whole_shop import ADDRESS, Failing, Shop, card

from homeport import ConnectionLost, DeadlineExceeded, NoEndpoint, Unavailable, timeout

EMAIL = "ada@example.com"


@pytest.fixture
async def shop() -> Shop:
    shop = Shop()
    await shop.recommendation.startup()
    await shop.cart.add("ada", "enamel-mug", 2)
    await shop.cart.add("ada", "tide-clock", 1)
    return shop


async def buy(shop: Shop, currency: str = "EUR", **changed: Any) -> Order:
    return await shop.checkout.place_order("ada", currency, ADDRESS, EMAIL, changed.get("card", card()))


async def stock(shop: Shop) -> tuple[int, int]:
    return await shop.inventory.available("enamel-mug"), await shop.inventory.available("tide-clock")


async def assert_nothing_happened(shop: Shop, stock_before: tuple[int, int]) -> None:
    assert await stock(shop) == stock_before
    assert await shop.cart.items("ada") == [CartItem("enamel-mug", 2), CartItem("tide-clock", 1)]
    assert not any(shop.payment._books.values())
    assert not any(shop.shipping._shipments.values())
    assert await shop.email.outbox(EMAIL) == []


async def test_an_order_moves_goods_money_and_parcel(shop: Shop) -> None:
    mugs, clocks = await stock(shop)
    order = await buy(shop)
    assert order.goods == Money.of("EUR", "87.25")
    assert order.shipping == Money.of("EUR", "6.15")
    assert order.total == order.receipt.amount == Money.of("EUR", "93.40")
    assert await stock(shop) == (mugs - 2, clocks - 1)
    assert await shop.cart.items("ada") == []
    assert order.shipment.tracking_id in (await shop.email.outbox(EMAIL))[0].text
    assert await shop.checkout.order("ada", order.id) == order


async def test_an_order_is_charged_in_the_shoppers_currency(shop: Shop) -> None:
    order = await buy(shop, currency="JPY")
    assert order.total == order.receipt.amount == Money("JPY", 2 * 1877 + 10489 + 1004)


async def test_an_empty_cart_is_no_order(shop: Shop) -> None:
    await shop.cart.empty("ada")
    with pytest.raises(EmptyCart):
        await buy(shop)


async def test_an_order_that_was_never_placed_is_not_found(shop: Shop) -> None:
    with pytest.raises(OrderNotFound):
        await shop.checkout.order("ada", "nonesuch")


async def test_a_declined_card_puts_everything_back(shop: Shop) -> None:
    before = await stock(shop)
    with pytest.raises(CardDeclined):
        await buy(shop, card=card("4000000000000002"))
    await assert_nothing_happened(shop, before)


async def test_a_currency_nobody_knows_puts_everything_back(shop: Shop) -> None:
    before = await stock(shop)
    with pytest.raises(UnsupportedCurrency):
        await buy(shop, currency="XXX")
    await assert_nothing_happened(shop, before)


async def test_what_is_sold_out_is_not_charged(shop: Shop) -> None:
    await shop.inventory.reserve("greedy", [CartItem("tide-clock", await shop.inventory.available("tide-clock"))])
    before = await stock(shop)
    with pytest.raises(OutOfStock):
        await buy(shop)
    await assert_nothing_happened(shop, before)


@pytest.mark.parametrize(
    ("service", "method"),
    [("inventory", "reserve"), ("payment", "charge"), ("shipping", "ship"), ("inventory", "confirm")],
)
@pytest.mark.parametrize("error", [NoEndpoint("it"), ConnectionLost("it"), DeadlineExceeded("it")], ids=repr)
async def test_whichever_step_fails_all_before_it_are_undone(
    shop: Shop, service: str, method: str, error: Unavailable
) -> None:
    before = await stock(shop)
    setattr(shop.checkout, service, Failing(getattr(shop, service), **{method: error}))
    with pytest.raises(type(error)):
        await buy(shop)
    await assert_nothing_happened(shop, before)


@pytest.mark.parametrize(
    ("service", "method"),
    [("inventory", "reserve"), ("payment", "charge"), ("shipping", "ship"), ("inventory", "confirm")],
)
async def test_a_step_that_happened_although_its_answer_was_lost_is_undone_too(
    shop: Shop, service: str, method: str
) -> None:
    before = await stock(shop)
    real = getattr(shop, service)

    class LosesAnswers(Failing):
        def __getattr__(self, name: str) -> Any:
            async def call(*args: Any) -> Any:
                answer = await getattr(real, name)(*args)
                if name == method:
                    raise ConnectionLost(service)
                return answer

            return call

    setattr(shop.checkout, service, LosesAnswers(real))
    with pytest.raises(ConnectionLost):
        await buy(shop)
    await assert_nothing_happened(shop, before)


async def test_a_failing_undo_does_not_keep_the_others_from_being_done(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    before = await stock(shop)
    shop.checkout.shipping = Failing(shop.shipping, ship=NoEndpoint("shipping"), cancel=NoEndpoint("shipping"))  # type: ignore[assignment]
    with pytest.raises(NoEndpoint):
        await buy(shop)
    await assert_nothing_happened(shop, before)
    assert "saga.undo_failed" in caplog.text


async def test_an_order_that_runs_out_of_time_is_undone_beyond_its_deadline(shop: Shop) -> None:
    before = await stock(shop)

    class Stuck(Failing):
        async def ship(self, *_: Any) -> None:
            await asyncio.sleep(3600)

    shop.checkout.shipping = Stuck(shop.shipping)  # type: ignore[assignment]
    with pytest.raises(DeadlineExceeded):
        with timeout(0.01):
            await buy(shop)
    await shop.checkout.shutdown()
    await assert_nothing_happened(shop, before)


async def test_a_caller_that_gives_up_twice_does_not_stop_the_undoing(shop: Shop) -> None:
    undone = asyncio.Event()

    async def slow_undo(order_id: str) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        undone.set()

    async def order() -> None:
        async with Saga() as saga:
            saga.undo_with(slow_undo, "order")
            await asyncio.sleep(3600)

    task = asyncio.create_task(order())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await Saga.settled()
    assert undone.is_set()


@pytest.mark.parametrize(("service", "method"), [("email", "send_confirmation"), ("cart", "empty")])
async def test_an_order_stands_although_its_last_courtesies_fail(
    shop: Shop, service: str, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    mugs, clocks = await stock(shop)
    setattr(shop.checkout, service, Failing(getattr(shop, service), **{method: NoEndpoint(service)}))
    order = await buy(shop)
    assert await stock(shop) == (mugs - 2, clocks - 1)
    assert await shop.checkout.order("ada", order.id) == order
    assert "order.unfinished" in caplog.text


async def test_an_impatient_second_click_buys_nothing(shop: Shop) -> None:
    mugs, clocks = await stock(shop)
    outcomes = await asyncio.gather(buy(shop), buy(shop), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Order, CheckoutInProgress]
    assert await stock(shop) == (mugs - 2, clocks - 1)


# -- pages -------------------------------------------------------------------------------------------------------------


async def test_the_front_page_shows_everything_in_the_shoppers_currency(shop: Shop) -> None:
    await shop.frontend.set_currency("ada", "JPY")
    page = await shop.frontend.index("ada")
    assert (page.currency, page.cart_size, len(page.products)) == ("JPY", 3, len(await shop.catalog.products()))
    assert {view.price.currency for view in page.products} == {"JPY"}
    assert (await shop.frontend.index("bob")).currency == "EUR"
    assert (await shop.frontend.index("ada", "USD")).currency == "USD"


async def test_a_currency_without_a_rate_cannot_be_chosen(shop: Shop) -> None:
    with pytest.raises(UnsupportedCurrency):
        await shop.frontend.set_currency("ada", "XXX")
    assert (await shop.frontend.index("ada")).currency == "EUR"


async def test_a_product_page_has_stock_ad_and_recommendations(shop: Shop) -> None:
    page = await shop.frontend.product("storm-kettle", "ada", "USD")
    assert page.product.price == Money.of("USD", "58.94")
    assert page.available == await shop.inventory.available("storm-kettle")
    assert len(page.recommendations) == 4
    assert page.ad is not None


async def test_the_cart_page_adds_up(shop: Shop) -> None:
    page = await shop.frontend.cart("ada")
    assert [(line.product.id, line.quantity) for line in page.lines] == [("enamel-mug", 2), ("tide-clock", 1)]
    assert page.total == Money.of("EUR", "93.40")
    assert not {"enamel-mug", "tide-clock"} & {view.id for view in page.recommendations}


async def test_an_empty_cart_page_costs_nothing(shop: Shop) -> None:
    page = await shop.frontend.cart("bob", "USD")
    assert (page.lines, page.total) == ([], Money("USD", 0))


async def test_pages_do_without_their_decoration(shop: Shop) -> None:
    shop.frontend.ads = Failing(shop.ad, pick=NoEndpoint("ad"))  # type: ignore[assignment]
    shop.frontend.recommendations = Failing(  # type: ignore[assignment]
        shop.recommendation, recommend=NoEndpoint("recommendation")
    )
    page = await shop.frontend.product("storm-kettle", "ada")
    assert (page.ad, page.recommendations) == (None, [])


async def test_a_shopper_shops_from_door_to_door(shop: Shop) -> None:
    assert await shop.frontend.add_to_cart("ada", "cork-keyring", 3) == 6
    order = await shop.frontend.checkout("ada", ADDRESS, EMAIL, card())
    assert [line.product_id for line in order.lines] == ["enamel-mug", "tide-clock", "cork-keyring"]
    assert (await shop.frontend.index("ada")).cart_size == 0
