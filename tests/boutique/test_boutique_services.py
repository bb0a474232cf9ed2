from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from boutique.cards import passes_luhn
from boutique.cart import CartService
from boutique.currency import RATES
from boutique.email import confirmation
from boutique.errors import (
    CardDeclined,
    CardExpired,
    InvalidCard,
    OrderClosed,
    OutOfStock,
    ProductNotFound,
    ReservationExpired,
    UnsupportedCurrency,
)
from boutique.inventory import HELD_FOR
from boutique.money import Money
from boutique.product_catalog import PRODUCTS
from boutique.recent import Recent
from boutique.shipping import price, tracking_id
from boutique.types import CartItem, Order, OrderLine, Receipt, Shipment
from hypothesis import given
from hypothesis import strategies as st
from whole_shop import ADDRESS, Shop, card

MUGS = [CartItem("enamel-mug", 2)]
TEN_EURO = Money("EUR", 1000)


@pytest.fixture
def shop() -> Shop:
    return Shop()


# -- the shelves -------------------------------------------------------------------------------------------------------


async def test_the_catalog_has_products_with_prices_weights_and_stock(shop: Shop) -> None:
    products = await shop.catalog.products()
    stock = {line["id"]: line["stock"] for line in msgspec.json.decode(PRODUCTS.read_bytes())}
    assert len(products) >= 12
    assert stock.keys() == {product.id for product in products}
    assert all(product.price.minor > 0 and product.weight_grams > 0 and product.categories for product in products)


async def test_an_unknown_product_is_a_typed_error(shop: Shop) -> None:
    with pytest.raises(ProductNotFound) as caught:
        await shop.catalog.product("kraken")
    assert caught.value.product_id == "kraken"


async def test_a_search_streams_what_has_all_the_words(shop: Shop) -> None:
    assert [product.id async for product in shop.catalog.search("KETTLE wind")] == ["storm-kettle"]


async def test_what_is_reserved_is_on_no_shelf_until_it_is_released(shop: Shop) -> None:
    before = await shop.inventory.available("enamel-mug")
    await shop.inventory.reserve("order", MUGS)
    await shop.inventory.reserve("order", MUGS)  # a repeated call holds nothing twice
    assert await shop.inventory.available("enamel-mug") == before - 2
    await shop.inventory.release("order")
    await shop.inventory.release("order")
    assert await shop.inventory.available("enamel-mug") == before


async def test_an_order_gets_all_of_its_items_or_none(shop: Shop) -> None:
    before = await shop.inventory.available("enamel-mug")
    everything = await shop.inventory.available("tide-clock")
    with pytest.raises(OutOfStock) as caught:
        await shop.inventory.reserve("order", [*MUGS, CartItem("tide-clock", everything), CartItem("tide-clock", 1)])
    assert (caught.value.product_id, caught.value.available) == ("tide-clock", everything)
    assert await shop.inventory.available("enamel-mug") == before


async def test_a_reservation_that_nobody_confirms_expires(shop: Shop) -> None:
    before = await shop.inventory.available("enamel-mug")
    await shop.inventory.reserve("order", MUGS)
    shop.now = HELD_FOR
    assert await shop.inventory.available("enamel-mug") == before
    with pytest.raises(ReservationExpired):
        await shop.inventory.confirm("order")


async def test_what_is_confirmed_stays_sold_however_late(shop: Shop) -> None:
    before = await shop.inventory.available("enamel-mug")
    await shop.inventory.reserve("order", MUGS)
    await shop.inventory.confirm("order")
    await shop.inventory.confirm("order")
    shop.now = 10 * HELD_FOR
    assert await shop.inventory.available("enamel-mug") == before - 2


async def test_a_delivery_goes_on_the_shelf(shop: Shop) -> None:
    before = await shop.inventory.available("enamel-mug")
    assert await shop.inventory.restock("enamel-mug", 500) == before + 500


@given(st.lists(st.tuples(st.sampled_from(["reserve", "confirm", "release", "wait"]), st.sampled_from("abc"))))
async def test_goods_are_neither_made_nor_lost(steps: list[tuple[str, str]]) -> None:
    shop = Shop()
    before = await shop.inventory.available("enamel-mug")
    for step, order in steps:
        match step:
            case "reserve":
                await shop.inventory.reserve(order, MUGS)
            case "release":
                await shop.inventory.release(order)
            case "wait":
                shop.now += HELD_FOR / 2
            case "confirm":
                try:
                    await shop.inventory.confirm(order)
                except ReservationExpired:
                    pass
        assert (before - await shop.inventory.available("enamel-mug")) % 2 == 0
    for order in "abc":
        await shop.inventory.release(order)
    shop.now += HELD_FOR
    assert await shop.inventory.available("enamel-mug") == before


# -- money -------------------------------------------------------------------------------------------------------------


async def test_prices_convert_by_the_table(shop: Shop) -> None:
    assert len(await shop.currency.currencies()) >= 20
    rates = msgspec.json.decode(RATES.read_bytes())
    assert (rates["EUR"], rates["USD"], rates["JPY"]) == ("1", "1.0815", "163.25")
    amounts = [Money.of("EUR", "10.00"), Money.of("USD", "10.00")]
    assert await shop.currency.convert(amounts, "USD") == [Money.of("USD", "10.82"), Money.of("USD", "10.00")]
    assert await shop.currency.convert(amounts, "JPY") == [Money.of("JPY", "1632"), Money.of("JPY", "1509")]


async def test_a_currency_without_a_rate_is_refused(shop: Shop) -> None:
    with pytest.raises(UnsupportedCurrency):
        await shop.currency.convert([TEN_EURO], "XXX")


@given(st.text("0123456789", min_size=11, max_size=18))
def test_every_number_has_exactly_one_check_digit(number: str) -> None:
    assert sum(passes_luhn(f"{number}{digit}") for digit in range(10)) == 1


@given(st.text("0123456789", min_size=12, max_size=19).filter(passes_luhn), st.data())
def test_luhn_catches_every_single_wrong_digit(number: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != number[place]))
    assert not passes_luhn(number[:place] + wrong + number[place + 1 :])


async def test_a_good_card_pays_once_however_often_it_is_charged(shop: Shop) -> None:
    receipt = await shop.payment.charge("order", TEN_EURO, card("4242 4242-4242 4242"))
    assert receipt.amount == TEN_EURO
    assert await shop.payment.charge("order", TEN_EURO, card()) == receipt


async def test_a_card_is_good_until_its_last_month_is_over(shop: Shop) -> None:
    assert await shop.payment.charge("order", TEN_EURO, card(year=2030, month=6))
    with pytest.raises(CardExpired) as caught:
        await shop.payment.charge("another", TEN_EURO, card(year=2030, month=5))
    assert (caught.value.year, caught.value.month) == (2030, 5)


@pytest.mark.parametrize("number", ["", "4242", "4242424242424241", "42424242424242x2", "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"])
async def test_what_is_no_card_number_is_refused(shop: Shop, number: str) -> None:
    with pytest.raises(InvalidCard, match="not valid"):
        await shop.payment.charge("order", TEN_EURO, card(number))


async def test_a_scheme_we_do_not_take_is_named(shop: Shop) -> None:
    with pytest.raises(InvalidCard, match="we take Mastercard and Visa, not American Express"):
        await shop.payment.charge("order", TEN_EURO, card("378282246310005"))


@pytest.mark.parametrize("number", ["4000000000000002", "4000 0000 0000 9995"])
async def test_the_bank_has_the_last_word(shop: Shop, number: str) -> None:
    with pytest.raises(CardDeclined):
        await shop.payment.charge("order", TEN_EURO, card(number))


@pytest.mark.parametrize("minor", [0, -1])
async def test_nothing_is_no_payment(shop: Shop, minor: int) -> None:
    with pytest.raises(CardDeclined):
        await shop.payment.charge("order", Money("EUR", minor), card())


async def test_a_refund_gives_back_what_was_paid_and_closes_the_order(shop: Shop) -> None:
    await shop.payment.charge("order", TEN_EURO, card())
    assert await shop.payment.refund("order") == TEN_EURO
    assert await shop.payment.refund("order") is None
    with pytest.raises(OrderClosed):
        await shop.payment.charge("order", TEN_EURO, card())


def test_a_card_never_shows_its_number() -> None:
    assert repr(card()) == "CreditCard(…4242)"


# -- parcels and letters -----------------------------------------------------------------------------------------------


async def test_a_parcel_is_priced_by_weight_boxes_and_border(shop: Shop) -> None:
    home = await shop.shipping.quote([CartItem("enamel-mug", 2)], "NL")  # 360 g: one kilogram begun
    assert (home.cost, home.days) == (Money.of("EUR", "6.15"), 2)
    abroad = await shop.shipping.quote([CartItem("enamel-mug", 13)], "FR")  # 2,340 g in two boxes
    assert (abroad.cost, abroad.days) == (Money.of("EUR", "17.55"), 6)


def test_an_empty_parcel_costs_nothing() -> None:
    assert price(count=0, grams=0, country="FR").cost == Money("EUR", 0)


async def test_an_order_ships_once_and_not_after_it_was_cancelled(shop: Shop) -> None:
    shipment = await shop.shipping.ship("order", ADDRESS)
    assert await shop.shipping.ship("order", ADDRESS) == shipment
    await shop.shipping.cancel("order")
    with pytest.raises(OrderClosed):
        await shop.shipping.ship("order", ADDRESS)


def test_a_tracking_id_belongs_to_one_order() -> None:
    assert tracking_id("a", "NL") == tracking_id("a", "NL") != tracking_id("b", "NL")


async def test_a_confirmation_says_what_was_bought_and_lands_in_the_outbox(shop: Shop) -> None:
    order = Order(
        id="0123456789abcdef",
        placed_at=datetime(2030, 6, 15, tzinfo=UTC),
        lines=(OrderLine(product_id="enamel-mug", name="Enamel Mug", quantity=2, price=Money.of("EUR", "11.50")),),
        goods=Money.of("EUR", "23.00"),
        shipping=Money.of("EUR", "6.15"),
        total=Money.of("EUR", "29.15"),
        address=ADDRESS,
        shipment=Shipment(tracking_id="NL-1234-12345678", days=2),
        receipt=Receipt(transaction_id="t", amount=Money.of("EUR", "29.15")),
    )
    text = confirmation(order)
    assert "  2 × Enamel Mug  23.00 EUR\n  Shipping         6.15 EUR\n  Total           29.15 EUR\n" in text
    assert "NL-1234-12345678" in text
    await shop.email.send_confirmation("ada@example.com", order)
    [letter] = await shop.email.outbox("ada@example.com")
    assert letter.text == text
    assert await shop.email.outbox("bob@example.com") == []


# -- shoppers ----------------------------------------------------------------------------------------------------------


async def test_a_cart_adds_up_and_stops_at_99_of_one_thing(shop: Shop) -> None:
    await shop.cart.add("ada", "enamel-mug", 60)
    assert await shop.cart.add("ada", "enamel-mug", 60) == [CartItem("enamel-mug", 99)]
    assert await shop.cart.items("bob") == []
    assert await shop.cart.remove("ada", "enamel-mug") == []
    await shop.cart.empty("ada")


async def test_a_cart_asks_the_catalog_whatever_stands_for_it() -> None:
    class OnlyKraken:
        async def product(self, product_id: str) -> None:
            if product_id != "kraken":
                raise ProductNotFound(product_id=product_id)

    cart: Any = CartService()
    cart.product_catalog = OnlyKraken()
    assert await cart.add("ada", "kraken") == [CartItem("kraken", 1)]
    with pytest.raises(ProductNotFound):
        await cart.add("ada", "enamel-mug")


async def test_recommendations_are_alike_and_not_the_thing_itself(shop: Shop) -> None:
    assert await shop.recommendation.recommend(["enamel-mug"]) == []  # before startup() it knows no products
    await shop.recommendation.startup()
    assert await shop.recommendation.recommend(["storm-kettle"], limit=3) == [
        "oilskin-jacket",
        "deck-chair",
        "brass-lantern",
    ]
    everything = [product.id for product in await shop.catalog.products()]
    assert await shop.recommendation.recommend(everything) == []


async def test_an_ad_fits_the_page_and_leads_to_a_product(shop: Shop) -> None:
    for category in ("wear", "galley", "cabin", "deck", "gifts", "submarines"):
        ad = await shop.ad.pick([category])
        product = await shop.catalog.product(ad.product_id)
        assert category in product.categories or category == "submarines"


def test_the_oldest_is_forgotten_first() -> None:
    recent: Recent[str, int] = Recent(limit=2)
    for key in "abc":
        recent[key] = 1
    assert list(recent) == ["b", "c"]
