"""What the settings say of a service that a worker hosts."""

from __future__ import annotations

from homeport.balancing.policy import Policy
from homeport.config import ServiceConfig
from homeport.worker.api import HostedService


def hosted_service(service: str, instances: int, config: ServiceConfig) -> HostedService:
    """The service as a worker is to host it."""
    return HostedService(
        name=service,
        instances=instances,
        config=config.config,
        concurrency=config.concurrency,
        threads=config.threads,
        weight=config.weight,
        limit=config.limit,
    )


def call_policy(config: ServiceConfig) -> Policy | None:
    """What callers are to know of the settings; None where they say nothing."""
    policy = Policy(**{name: getattr(config, name) for name in Policy.__struct_fields__})
    return policy if policy != Policy() else None
