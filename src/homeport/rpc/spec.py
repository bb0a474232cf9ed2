"""How one method of another service is called: what a handle knows of it, resolved once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from homeport.balancing.hedging import Hedging
from homeport.balancing.policy import Declared, Policy, Retries, policy_of
from homeport.contracts.api import MethodContract
from homeport.rpc.answers import Decode
from homeport.rpc.frames import Bind

Arguments = Callable[[tuple[Any, ...], dict[str, Any]], bytes]
RouteKey = Callable[[tuple[Any, ...], dict[str, Any]], bytes | None]

STREAM_IDLE = 30.0  # seconds the next item of a stream may take


class CallSpec:
    """Codecs, policy and name of one method, for one caller."""

    __slots__ = (
        "bind",
        "decode",
        "encode",
        "hedging",
        "idempotent",
        "idle",
        "json",
        "method",
        "name",
        "priority",
        "retries",
        "route_key",
        "service",
        "streams",
        "timeout",
    )

    def __init__(
        self,
        service: str,
        method: str,
        *,
        caller: str,
        encode: Arguments,
        decode: Decode,
        contract: MethodContract | None,
        policy: Policy,
        timeout: float | None = None,
        route_key: RouteKey | None = None,
        json: bool = False,
    ) -> None:
        """``timeout`` is the caller's own wish, in seconds, and goes before all settings."""
        declared = Declared(
            timeout=contract.timeout if contract is not None else None,
            idempotent=contract.idempotent if contract is not None else False,
        )
        in_force = policy_of(policy, method, declared)
        self.service, self.method, self.name = service, method, f"{service}.{method}"
        self.encode, self.decode, self.json = encode, decode, json
        self.route_key = route_key
        self.streams = contract is not None and contract.streams
        self.idempotent = declared.idempotent
        self.timeout = timeout or in_force.timeout
        self.idle: float | None = timeout or declared.timeout or STREAM_IDLE
        self.priority = in_force.priority
        self.retries: Retries = msgspec.structs.replace(policy.retries, attempts=in_force.attempts)
        self.hedging = Hedging(in_force.hedge) if in_force.hedge is not None else None
        self.bind = Bind(service=service, method=method, caller=caller, json=json)

    def bind_to(self, instance: str) -> Bind:
        """The binding of this method at one instance."""
        return msgspec.structs.replace(self.bind, instance=instance)
