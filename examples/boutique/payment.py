"""Charges cards, and gives the money back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from uuid import uuid4

from homeport import method, service

from . import cards
from .errors import CardDeclined, CardExpired, InvalidCard, OrderClosed
from .money import Money
from .recent import Recent
from .types import CreditCard, Receipt

# Numbers that a bank's test system declines. There is no bank behind this one: every other good card pays.
DECLINED = {"4000000000000002": "the bank declined it", "4000000000009995": "insufficient funds"}


# One set of books. Both methods may be repeated: the order's id says whether the money has moved already.
@service(singleton=True)
class PaymentService:
    """Charges credit cards, once per order."""

    def __init__(self, today: Callable[[], date] = date.today) -> None:
        self._today = today
        self._books: Recent[str, Receipt | None] = Recent()  # by order; None: refunded, or cancelled before it was paid

    @method(idempotent=True, raises=[CardDeclined, CardExpired, InvalidCard, OrderClosed])
    async def charge(self, order_id: str, amount: Money, card: CreditCard) -> Receipt:
        if order_id in self._books:
            return self._receipt(order_id)
        if amount.minor <= 0:
            raise CardDeclined(reason=f"cannot charge {amount}")
        cards.check(card, self._today())
        if reason := DECLINED.get(card.digits):
            raise CardDeclined(reason=reason)
        self._books[order_id] = Receipt(transaction_id=str(uuid4()), amount=amount)
        return self._receipt(order_id)

    @method(idempotent=True)
    async def refund(self, order_id: str) -> Money | None:
        """Give back what the order paid, if it did, and accept no payment for it any more."""
        receipt = self._books.get(order_id)
        self._books[order_id] = None
        return receipt.amount if receipt else None

    def _receipt(self, order_id: str) -> Receipt:
        receipt = self._books[order_id]
        if receipt is None:  # the caller gave up and took the order back before its charge arrived
            raise OrderClosed(order_id=order_id)
        return receipt
