"""The graph of an application: who calls whom, what weighs most, and the order to start in."""

from __future__ import annotations

from homeport.build.analyzer.graph import (
    GraphCall,
    GraphService,
    ServiceGraph,
    linked_graph,
    merged_calls,
    service_graph,
)
from homeport.build.analyzer.graph import start_order as order_of
from homeport.build.plan import Location, Plan, PlannedDependency, PlannedService


def service(name: str, *calls: str, optional: tuple[str, ...] = (), **options: bool) -> PlannedService:
    needs = [PlannedDependency(attribute=n, service=n, optional=n in optional) for n in (*calls, *optional)]
    at = Location(module=name, qualname=name.title(), path=f"{name}.py", line=3)
    return PlannedService(name=name, location=at, dependencies=tuple(needs), **options)


def plan(*services: PlannedService) -> Plan:
    return Plan(root="/app", services=tuple(sorted(services, key=lambda one: one.name)))


SHOP = plan(
    service("web", "cart", "pay"),
    service("admin", "ledger"),
    service("cart", "stock", optional=("tips",)),
    service("pay", "ledger", "fraud"),
    service("stock"),
    service("ledger"),
    service("tips"),
    service("fraud", "pay"),
)


def by_name(graph: ServiceGraph) -> dict[str, GraphService]:
    return {one.name: one for one in graph.services}


def test_services_start_level_by_level_and_nobody_waits_for_what_is_optional() -> None:
    assert order_of(SHOP) == (("ledger", "stock", "tips"), ("admin", "cart", "fraud", "pay"), ("web",))
    assert service_graph(SHOP).start_order == order_of(SHOP)


def test_a_service_is_needed_by_all_that_cannot_do_without_it() -> None:
    found = by_name(service_graph(SHOP))
    assert (found["ledger"].callers, found["ledger"].needed_by) == (2, 4)
    assert (found["tips"].callers, found["tips"].needed_by) == (1, 0)
    assert [name for name, one in found.items() if one.critical] == ["ledger"]


def test_entry_points_call_others_and_are_called_by_none() -> None:
    found = by_name(service_graph(plan(*SHOP.services, service("alone"))))
    assert [name for name, one in found.items() if one.entry] == ["admin", "web"]
    assert [name for name, one in found.items() if one.on_every_path] == ["ledger"]


def test_a_cycle_is_shown_with_its_path_and_marks_its_calls() -> None:
    graph = service_graph(SHOP)
    assert graph.cycles == (("fraud", "pay"),)
    assert [(call.caller, call.callee) for call in graph.calls if call.cycle] == [("fraud", "pay"), ("pay", "fraud")]


def test_a_name_that_the_application_lacks_is_a_missing_service_and_starts_never() -> None:
    graph = service_graph(plan(service("web", "legacy")))
    assert by_name(graph)["legacy"].kind == "missing"
    assert graph.start_order == (("web",),)


def test_in_the_single_layout_all_but_isolated_services_and_singletons_share_a_worker() -> None:
    app = plan(service("a"), service("b", isolated=True), service("c", singleton=True))
    assert [one.group for one in service_graph(app, layout="single").services] == ["app", "", ""]
    assert [one.group for one in service_graph(app).services] == ["", "", ""]


def test_of_two_calls_between_the_same_services_the_required_one_counts() -> None:
    calls = [GraphCall(caller="a", callee="b", optional=True), GraphCall(caller="a", callee="b", declared=True)]
    assert merged_calls(calls) == (GraphCall(caller="a", callee="b", declared=True),)


def test_a_graph_without_services_is_empty() -> None:
    assert linked_graph([], ()) == ServiceGraph(services=(), calls=())
