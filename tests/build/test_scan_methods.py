"""What the plan says of methods, events and timers, read from the source."""

from __future__ import annotations

from collections.abc import Callable

from homeport.build.analyzer.methods import shown_method
from homeport.build.plan import Plan, PlannedListener, PlannedMethod, PlannedParameter, PlannedTimer
from homeport.contracts.signature import signature_of

Scan = Callable[..., Plan]

PAY = '''
from collections.abc import AsyncIterator
from homeport import method, service

class Base:
    async def inherited(self, page: int = 1) -> "list[str]": ...
    async def replaced(self): ...

@service
class Pay(Base):
    async def charge(self, order: str, /, amount: float = 1.5, *, note: "str | None" = None, tags=()) -> dict[str, int]:
        """Charge an order.

        More of it.
        """
    @method(timeout="2s", idempotent=True, route_by="key", public=True)
    def look(self, key): ...
    async def changes(self) -> AsyncIterator[str]:
        yield ""
    async def replaced(self, again: bool): ...
    async def startup(self): ...
    async def _private(self): ...
    def helper(self): ...
'''


def methods(plan: Plan) -> dict[str, PlannedMethod]:
    return {method.name: method for method in plan.services[0].methods}


def test_methods_are_planned_with_their_parameters_and_options(scan_app: Scan) -> None:
    found = methods(scan_app({"pay.py": PAY}))
    assert list(found) == ["changes", "charge", "inherited", "look", "replaced"]
    charge = found["charge"]
    assert charge.parameters == (
        PlannedParameter(name="order", kind="position", annotation="str"),
        PlannedParameter(name="amount", required=False, annotation="float", default="1.5"),
        PlannedParameter(name="note", kind="name", required=False, annotation="str | None", default="None"),
        PlannedParameter(name="tags", kind="name", required=False, default="…"),
    )
    assert (charge.returns, charge.doc, charge.path) == ("dict[str, int]", "Charge an order.", "pay.py")
    look = found["look"]
    assert (look.blocking, look.timeout, look.idempotent, look.route_by, look.public) == (True, 2.0, True, "key", True)
    assert (found["changes"].streams, charge.streams) == (True, False)
    assert (found["inherited"].line, found["inherited"].returns) == (6, "list[str]")
    assert [parameter.name for parameter in found["replaced"].parameters] == ["again"]


def test_the_plan_has_the_methods_that_the_contract_has(scan_app: Scan) -> None:
    found = methods(scan_app({"pay.py": PAY}))
    namespace: dict[str, object] = {"__name__": "pay"}
    exec(PAY, namespace)
    cls = namespace["Pay"]
    assert isinstance(cls, type)
    signature = signature_of(cls, "pay")
    assert list(found) == [method.name for method in signature.contract.methods]
    for contract in signature.contract.methods:
        planned = found[contract.name]
        shown = [(one.name, one.required, one.keyword_only) for one in contract.parameters]
        assert [(one.name, one.required, one.kind == "name") for one in planned.parameters] == shown
        assert (planned.streams, planned.timeout, planned.route_by) == (
            contract.streams,
            contract.timeout,
            contract.route_by,
        )
    assert shown_method("pay", found["inherited"]) == "pay.inherited(page: int = 1)"
    assert shown_method("pay", found["look"]) == signature.methods["look"].shown
    assert shown_method("pay", found["replaced"]) == signature.methods["replaced"].shown


def test_a_method_that_something_else_decorates_is_marked_as_such(scan_app: Scan) -> None:
    source = """
        from typing import overload, override
        from homeport import service
        from lib import traced

        @service
        class Pay:
            @traced
            async def a(self): ...
            @override
            async def b(self): ...
            async def c(self): ...
            async def c(self, x): ...
    """
    assert {name: one.decorated for name, one in methods(scan_app({"pay.py": source})).items()} == {
        "a": True,
        "b": False,
        "c": True,
    }


def test_events_and_timers_are_kept_for_the_bus(scan_app: Scan) -> None:
    source = """
        import homeport
        from homeport import every, service

        @service
        class Stock:
            @homeport.on("order.placed", "order.cancelled")
            async def recount(self, event): ...
            @every("5m")
            async def tidy(self): ...
            async def take(self, item):
                await self.events.publish("stock.taken", item)
                await self.events.publish(topic="stock.low", item=item)
                await self.events.publish(item, 1)
    """
    (stock,) = scan_app({"stock.py": source}).services
    assert stock.listens == (
        PlannedListener(topic="order.placed", method="recount", line=7),
        PlannedListener(topic="order.cancelled", method="recount", line=7),
    )
    assert stock.every == (PlannedTimer(every="5m", method="tidy", line=9),)
    assert stock.publishes == ("stock.low", "stock.taken")
    assert stock.dependencies == ()
    assert [method.decorated for method in stock.methods] == [False, False, False]
