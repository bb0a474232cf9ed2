"""HP5xx: async use and state shared between instances."""

from __future__ import annotations

from homeport.build.diagnostics.rule import Rule

RULES = (
    Rule(
        code="HP501",
        name="never-awaited",
        severity="error",
        summary="A call to another service is never awaited.",
        why="Without `await` nothing is sent: the line only makes a coroutine and drops it.",
        fix="Write `await`; to run it beside other work, give it to a `TaskGroup` or `asyncio.gather`.",
        example="self.mail.send(order)",
        better="await self.mail.send(order)",
    ),
    Rule(
        code="HP502",
        name="blocking-call",
        severity="warning",
        summary="An `async def` calls something that blocks the event loop.",
        why="All instances of the worker stand still meanwhile; after a few seconds they count as stalled.",
        fix="Use an async library, `await asyncio.to_thread(…)`, or a plain `def` marked with `@method`, whose body "
        "runs in a thread. Databases and files may be opened in `startup()`.",
        example="async def rates(self):\n    return requests.get(URL).json()",
        better="@method\ndef rates(self):\n    return requests.get(URL).json()",
    ),
    Rule(
        code="HP503",
        name="shared-mutable-state",
        severity="warning",
        summary="A list, dict or set in the class body is changed through `self`.",
        why="All instances in a worker share it, and no instance in another worker sees it.",
        fix="Make it in `startup()` or `__init__`; what all instances must agree on belongs in a service or a store. "
        "If sharing is meant, as of a cache, annotate it `ClassVar[...]`.",
        example="class Cart:\n    items: list = []\n\n    async def add(self, item): self.items.append(item)",
        better="class Cart:\n    def __init__(self): self.items = []",
    ),
)
