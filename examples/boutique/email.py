"""Writes to shoppers about their orders."""

from __future__ import annotations

from collections import deque

from homeport import method, service

from .types import EmailAddress, Letter, Order


@service
class EmailService:
    """Confirms orders in writing."""

    def __init__(self) -> None:
        self._outbox: deque[Letter] = deque(maxlen=1000)  # nothing leaves this machine; read it with `outbox`

    async def send_confirmation(self, to: EmailAddress, order: Order) -> None:
        letter = Letter(to=to, subject=f"Your order {order.id[:8]} is on its way", text=confirmation(order))
        self._outbox.append(letter)

    @method(idempotent=True)
    async def outbox(self, to: EmailAddress) -> list[Letter]:
        """The last letters to an address, newest first."""
        return [letter for letter in reversed(self._outbox) if letter.to == to]


def confirmation(order: Order) -> str:
    rows = [(f"{line.quantity} × {line.name}", str(line.cost)) for line in order.lines]
    rows += [("Shipping", str(order.shipping)), ("Total", str(order.total))]
    label_width = max(len(label) for label, _ in rows)
    price_width = max(len(price) for _, price in rows)
    table = "\n".join(f"  {label:<{label_width}}  {price:>{price_width}}" for label, price in rows)
    address = order.address
    return (
        f"Dear {address.name},\n\n"
        f"thank you for your order of {order.placed_at:%d.%m.%Y}.\n\n"
        f"{table}\n\n"
        f"It goes to {address.street}, {address.postcode} {address.city} ({address.country}) and should be there in "
        f"{order.shipment.days} days.\nYou can follow it as {order.shipment.tracking_id}.\n\n"
        f"The Boutique\n"
    )
