"""The graph of what a node runs."""

from __future__ import annotations

from homeport.cli.running_graph import running_graph
from homeport.model import Cause, Dependency, Instance, ServiceState, State
from homeport.registry.api import ServiceSummary


def summary(
    name: str, *requires: str, wanted: int | None = 1, state: ServiceState = ServiceState.ACTIVE
) -> ServiceSummary:
    return ServiceSummary(name=name, state=state, wanted=wanted, ready=1, registered=1, requires=requires)


def instance(service: str, *requires: Dependency) -> Instance:
    return Instance(
        id=f"{service}-1", service=service, state=State.READY, endpoints=(), since=0.0, requires=requires,
        cause=Cause(what="registered", actor="test"),
    )  # fmt: skip


def test_what_an_instance_can_do_without_is_optional() -> None:
    running = [instance("cart", Dependency(service="stock"), Dependency(service="tips", optional=True))]
    graph = running_graph([summary("cart", "stock", "tips"), summary("stock"), summary("tips")], running, [])
    assert [(call.callee, call.optional) for call in graph.calls] == [("stock", False), ("tips", True)]


def test_services_of_one_worker_are_a_group() -> None:
    found = [summary("cart"), summary("stock"), summary("pay")]
    graph = running_graph(found, [], [["cart", "stock"], ["pay"], ["stock", "cart"]])
    assert [(one.name, one.group) for one in graph.services] == [("cart", "app"), ("pay", ""), ("stock", "app")]


def test_outside_services_and_names_that_nobody_has_are_told_apart() -> None:
    graph = running_graph([summary("cart", "bank", "gone"), summary("bank", wanted=None)], [], [])
    assert {one.name: one.kind for one in graph.services} == {"cart": "class", "bank": "outside", "gone": "missing"}


def test_a_service_says_how_it_is() -> None:
    graph = running_graph([summary("cart", state=ServiceState.HEALING)], [], [])
    assert graph.services[0].state == "healing"
