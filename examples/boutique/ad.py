"""A line of advertising that fits the page."""

from __future__ import annotations

import random

from homeport import method, service

from .types import Ad

ADS = {
    "wear": [
        Ad(text="It rains. Let it.", product_id="oilskin-jacket"),
        Ad(text="Wool, twice.", product_id="deck-socks"),
    ],
    "galley": [
        Ad(text="Tea in a gale.", product_id="storm-kettle"),
        Ad(text="Lunch for nine.", product_id="herring-tins"),
    ],
    "cabin": [
        Ad(text="Know when to leave.", product_id="tide-clock"),
        Ad(text="A light at home.", product_id="brass-lantern"),
    ],
    "deck": [Ad(text="Sit down, captain.", product_id="deck-chair"), Ad(text="Pack once.", product_id="canvas-duffel")],
    "gifts": [
        Ad(text="How did it get in?", product_id="bottle-ship"),
        Ad(text="Say it in flags.", product_id="signal-bunting"),
    ],
}


@service
class AdService:
    """Picks an advertisement that fits the page."""

    @method(idempotent=True)
    async def pick(self, categories: list[str]) -> Ad:
        """An ad for one of the categories; for any, if there is none."""
        fitting = [ad for category in categories for ad in ADS.get(category, [])]
        return random.choice(fitting or [ad for ads in ADS.values() for ad in ads])
