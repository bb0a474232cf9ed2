"""What the settings say of a service that a worker hosts."""

from __future__ import annotations

from homeport.build.plan import PlannedService
from homeport.config import ServiceConfig
from homeport.worker.api import HostedService


def hosted_service(service: PlannedService, instances: int, config: ServiceConfig) -> HostedService:
    """The service as a worker is to host it."""
    return HostedService(
        plan=service,
        instances=instances,
        config=config.config,
        concurrency=config.concurrency,
        threads=config.threads,
        weight=config.weight,
        timeouts={name: method.timeout for name, method in config.methods.items() if method.timeout is not None},
    )
