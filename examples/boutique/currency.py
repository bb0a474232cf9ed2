"""Prices in the shopper's own currency."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import msgspec

from homeport import method, service

from .errors import UnsupportedCurrency
from .money import Money

RATES = Path(__file__).with_name("data") / "currencies.json"


# Every price on every page passes through here, and it keeps nothing between calls: the service to have twice.
@service(replicas=2)
class CurrencyService:
    """Converts prices by a table of rates."""

    def __init__(self) -> None:
        rates = msgspec.json.decode(RATES.read_bytes(), type=dict[str, Decimal])
        self._per_euro = {currency: Fraction(rate) for currency, rate in rates.items()}

    @method(idempotent=True)
    async def currencies(self) -> list[str]:
        return sorted(self._per_euro)

    @method(idempotent=True, raises=[UnsupportedCurrency])
    async def convert(self, amounts: list[Money], to: str) -> list[Money]:
        """The amounts, whatever their currencies, in ``to``."""
        return [amount.converted(to, self._rate(to) / self._rate(amount.currency)) for amount in amounts]

    def _rate(self, currency: str) -> Fraction:
        try:
            return self._per_euro[currency]
        except KeyError:
            raise UnsupportedCurrency(currency=currency) from None
