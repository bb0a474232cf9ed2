"""The other service: `self.payments` in payment.py finds it by its name."""

from homeport import service


@service
class Payments:
    async def process(self, payment):
        return {"payment": payment, "status": "accepted"}
