"""Homeport: a service registry that runs your services. What a service author imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeport.authoring.dependency import dependency
    from homeport.authoring.method import method
    from homeport.authoring.service import service
    from homeport.client import Client, connect, connect_sync
    from homeport.errors import (
        ConnectionLost,
        DeadlineExceeded,
        Draining,
        HomeportError,
        NoEndpoint,
        Overloaded,
        ProtocolError,
        RemoteError,
        ServiceError,
        Unavailable,
        UsageError,
    )
    from homeport.rpc.context import current, timeout
    from homeport.rpc.waiting import wait
    from homeport.running import run

    __version__: str

__all__ = [
    "Client",
    "ConnectionLost",
    "DeadlineExceeded",
    "Draining",
    "HomeportError",
    "NoEndpoint",
    "Overloaded",
    "ProtocolError",
    "RemoteError",
    "ServiceError",
    "Unavailable",
    "UsageError",
    "connect",
    "connect_sync",
    "current",
    "dependency",
    "method",
    "run",
    "service",
    "timeout",
    "wait",
]

if not TYPE_CHECKING:
    from homeport._lazy import load_lazily

    load_lazily(
        __name__,
        {
            "homeport.authoring.dependency": "dependency",
            "homeport.authoring.method": "method",
            "homeport.authoring.service": "service",
            "homeport.client": "Client connect connect_sync",
            "homeport.errors": "ConnectionLost DeadlineExceeded Draining HomeportError NoEndpoint Overloaded"
            " ProtocolError RemoteError ServiceError Unavailable UsageError",
            "homeport.rpc.context": "current timeout",
            "homeport.rpc.waiting": "wait",
            "homeport.running": "run",
        },
        submodules=("asgi", "testing"),
    )
