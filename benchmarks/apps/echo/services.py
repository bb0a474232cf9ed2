"""The service that is called, and the service that calls it."""

from __future__ import annotations

from load import Figures, closed_loop
from orders import ORDER, Order, Receipt, receipt_for

from homeport import method, service


@service
class Payments:
    async def process(self, order: Order) -> Receipt:
        return receipt_for(order)


@service
class Shop:
    payments: Payments

    @method(timeout=600)
    async def drive(self, in_flight: int, seconds: float) -> Figures:
        return await closed_loop(lambda: self.payments.process(ORDER), in_flight, seconds)
