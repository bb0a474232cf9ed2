"""What a rollout sees of each service: the fleet's workers, their instances, and what those have answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from homeport.model import Instance, State
from homeport.node.census import Census
from homeport.node.desired import Phase, Worker
from homeport.node.rollout import Rollout, Seen, Tally, Version
from homeport.registry.api import Counters

_FAILURES = ("failed", "deadline")  # what no caller asked for; errors that services declare are answers
_REGISTERED = (State.WAITING, State.READY, State.UNHEALTHY)

Counted = Callable[[str], Counters | None]


def observe(
    rollout: Rollout,
    wanted: Mapping[str, int],
    workers: Mapping[str, Worker],
    census: Census,
    counted: Counted,
) -> dict[str, Seen]:
    """Every service of the rollout as it is now."""
    services = [service for step in rollout.steps for service in step.services]
    return {service: _seen(rollout, service, wanted[service], workers, census, counted) for service in services}


def version_of(worker: Worker) -> Version:
    return Version(worker.release, worker.round)


def _seen(
    rollout: Rollout, service: str, wanted: int, workers: Mapping[str, Worker], census: Census, counted: Counted
) -> Seen:
    version = rollout.after.get(service)
    hosts = {name: worker for name, worker in workers.items() if worker.services.get(service)}
    new = {name for name, worker in hosts.items() if version_of(worker) == version}
    staying = {name for name, worker in hosts.items() if worker.phase is not Phase.DRAINING}
    instances = [one for one in census.of(service) if one.worker in staying]
    fresh = [one for one in instances if one.worker in new]
    others = [one for one in instances if one.worker not in new]
    return Seen(
        wanted=wanted,
        old=sum(worker.services[service] for name, worker in hosts.items() if name not in new),
        old_ready=_ready(others),
        new=sum(hosts[name].services[service] for name in new),
        new_ready=_ready(fresh),
        standing_by=sum(one.state in _REGISTERED for one in fresh),
        trouble=next((_trouble(hosts[name]) for name in sorted(new) if hosts[name].phase is Phase.BACKING_OFF), ""),
        old_tally=_tally(others, counted),
        new_tally=_tally(fresh, counted),
    )


def _ready(instances: list[Instance]) -> int:
    return sum(instance.state is State.READY for instance in instances)


def _trouble(worker: Worker) -> str:
    evidence = worker.cause.evidence if worker.cause is not None else ""
    return f"worker {worker.name} failed: {evidence}"


def _tally(instances: list[Instance], counted: Counted) -> Tally:
    found = [counters for instance in instances if (counters := counted(instance.id)) is not None]
    return Tally(
        sum(one.calls for one in found),
        sum(one.failures.get(kind, 0) for one in found for kind in _FAILURES),
        sum(one.seconds for one in found),
    )
