from homeport import service


# Framework handles everything automatically
@service
class PaymentService:
    async def process(self, payment):
        # Just business logic
        # Registry manages:
        # - Service discovery
        # - Health monitoring
        # - Scaling
        # - Resource management
        return await self.payments.process(payment)
