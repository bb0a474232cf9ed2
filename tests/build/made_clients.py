"""Makes clients of made-up contracts and tries all their classes, as a process of its own.

Thousands of classes stay behind in it, and an annotation that crashes a decoder ends no other test.
"""

from __future__ import annotations

import sys
from types import ModuleType

from hypothesis import HealthCheck, given, settings

from homeport.build.generator.client.package import client_package
from homeport.contracts.api import Contract
from homeport.contracts.signature import signature_of
from homeport.contracts.wire import msgpack_decoder
from tests.build.made_contracts import contracts


@settings(max_examples=80, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(contracts())
def try_client(made_up: list[Contract]) -> None:
    package = loaded(client_package(made_up, name="made_up", application="x", version="1"), "made_up")
    for value in vars(package["models"]).values():
        if isinstance(value, type) and value.__module__ == "made_up.models":
            msgpack_decoder(value)
    for value in vars(package["services"]).values():
        if isinstance(value, type) and value.__module__ == "made_up.services":
            signature_of(value, "any")


def loaded(files: dict[str, str], name: str) -> dict[str, ModuleType]:
    """The package's modules from their texts; without those that would connect somewhere."""
    package = sys.modules[name] = ModuleType(name)
    package.__path__ = []
    found = {}
    for part in ("models", "errors", "services", "blocking"):
        module = found[part] = sys.modules[f"{name}.{part}"] = ModuleType(f"{name}.{part}")
        module.__package__ = name
        setattr(package, part, module)
        exec(compile(files[f"{name}/{part}.py"], part, "exec"), vars(module))
    return found


if __name__ == "__main__":
    try_client()
