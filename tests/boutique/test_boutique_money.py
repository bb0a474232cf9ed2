from __future__ import annotations

from fractions import Fraction

import pytest
from boutique.money import Money, total
from hypothesis import given
from hypothesis import strategies as st

minor = st.integers(-(10**15), 10**15)
euros = st.builds(Money, st.just("EUR"), minor)
rates = st.fractions(min_value=Fraction(1, 10_000), max_value=10_000)


@given(euros, euros, euros)
def test_sums_do_not_depend_on_their_order(a: Money, b: Money, c: Money) -> None:
    assert (a + b) + c == c + (b + a) == total([a, b, c], "EUR")


@given(euros, euros)
def test_taking_away_undoes_adding(a: Money, b: Money) -> None:
    assert a + b - b == a


@given(euros, st.integers(0, 99))
def test_a_multiple_is_a_repeated_sum(price: Money, times: int) -> None:
    assert price * times == total([price] * times, "EUR")


@given(euros, rates)
def test_a_conversion_is_at_most_half_a_cent_off(price: Money, rate: Fraction) -> None:
    assert abs(price.converted("USD", rate).minor - price.minor * rate) <= Fraction(1, 2)


@given(euros, rates)
def test_nothing_changes_in_ones_own_currency(price: Money, rate: Fraction) -> None:
    assert price.converted("EUR", rate) is price


@pytest.mark.parametrize(("cents", "halves"), [(1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2)])
def test_half_a_cent_goes_to_the_even_one(cents: int, halves: int) -> None:
    assert Money("EUR", cents).converted("USD", Fraction(1, 2)) == Money("USD", halves)


def test_currencies_have_the_digits_they_have() -> None:
    assert Money.of("EUR", "12.50") == Money("EUR", 1250)
    assert Money.of("JPY", "12") == Money("JPY", 12)
    assert Money.of("KWD", "0.125") == Money("KWD", 125)
    assert Money.of("EUR", "1").converted("JPY", Fraction(16325, 100)) == Money("JPY", 163)
    assert Money.of("JPY", "163").converted("KWD", Fraction(1, 500)) == Money("KWD", 326)


def test_money_reads_like_money() -> None:
    assert str(Money("EUR", 123456789)) == "1,234,567.89 EUR"
    assert str(Money("EUR", -5)) == "-0.05 EUR"
    assert str(Money("JPY", 1000)) == "1,000 JPY"


def test_a_finer_amount_than_the_currency_has_is_refused() -> None:
    with pytest.raises(ValueError, match="finer than the currency"):
        Money.of("EUR", "0.005")


def test_two_currencies_do_not_add_up() -> None:
    with pytest.raises(ValueError, match=r"1\.00 EUR and 1 JPY are in different currencies"):
        Money("EUR", 100) + Money("JPY", 1)
