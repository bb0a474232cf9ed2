"""What a service amounts to, in one line and in one sentence."""

from __future__ import annotations

from homeport.errors import UnknownService
from homeport.model import Cause, Instance, ServiceState, State
from homeport.registry.api import ServiceSummary, Story
from homeport.registry.catalog import Catalog


def service_state(*, wanted: int | None, ready: int, registered: int, losing: bool, unhealthy: int) -> ServiceState:
    """How a service is doing; ``losing``: it lost an instance unasked and is not whole again."""
    if wanted == 0:
        return ServiceState.IDLE if registered == 0 else ServiceState.SCALING
    if ready == 0:
        return ServiceState.DOWN
    if wanted is None or ready == wanted:
        return ServiceState.HEALING if wanted is not None and unhealthy else ServiceState.ACTIVE
    return ServiceState.HEALING if ready < wanted and (losing or unhealthy) else ServiceState.SCALING


def summarise(catalog: Catalog, service: str) -> ServiceSummary:
    instances = list(catalog.of_service(service).values())
    declared = catalog.declared.get(service)
    contract = catalog.contract_of(service)
    stated = [*(declared.requires if declared else ()), *(one for instance in instances for one in instance.requires)]
    newest = max(instances, key=lambda one: (one.state is State.READY, one.revision), default=None)
    return ServiceSummary(
        name=service,
        state=_state(catalog, service),
        wanted=catalog.wanted(service),
        ready=catalog.ready(service),
        registered=len(instances),
        contract=contract.fingerprint if contract else "",
        version=newest.version if newest else "",
        registry=newest.registry if newest else "",
        methods=tuple(method.name for method in contract.methods) if contract else (),
        requires=tuple(sorted({one.service for one in stated if not one.optional})),
        waiting_for=tuple(sorted({name for instance in instances for name in instance.waiting_for})),
        public=any(instance.public for instance in instances) or bool(declared and declared.public),
        asgi=contract.asgi if contract else False,
        doc=contract.doc if contract else "",
    )


def listed(catalog: Catalog) -> list[str]:
    """The services to show: the application's own, and those of which something runs."""
    return [name for name in catalog.services() if name in catalog.declared or catalog.of_service(name)]


def tell(catalog: Catalog, name: str) -> Story:
    """The story of a service or an instance.

    Raises:
        UnknownService: neither is known by this name.
    """
    instance = catalog.instances.get(name)
    if catalog.known(name) or catalog.story.of_service(name):
        return Story(name=name, summary=_of_service(catalog, name), entries=catalog.story.of_service(name))
    entries = catalog.story.of_instance(name)
    if instance is not None:
        return Story(name=name, summary=_of_instance(catalog.shown(instance)), entries=entries)
    if entries:
        gone = entries[-1]
        return Story(name=name, summary=f"{name} of {gone.service} is gone: {_because(gone.cause)}", entries=entries)
    raise UnknownService(name, [*catalog.services(), *catalog.instances])


def _state(catalog: Catalog, service: str) -> ServiceState:
    instances = catalog.of_service(service)
    return service_state(
        wanted=catalog.wanted(service),
        ready=catalog.ready(service),
        registered=len(instances),
        losing=service in catalog.losing,
        unhealthy=sum(instance.state is State.UNHEALTHY for instance in instances.values()),
    )


def _of_service(catalog: Catalog, service: str) -> str:
    wanted, ready = catalog.wanted(service), catalog.ready(service)
    state = _state(catalog, service)
    text = f"{service} is {state}: {ready} of {wanted} ready" if wanted is not None else f"{service}: {ready} ready"
    waiting = sorted({name for one in catalog.of_service(service).values() for name in one.waiting_for})
    if waiting:
        text += f"; waiting for {', '.join(waiting)}"
    if state is ServiceState.ACTIVE:
        return text
    gone = next((entry for entry in reversed(catalog.story.of_service(service)) if entry.event == "gone"), None)
    ailing = next((one for one in catalog.of_service(service).values() if one.state is State.UNHEALTHY), None)
    if ailing is not None and ailing.cause is not None:
        text += f"; {ailing.id} is unhealthy: {_because(ailing.cause)}"
    if state is ServiceState.IDLE:
        decided = next((one for one in reversed(catalog.story.of_service(service)) if not one.instance), None)
        text += f"; {decided.event}: {_because(decided.cause)}" if decided else ""
    elif gone is not None and state in (ServiceState.DOWN, ServiceState.HEALING):
        text += f"; {gone.instance} went: {_because(gone.cause)}"
    return text


def _of_instance(instance: Instance) -> str:
    text = f"{instance.id} of {instance.service} is {instance.state}"
    if instance.waiting_for:
        text += f" for {', '.join(instance.waiting_for)}"
    return f"{text}: {_because(instance.cause)}" if instance.cause else text


def _because(cause: Cause) -> str:
    """One line: the evidence at its last line, where tracebacks say what it was."""
    lines = cause.evidence.strip().splitlines()
    evidence = f" ({lines[-1].strip()})" if lines else ""
    return f"{cause.what}{evidence}, said {cause.actor}"
