"""The graph of what a node runs, as its registry sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from homeport.build.analyzer.graph import GraphCall, GraphService, ServiceGraph, linked_graph, merged_calls
from homeport.model import Instance
from homeport.registry.api import ServiceSummary


def running_graph(
    summaries: Iterable[ServiceSummary], instances: Iterable[Instance], workers: Iterable[Iterable[str]]
) -> ServiceGraph:
    """``workers`` are the services of each worker: those that share one are a group.

    Whether a dependency is optional is known of services with instances; of others each counts as required.
    """
    summaries = list(summaries)
    optional = _optional(instances)
    groups = _groups(workers)
    known = {summary.name for summary in summaries}
    calls = merged_calls(
        GraphCall(caller=summary.name, callee=name, optional=optional.get((summary.name, name), False), declared=True)
        for summary in summaries
        for name in summary.requires
    )
    services = [
        GraphService(
            name=summary.name,
            kind="outside" if summary.wanted is None else "asgi" if summary.asgi and not summary.methods else "class",
            group=groups.get(summary.name, ""),
            public=summary.public,
            replicas=summary.registered if summary.wanted is None else summary.wanted,
            state=str(summary.state),
        )
        for summary in summaries
    ]
    missing = sorted({call.callee for call in calls} - known)
    return linked_graph([*services, *(GraphService(name=name, kind="missing") for name in missing)], calls)


def _optional(instances: Iterable[Instance]) -> Mapping[tuple[str, str], bool]:
    return {(one.service, needed.service): needed.optional for one in instances for needed in one.requires}


def _groups(workers: Iterable[Iterable[str]]) -> Mapping[str, str]:
    shared = {tuple(sorted(services)) for services in workers}
    many = sorted(services for services in shared if len(services) > 1)
    names = {services: "app" if len(many) == 1 else f"app {number}" for number, services in enumerate(many, start=1)}
    return {name: names[services] for services in many for name in services}
