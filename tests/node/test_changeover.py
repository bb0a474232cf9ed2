"""In which steps services change over."""

from __future__ import annotations

from homeport.build.plan import Location, Plan, PlannedDependency, PlannedService
from homeport.node.changeover import at_once, steps
from homeport.node.rollout import Step


def service(name: str, *calls: str, **more: object) -> PlannedService:
    location = Location(module=name, qualname=name.title(), path=f"{name}.py", line=1)
    dependencies = tuple(PlannedDependency(attribute=other, service=other) for other in calls)
    return PlannedService(name=name, location=location, dependencies=dependencies, **more)  # type: ignore[arg-type]


def plan(*services: PlannedService) -> Plan:
    return Plan(root="/app", services=services)


FRONT, CART, STOCK = service("front", "cart"), service("cart", "stock"), service("stock")
CLOCK, LONE = service("clock", singleton=True), service("lone", "clock", isolated=True)
SHOP = plan(FRONT, CART, STOCK)


def names(found: tuple[Step, ...]) -> list[tuple[str, ...]]:
    return [step.services for step in found]


def test_what_is_called_changes_before_its_callers() -> None:
    assert names(steps(SHOP, SHOP, {"front", "cart", "stock"}, "spread")) == [("stock",), ("cart",), ("front",)]


def test_only_what_is_to_change_has_a_step() -> None:
    assert names(steps(SHOP, SHOP, {"cart"}, "spread")) == [("cart",)]


def test_a_singleton_is_a_step_of_its_own_kind_also_when_it_was_one_only_before() -> None:
    before, after = plan(CLOCK), plan(service("clock"))
    assert steps(before, after, {"clock"}, "spread") == (Step(services=("clock",), singleton=True),)
    assert steps(after, before, {"clock"}, "single") == (Step(services=("clock",), singleton=True),)


def test_what_shares_a_worker_changes_together_after_all_that_it_calls() -> None:
    shop = plan(FRONT, CART, STOCK, CLOCK, LONE)
    found = names(steps(shop, shop, {one.name for one in shop.services}, "single"))
    assert ("cart", "front", "stock") in found
    assert found.index(("clock",)) < found.index(("lone",))
    assert len(found) == 3


def test_new_services_that_call_each_other_come_together() -> None:
    circle = plan(service("a", "b"), service("b", "a"))
    assert names(steps(plan(), circle, {"a", "b"}, "spread")) == [("a", "b")]
    assert names(steps(circle, circle, {"a", "b"}, "spread")) == [("a",), ("b",)]


def test_what_leaves_goes_last_callers_first() -> None:
    after = plan(service("front"))
    assert names(steps(SHOP, after, {"front", "cart", "stock"}, "spread")) == [("front",), ("cart",), ("stock",)]


def test_at_once_is_one_step_but_for_singletons_and_for_what_leaves() -> None:
    before, after = plan(FRONT, CART, STOCK, CLOCK), plan(FRONT, CART, CLOCK)
    assert at_once(before, after, {"front", "cart", "stock", "clock"}) == (
        Step(services=("front", "cart")),
        Step(services=("clock",), singleton=True),
        Step(services=("stock",)),
    )
    assert at_once(before, after, set()) == ()
