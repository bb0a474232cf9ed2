"""In which steps services change over from one plan to another: callees before callers, what leaves last."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from homeport.build.plan import Plan, PlannedService
from homeport.node.rollout import Step
from homeport.node.stages import stages


def steps(before: Plan, after: Plan, services: Collection[str], layout: str) -> tuple[Step, ...]:
    """One step for each of ``services``, so that a caller never runs before what it may call.

    Services that share a worker change together, and so do new ones that call each other in a circle.
    """
    return (*_replacing(before, after, set(services), layout), *_removing(before, after, services))


def at_once(before: Plan, after: Plan, services: Collection[str]) -> tuple[Step, ...]:
    """All in one step, but for singletons, which end before their successor may do anything."""
    kept = [service for service in after.services if service.name in services]
    together = tuple(service.name for service in kept if not _alone(before, service))
    alone = [Step(services=(service.name,), singleton=True) for service in kept if _alone(before, service)]
    gone = tuple(service.name for service in before.services if service.name in services and not _has(after, service))
    return (*_step(together), *alone, *_step(gone))


def _replacing(before: Plan, after: Plan, services: set[str], layout: str) -> Iterator[Step]:
    planned = {service.name: service for service in after.services}
    shared = {name for name, one in planned.items() if layout == "single" and not (one.isolated or _alone(before, one))}
    waiting = shared & services
    calls = {name: [one.service for one in service.dependencies] for name, service in planned.items()}
    for stage in reversed(stages(calls)):
        here = sorted(stage & services)
        single = [name for name in here if name not in shared and not _alone(before, planned[name])]
        circle = len(single) > 1 and any(before.service(name) is None for name in single)
        yield from _step(tuple(single)) if circle else [step for name in single for step in _step((name,))]
        for name in [name for name in here if _alone(before, planned[name])]:  # what is wrong shows before it costs
            yield Step(services=(name,), singleton=True)
        waiting -= stage
        if shared & services & stage and not waiting:  # its last member: all that they call has changed
            yield from _step(tuple(sorted(shared & services)))


def _removing(before: Plan, after: Plan, services: Collection[str]) -> Iterator[Step]:
    calls = {one.name: [dependency.service for dependency in one.dependencies] for one in before.services}
    gone = {service.name for service in before.services if service.name in services and not _has(after, service)}
    for stage in stages(calls):
        yield from (Step(services=(name,)) for name in sorted(stage & gone))


def _alone(before: Plan, service: PlannedService) -> bool:
    was = before.service(service.name)
    return service.singleton or (was is not None and was.singleton)


def _has(plan: Plan, service: PlannedService) -> bool:
    return plan.service(service.name) is not None


def _step(services: tuple[str, ...]) -> list[Step]:
    return [Step(services=services)] if services else []
