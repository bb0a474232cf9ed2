"""HP3xx: how services depend on each other."""

from __future__ import annotations

from homeport.build.diagnostics.rule import Rule

RULES = (
    Rule(
        code="HP301",
        name="unused-service",
        severity="note",
        summary="No other service calls this one.",
        why="It may be an entry point, or left over. Over HTTP on loopback everything can be called.",
        fix="Mark an entry point with `@service(public=True)`; remove what nobody needs.",
        quiet=True,
    ),
    Rule(
        code="HP302",
        name="cycle",
        severity="note",
        summary="Services depend on each other in a circle.",
        why="It is allowed: they do not wait for each other at the start, and a call made meanwhile is held until its "
        "deadline. But none of them can be started, tested or changed without the others.",
        fix="Move what both need into a service of its own, or pass the answer instead of calling back.",
        example="# cart calls prices\nclass Prices:\n    async def of(self, cart): return await self.cart.items(cart)",
        better="class Prices:\n    async def of(self, items): ...",
    ),
)
