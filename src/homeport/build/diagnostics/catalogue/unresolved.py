"""HP2xx: services, methods and names that reading the source cannot find."""

from __future__ import annotations

from homeport.build.diagnostics.rule import Rule

RULES = (
    Rule(
        code="HP201",
        name="unknown-service",
        severity="warning",
        summary="A service calls another that this application does not have.",
        why="Unless it is registered from outside, the caller waits for it and never becomes ready.",
        fix="Correct the name, add the service, or register it from outside. A dependency that may be missing is "
        "declared with `dependency(optional=True)`.",
        example="await self.paymets.process(order)",
        better="await self.payments.process(order)",
    ),
    Rule(
        code="HP202",
        name="unknown-method",
        severity="error",
        summary="A method is called that the other service does not have.",
        why="The call would be answered with an error every time.",
        fix="Call one of the methods that it has, or add the method there.",
        example="await self.payments.proces(order)",
        better="await self.payments.process(order)",
    ),
    Rule(
        code="HP203",
        name="ambiguous-name",
        severity="warning",
        summary="A name may stand for more than one service.",
        why="Homeport guesses no plural and no likeness: it takes the exact name only.",
        fix="Declare the dependency with its class, or name the service: `pay = dependency(service='payments')`.",
    ),
    Rule(
        code="HP204",
        name="unfollowed-marker",
        severity="warning",
        summary="A class seems to be made a service in a way that reading the source cannot follow.",
        why="Homeport would miss the service.",
        fix="Mark the class with `@service` itself, or name the decorator in `markers` under `[build]`.",
        example="@make_service()\nclass Cart: ...",
        better='# homeport.toml\n[build]\nmarkers = ["shop.decorators.make_service"]',
    ),
    Rule(
        code="HP205",
        name="computed-dependency",
        severity="note",
        summary="A service looks up an attribute of itself by a computed name.",
        why="Dependencies reached only in that way are not seen, and so not injected.",
        fix='Name them: `@service(uses=["payments"])`.',
        example="handle = getattr(self, name)",
        better="@service(uses=['payments', 'refunds'])\nclass Cart: ...",
    ),
    Rule(
        code="HP206",
        name="unknown-type",
        severity="warning",
        summary="An attribute is used but never assigned, and its type is no service of this application.",
        why="Nothing is injected for it: the first use fails with `AttributeError`.",
        fix="If it is a service from elsewhere, write `name: Type = dependency()`; otherwise assign it.",
        example="@service\nclass Cart:\n    pay: PayClient\n\n    async def buy(self): await self.pay.process()",
        better="@service\nclass Cart:\n    pay: PayClient = dependency(service='pay')",
    ),
    Rule(
        code="HP207",
        name="private-method",
        severity="error",
        summary="A private method or a hook of another service is called.",
        why="Names with an underscore and `startup`, `shutdown`, `health` are not served.",
        fix="Call a public method, or make one.",
        example="await self.payments._charge(order)",
        better="await self.payments.charge(order)",
    ),
    Rule(
        code="HP208",
        name="handed-on-dependency",
        severity="warning",
        summary="A function is handed a service as `self` and calls another service through it.",
        why="The scan follows `self` within the class only, so that nothing is injected for the function to find.",
        fix='Name the other service: `@service(uses=["payments"])`, or hand the function `self.payments` itself.',
        example="async def charge(cart): await cart.payments.process()\n\n\n@service\nclass Cart:\n"
        "    async def buy(self): await charge(self)",
        better="@service(uses=['payments'])\nclass Cart:\n    async def buy(self): await charge(self)",
    ),
)
