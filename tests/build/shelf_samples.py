"""A service that others import for its type only."""

from __future__ import annotations

import homeport


@homeport.service(name="shelves")
class Shelf:
    async def fill(self) -> None: ...
