"""Services called in every way there is: by reference, through the codec, and over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from homeport.authoring.service import options_of
from homeport.build.live.planned import planned_service
from homeport.build.plan import PlannedDependency
from homeport.contracts.signature import signature_of
from homeport.discovery.view import View
from homeport.model import Instance, State
from homeport.rpc.caller import Caller
from homeport.rpc.handles import Handle
from homeport.rpc.peers import Links
from homeport.rpc.server import RpcServer
from homeport.worker.assembly import assemble
from homeport.worker.host import Host, HostedInstance


class World:
    """One process's worth of services, and a caller of them."""

    def __init__(self, mode: str, caller: Caller, host: Host, server: RpcServer | None) -> None:
        self.mode, self.caller, self.host, self.server = mode, caller, host, server

    def get(self, cls: type, *, timeout: float | None = None, owner: str = "test") -> Any:
        service = options_of(cls).name
        signature = signature_of(cls, service)
        return Handle(self.caller, service, owner=owner, types=lambda: signature, timeout=timeout)

    def plain(self, service: str) -> Any:
        return Handle(self.caller, service, owner="test")

    def hosted(self, service: str) -> HostedInstance:
        hosted = self.host.of_service(service)
        assert hosted is not None
        return hosted


async def _known(service: str) -> None:
    return None


def new_caller(name: str = "test") -> Caller:
    return Caller(View(), Links(name), _known)


@asynccontextmanager
async def world(
    mode: str, folder: Path, *classes: type, concurrency: int = 100, threads: int = 4
) -> AsyncIterator[World]:
    host = Host()
    outside = new_caller()
    inside = new_caller("worker") if mode == "remote" else outside
    endpoint = f"unix:{folder}/s.sock"
    server = None
    if mode == "remote":
        server = RpcServer(host, name="worker test")
        await server.listen(endpoint)
    instances = []
    for cls in classes:
        plan = planned_service(cls)
        signature = signature_of(cls, plan.name)

        def handle(dependency: PlannedDependency, types: Any, owner: str = plan.name) -> Any:
            return Handle(inside, dependency.service, owner=owner, types=types, timeout=dependency.timeout)

        hosted = HostedInstance(
            id=f"{plan.name}-1",
            target=assemble(cls, plan, {}, handle),
            signature=signature,
            edges=host.edges,
            concurrency=concurrency,
            threads=threads,
            through_codec=mode == "codec",
        )
        host.add(hosted)
        instances.append(hosted)
        for caller in {inside, outside}:
            caller.view.contracts[signature.contract.fingerprint] = signature.contract
            view = caller.view.service(plan.name)
            view.known = True
            if mode == "remote":
                view.instances[hosted.id] = Instance(
                    id=hosted.id,
                    service=plan.name,
                    endpoints=(endpoint,),
                    state=State.READY,
                    contract=signature.contract.fingerprint,
                )
            caller.follow([plan.name])
            if mode == "remote":
                caller.route(plan.name).refresh()
            else:
                caller.route(plan.name).host(hosted)
    try:
        yield World(mode, outside, host, server)
    finally:
        for caller in {inside, outside}:
            await caller.close()
        if server is not None:
            await server.close()
        for hosted in instances:
            hosted.close()


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Any]:
    """The loop that workers run on; tests of the in-process kit run on asyncio's own."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(params=["local", "codec", "remote"])
def mode(request: pytest.FixtureRequest) -> str:
    param: str = request.param
    return param
