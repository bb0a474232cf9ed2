"""A service that another imports for its type only."""

from __future__ import annotations

import homeport as hp


@hp.service
class Payments:
    async def process(self, amount: int) -> str:
        return str(amount)
