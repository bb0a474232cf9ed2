"""What can be said of a credit card by looking at it."""

from __future__ import annotations

from datetime import date

from .errors import CardExpired, InvalidCard
from .types import CreditCard

_SCHEMES = (
    ("American Express", ("34", "37")),
    ("Discover", ("6011", "65")),
    ("Mastercard", ("51", "52", "53", "54", "55")),
    ("Visa", ("4",)),
)
ACCEPTED = ("Mastercard", "Visa")


def check(card: CreditCard, today: date) -> None:
    """Return if the card may be charged.

    Raises:
        InvalidCard: the number is none, or of a scheme that the boutique does not take.
        CardExpired: its last month is over.
    """
    number = card.digits
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19 and passes_luhn(number)):
        raise InvalidCard(reason="the card number is not valid")
    scheme = scheme_of(number)
    if scheme not in ACCEPTED:
        raise InvalidCard(reason=f"we take {' and '.join(ACCEPTED)}, not {scheme}")
    if (card.expiry_year, card.expiry_month) < (today.year, today.month):
        raise CardExpired(year=card.expiry_year, month=card.expiry_month)


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others.

    Source: H. P. Luhn, "Computer for verifying numbers", US patent 2950048, 1960.
    """
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(int(digit) for digit in digits[::-2]) + sum(doubled)) % 10 == 0


def scheme_of(number: str) -> str:
    return next((scheme for scheme, prefixes in _SCHEMES if number.startswith(prefixes)), "cards of this kind")
