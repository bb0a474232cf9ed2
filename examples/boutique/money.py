"""Amounts of money, exact to the last cent."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

import msgspec

CurrencyCode = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]

_DIGITS = {"ISK": 0, "JPY": 0, "KRW": 0, "KWD": 3, "TND": 3}  # after the point, where it is not two


class Money(msgspec.Struct, frozen=True):
    """A whole number of a currency's smallest unit: cents for most, yen for yen."""

    currency: CurrencyCode
    minor: int

    @classmethod
    def of(cls, currency: str, amount: str) -> Money:
        """``Money.of("EUR", "12.50")``. Raises ``ValueError`` for a fraction the currency does not have."""
        minor = Fraction(Decimal(amount)) * 10 ** _digits(currency)
        if minor.denominator != 1:
            raise ValueError(f"{amount} {currency} is finer than the currency's smallest unit")
        return cls(currency, minor.numerator)

    def __add__(self, other: Money) -> Money:
        return Money(self.currency, self.minor + self._same_currency(other).minor)

    def __sub__(self, other: Money) -> Money:
        return Money(self.currency, self.minor - self._same_currency(other).minor)

    def __mul__(self, times: int) -> Money:
        return Money(self.currency, self.minor * times)

    def converted(self, currency: str, rate: Fraction) -> Money:
        """The same value in ``currency``, of which one unit of ours buys ``rate``; half a cent goes to the even one."""
        if currency == self.currency:
            return self
        finer = Fraction(10) ** (_digits(currency) - _digits(self.currency))
        return Money(currency, round(self.minor * rate * finer))

    def __str__(self) -> str:
        return f"{Decimal(self.minor).scaleb(-_digits(self.currency)):,f} {self.currency}"

    def _same_currency(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"{self} and {other} are in different currencies; convert one first")
        return other


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum of amounts that are all in ``currency``; nothing sums to zero of it."""
    return sum(amounts, start=Money(currency, 0))


def _digits(currency: str) -> int:
    return _DIGITS.get(currency, 2)
