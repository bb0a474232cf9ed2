"""Which instances each worker has, folded from the registry's changes; and why a service is not ready."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from homeport.model import Cause, Change, Instance, State
from homeport.node.desired import Phase, Wish, Worker


class Census:
    """The instances of this node's workers, by id."""

    def __init__(self, instances: Iterable[Instance] = ()) -> None:
        self._instances = {instance.id: instance for instance in instances if instance.worker}

    def apply(self, change: Change) -> str:
        """Fold in a change; returns the worker it concerns, "" for an outside instance."""
        if change.instance is None:
            gone = self._instances.pop(change.instance_id, None)
            return gone.worker if gone is not None else ""
        if change.instance.worker:
            self._instances[change.instance_id] = change.instance
        return change.instance.worker

    def instance(self, name: str) -> Instance | None:
        return self._instances.get(name)

    def ids(self) -> list[str]:
        return sorted(self._instances)

    def pids(self) -> dict[str, int]:
        """The process of every worker that has instances."""
        return {instance.worker: instance.pid for instance in self._instances.values()}

    def ready_at(self, worker: str) -> int:
        return sum(found.worker == worker and found.state is State.READY for found in self._instances.values())

    def of(self, service: str) -> list[Instance]:
        return sorted((found for found in self._instances.values() if found.service == service), key=lambda i: i.id)


def not_ready(wishes: Mapping[str, Wish], workers: Mapping[str, Worker], census: Census) -> dict[str, str]:
    """For each service with fewer ready instances than wanted: why."""
    reasons: dict[str, str] = {}
    for service, wish in wishes.items():
        instances = census.of(service)
        ready = sum(instance.state is State.READY for instance in instances)
        if ready < wish.replicas:
            told = [_worker_reason(worker) for worker in workers.values() if service in worker.services]
            told += [_instance_reason(instance) for instance in instances]
            known = {instance.worker for instance in instances}
            told += [
                f"worker {worker.name} is starting"
                for worker in workers.values()
                if worker.phase is Phase.STARTING and worker.services.get(service) and worker.name not in known
            ]
            unique = list(dict.fromkeys(reason for reason in told if reason))
            reasons[service] = "; ".join(unique) or f"{ready} of {wish.replicas} ready"
    return reasons


def _worker_reason(worker: Worker) -> str:
    if worker.phase is not Phase.BACKING_OFF:
        return ""
    if worker.cause is None:
        return f"worker {worker.name} backing off"
    lines = [line for line in worker.cause.evidence.splitlines() if line.strip()]
    brief = ": ".join(dict.fromkeys([lines[0], lines[-1].strip()])) if lines else worker.cause.what
    return f"worker {worker.name} backing off after {brief}"


def _instance_reason(instance: Instance) -> str:
    match instance.state:
        case State.WAITING if instance.waiting_for:
            return f"waiting for: {', '.join(instance.waiting_for)}"
        case State.WAITING:
            return f"{instance.id}: its startup() is running"
        case State.STARTING:
            return f"{instance.id} is starting"
        case State.UNHEALTHY:
            return f"{instance.id} is unhealthy: {_why(instance.cause)}"
        case State.DRAINING:
            return f"{instance.id} is draining"
        case State.READY:
            return ""


def _why(cause: Cause | None) -> str:
    """One line of it; a traceback's own summary is what happened."""
    if cause is None:
        return "no reason given"
    return cause.evidence if cause.evidence and "\n" not in cause.evidence else cause.what
